"""A used car for sale: make, model, mileage, engine, gearbox, year, owners, price, seller. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    year = d.rng.randint(1998, 2025)
    return {
        "make": d.brand(),
        "model": Value(f"{d.word('cars')} {d.rng.choice(('S', 'GT', '1.6', '2.0', 'X', '300'))}"),
        "year": Value(str(year), "integer", year),
        "mileage": d.measure(3000, 240000, "km"),
        "fuel": d.enum("fuel"),
        "gearbox": d.enum("gearbox"),
        "power": d.measure(45, 320, "hp" if d.lang == "en" else "kW"),
        "paint": d.text("colours"),
        "owners": d.count(1, 5),
        "price": d.money(900, 42000, cents=0.0),
        "inspection": d.date(),
        "accident": d.flag("accident"),
        "seller": d.person(),
        "contact": d.phone(),
        "vin": d.code("@@@##@@#@########"),
        "location": d.city(),
    }


EN = r"""
names
  make: make|car make|marque
  model: model|car model|version
  year: year|year of registration|first registered
  mileage: mileage|odometer|distance driven
  fuel: fuel|fuel type|engine type
  gearbox: gearbox|transmission
  power: power|engine power|output
  paint: paint|body colour|exterior colour
  owners: previous owners|owners|number of owners
  price: asking price|price|price wanted
  inspection: inspection valid until|next inspection|roadworthy until
  accident: accident-free|no accidents
  seller: seller|sold by|seller name
  contact: seller phone|contact number
  vin: VIN|chassis number|vehicle identification number
  location: location|car location|where to see it
  engine: engine|drivetrain
enum fuel
  petrol: petrol|gasoline
  diesel: diesel|diesel engine
  electric: electric|battery electric
  hybrid: hybrid|plug-in hybrid
enum gearbox
  manual: manual|5-speed manual
  automatic: automatic|dual-clutch automatic
enum accident
  yes: it never had an accident|accident-free
  no: it had an accident before|repaired after an accident
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Kestrel|Tundra|Cirro|Falcon|Mistral|Delta|Corsair
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  For sale: {make} {model}[ from {year}].
  Selling my {make} {model}[, {fuel}][, {gearbox}] for {price}.
body
  Mileage {mileage}.
  Fuel: {fuel}[, gearbox: {gearbox}].
  Engine power {power}.
  Paint: {paint}.
  First registered in {year}.
  It had {owners} owners.
  Asking price {price}.
  Inspection valid until {inspection}.
  Good to know: {accident}.
  Call {seller} on {contact}.
  Chassis number {vin}.
  The car stands in {location}.
extra
  New tyres cost me {#money} last year.
  Serviced at {#company}.
title
  USED CAR
  Car for sale
"""

DE = r"""
names
  make: Marke|Fahrzeugmarke
  model: Modell|Ausführung
  year: Baujahr|Erstzulassung
  mileage: Kilometerstand|Laufleistung
  fuel: Kraftstoff|Antrieb
  gearbox: Getriebe|Schaltung
  power: Leistung|Motorleistung
  paint: Lackierung|Außenfarbe
  owners: Vorbesitzer|Anzahl Halter
  price: Kaufpreis|Preis
  inspection: TÜV bis|Hauptuntersuchung bis
  accident: unfallfrei
  seller: Verkäufer|verkauft von
  contact: Telefon des Verkäufers|Rufnummer
  vin: Fahrgestellnummer
  location: Standort
  engine: Motor
enum fuel
  petrol: Benzin|Benziner
  diesel: Diesel
  electric: Elektro|elektrisch
  hybrid: Hybrid
enum gearbox
  manual: Schaltgetriebe|5-Gang
  automatic: Automatik
enum accident
  yes: der Wagen ist unfallfrei
  no: der Wagen hatte einen Unfall
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Falke
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  Zu verkaufen: {make} {model}[, Baujahr {year}].
body
  Kilometerstand: {mileage}.
  Kraftstoff: {fuel}[, Getriebe: {gearbox}].
  Leistung: {power}.
  Lackierung: {paint}.
  Vorbesitzer: {owners}.
  Kaufpreis: {price}.
  TÜV bis {inspection}.
  Wichtig: {accident}.
  Anruf bei {seller} unter {contact}.
  Fahrgestellnummer {vin}.
  Standort: {location}.
title
  GEBRAUCHTWAGEN
"""

IT = r"""
names
  make: marca|casa automobilistica
  model: modello|versione
  year: anno|immatricolazione
  mileage: chilometraggio|chilometri percorsi
  fuel: carburante|alimentazione
  gearbox: cambio
  power: potenza|potenza motore
  paint: colore esterno|vernice
  owners: proprietari precedenti|proprietari
  price: prezzo richiesto|prezzo
  inspection: revisione valida fino al|prossima revisione
  accident: senza incidenti
  seller: venditore|venduto da
  contact: telefono del venditore
  vin: numero di telaio
  location: luogo|dove si trova
  engine: motore
enum fuel
  petrol: benzina
  diesel: diesel|gasolio
  electric: elettrica
  hybrid: ibrida
enum gearbox
  manual: manuale
  automatic: automatico
enum accident
  yes: mai incidentata
  no: ha avuto un incidente
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Falco
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  Vendo {make} {model}[, anno {year}].
body
  Chilometraggio: {mileage}.
  Alimentazione: {fuel}[, cambio: {gearbox}].
  Potenza: {power}.
  Colore esterno: {paint}.
  Proprietari precedenti: {owners}.
  Prezzo: {price}.
  Revisione valida fino al {inspection}.
  Da sapere: {accident}.
  Chiamare {seller} al {contact}.
  Numero di telaio {vin}.
title
  AUTO USATA
"""

FR = r"""
names
  make: marque|constructeur
  model: modèle|version
  year: année|mise en circulation
  mileage: kilométrage|distance parcourue
  fuel: carburant|énergie
  gearbox: boîte de vitesses|transmission
  power: puissance|puissance du moteur
  paint: couleur extérieure|peinture
  owners: propriétaires précédents|propriétaires
  price: prix demandé|prix
  inspection: contrôle technique jusqu'au|prochain contrôle
  accident: non accidenté
  seller: vendeur|vendu par
  contact: téléphone du vendeur
  vin: numéro de châssis
  location: lieu|visible à
  engine: moteur
enum fuel
  petrol: essence
  diesel: diesel|gazole
  electric: électrique
  hybrid: hybride
enum gearbox
  manual: manuelle
  automatic: automatique
enum accident
  yes: jamais accidentée
  no: déjà accidentée
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Faucon
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  À vendre : {make} {model}[, année {year}].
body
  Kilométrage : {mileage}.
  Carburant : {fuel}[, boîte : {gearbox}].
  Puissance : {power}.
  Couleur : {paint}.
  Propriétaires précédents : {owners}.
  Prix demandé : {price}.
  Contrôle technique valable jusqu'au {inspection}.
  À savoir : {accident}.
  Appeler {seller} au {contact}.
  Numéro de châssis {vin}.
  Visible à {location}.
title
  VOITURE D'OCCASION
"""

ES = r"""
names
  make: marca|fabricante
  model: modelo|versión
  year: año|matriculación
  mileage: kilometraje|kilómetros recorridos
  fuel: combustible|motorización
  gearbox: cambio|transmisión
  power: potencia|potencia del motor
  paint: color exterior|pintura
  owners: dueños anteriores|propietarios
  price: precio pedido|precio
  inspection: ITV hasta|próxima inspección
  accident: sin accidentes
  seller: vendedor|vendido por
  contact: teléfono del vendedor
  vin: número de bastidor
  location: lugar|se ve en
  engine: motor
enum fuel
  petrol: gasolina
  diesel: diésel|gasóleo
  electric: eléctrico
  hybrid: híbrido
enum gearbox
  manual: manual
  automatic: automático
enum accident
  yes: nunca tuvo accidentes
  no: tuvo un accidente
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Halcón
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  Se vende {make} {model}[, año {year}].
body
  Kilometraje: {mileage}.
  Combustible: {fuel}[, cambio: {gearbox}].
  Potencia: {power}.
  Color: {paint}.
  Dueños anteriores: {owners}.
  Precio: {price}.
  ITV hasta el {inspection}.
  Dato útil: {accident}.
  Llamar a {seller}, {contact}.
  Número de bastidor {vin}.
  Se puede ver en {location}.
title
  COCHE DE OCASIÓN
"""

PT = r"""
names
  make: marca|fabricante
  model: modelo|versão
  year: ano|matrícula de
  mileage: quilometragem|quilómetros percorridos
  fuel: combustível|motorização
  gearbox: caixa de velocidades|transmissão
  power: potência|potência do motor
  paint: cor exterior|pintura
  owners: donos anteriores|proprietários
  price: preço pedido|preço
  inspection: inspeção até|próxima inspeção
  accident: sem acidentes
  seller: vendedor|vendido por
  contact: telefone do vendedor
  vin: número de quadro
  location: local|pode ver-se em
  engine: motor
enum fuel
  petrol: gasolina
  diesel: diesel|gasóleo
  electric: elétrico
  hybrid: híbrido
enum gearbox
  manual: manual
  automatic: automática
enum accident
  yes: nunca teve acidentes
  no: já teve um acidente
pool cars
  Astor|Pico|Rondo|Vento|Lumen|Falcão
open
  {make} {model}[, {year}][, {mileage}][, {paint}] - {price}
  Vende-se {make} {model}[, ano {year}].
body
  Quilometragem: {mileage}.
  Combustível: {fuel}[, caixa: {gearbox}].
  Potência: {power}.
  Cor: {paint}.
  Donos anteriores: {owners}.
  Preço: {price}.
  Inspeção até {inspection}.
  Bom saber: {accident}.
  Ligar a {seller}, {contact}.
  Número de quadro {vin}.
  Pode ver-se em {location}.
title
  CARRO USADO
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("make", "model", "price"),
    groups={"engine": ("fuel", "gearbox", "power")},
)
