"""A flat to let: kind of home, place, size, rooms, rent, charges, deposit, pets, date, whom to call."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    rent = d.rng.randrange(300, 2400, 10)
    return {
        "type": d.enum("type"),
        "city": d.city(),
        "street": d.text("streets"),
        "area": d.measure(18, 160, "m²"),
        "rooms": d.count(2, 6),
        "floor": d.count(1, 9),
        "rent": d.amount(rent),
        "charges": d.amount(d.rng.randrange(30, 260, 5)),
        "deposit": d.amount(rent * 2),
        "pets": d.flag("pets"),
        "furnished": d.flag("furnished"),
        "features": d.enums("features", 1, 3),
        "available": d.date(),
        "contact": d.person(),
        "phone": d.phone(),
    }


EN = r"""
names
  type: property type|type|kind of home
  city: city|town|location
  street: street|road|street name
  area: area|floor area|size|surface
  rooms: rooms|number of rooms|room count
  floor: floor|storey|level
  rent: rent|monthly rent|rent per month
  charges: charges|utilities|service charges
  deposit: deposit|security deposit
  pets: pets|pets allowed
  furnished: furnished|with furniture
  features: features|amenities|extras
  available: available from|move-in date|free from
  contact: contact|landlord|contact name
  phone: phone|contact phone|telephone
  costs: costs|monthly costs
  advertiser: advertiser|contact details
  advertiser.contact: name|person
enum features
  balcony: balcony|small balcony
  garage: garage|own garage
  garden: garden|shared garden
  lift: lift
  cellar: cellar|storage cellar
enum type
  apartment: apartment|flat
  house: house|terraced house
  studio: studio|studio flat
  room: room in a shared flat|shared room
enum pets
  yes: pets are welcome|pets allowed
  no: no pets|pets not allowed
enum furnished
  yes: fully furnished|furnished
  no: unfurnished|let without furniture
open
  To let in {city}: {type}[ of {area}][, {rooms} rooms][, {street}].
  For rent: {type}[ on {street}][, {city}].
  {rooms}-room {type}[ in {city}][, {area}].
  Lovely {type}[ in {city}][, {street}].
body
  It comes with {features}.
  Extras: {features}.
  The rent is {rent} per month[, plus {charges} for utilities].
  Rent {rent}[, charges {charges}][, deposit {deposit}].
  A deposit of {deposit} is required.
  Utilities come to {charges} a month.
  Floor area: {area}.
  It has {rooms} rooms.
  Floor number {floor}.
  The place is {furnished}.
  Please note: {pets}.
  Available from {available}.
  Street: {street}.
  City: {city}.
  Call {contact} on {phone}.
  Viewings with {contact}.
  Phone: {phone}.
extra
  A parking space costs {#money} more.
  Viewing day: {#day}.
  The bus stop is {#number} metres away.
close
  No agency fee.
title
  TO LET
  Rental offer
"""

FR = r"""
names
  type: type de bien|logement
  city: ville|commune
  street: rue|voie
  area: surface|superficie
  rooms: pièces|nombre de pièces
  floor: étage
  rent: loyer|loyer mensuel
  charges: charges|charges mensuelles
  deposit: dépôt de garantie|caution
  pets: animaux|animaux acceptés
  furnished: meublé
  features: équipements|prestations
  available: disponible le|date de disponibilité
  contact: contact|propriétaire
  phone: téléphone
  costs: coûts
  advertiser: annonceur
  advertiser.contact: nom
enum features
  balcony: balcon
  garage: garage
  garden: jardin
  lift: ascenseur
  cellar: cave
enum type
  apartment: appartement
  house: maison
  studio: studio
  room: chambre en colocation
enum pets
  yes: animaux acceptés|animaux bienvenus
  no: animaux refusés|pas d'animaux
enum furnished
  yes: entièrement meublé|avec meubles
  no: non meublé|vide
open
  À louer à {city} : {type}[ de {area}][, {rooms} pièces][, {street}].
  Location : {type}[, {street}][, {city}].
body
  Prestations : {features}.
  Loyer : {rent} par mois[, plus {charges} de charges].
  Loyer {rent}[, charges {charges}][, dépôt de garantie {deposit}].
  Dépôt de garantie : {deposit}.
  Charges : {charges} par mois.
  Surface : {area}.
  Nombre de pièces : {rooms}.
  Étage : {floor}.
  Le logement se loue {furnished}.
  À noter : {pets}.
  Libre à partir du {available}.
  Adresse : {street}.
  Ville : {city}.
  Appelez {contact} au {phone}.
  Visites avec {contact}.
  Téléphone : {phone}.
extra
  Place de parking en option pour {#money}.
  Visite le {#day}.
title
  À LOUER
"""

DE = r"""
names
  type: Objektart|Wohnungstyp
  city: Stadt|Ort
  street: Straße
  area: Wohnfläche|Fläche
  rooms: Zimmer|Zimmerzahl
  floor: Stockwerk|Etage
  rent: Kaltmiete|Miete
  charges: Nebenkosten
  deposit: Kaution
  pets: Haustiere|Haustiere erlaubt
  furnished: möbliert
  features: Ausstattung|Extras
  available: frei ab|verfügbar ab
  contact: Kontakt|Vermieter
  phone: Telefon
  costs: Kosten
  advertiser: Anbieter
  advertiser.contact: Name
enum features
  balcony: Balkon
  garage: Garage
  garden: Garten|Gartenanteil
  lift: Aufzug
  cellar: Keller
enum type
  apartment: Wohnung|Mietwohnung
  house: Haus|Reihenhaus
  studio: Einzimmerwohnung|Apartment
  room: WG-Zimmer
enum pets
  yes: Haustiere erlaubt|Haustiere willkommen
  no: keine Haustiere|Haustiere nicht erlaubt
enum furnished
  yes: möbliert|voll möbliert
  no: unmöbliert|leer
open
  Zu vermieten in {city}: {type}[ mit {area}][, {rooms} Zimmer][, {street}].
  Vermietung: {type}[, {street}][, {city}].
body
  Ausstattung: {features}.
  Die Miete beträgt {rent} im Monat[, dazu {charges} Nebenkosten].
  Kaltmiete {rent}[, Nebenkosten {charges}][, Kaution {deposit}].
  Kaution: {deposit}.
  Nebenkosten: {charges}.
  Wohnfläche: {area}.
  Zimmer: {rooms}.
  Stockwerk: {floor}.
  Vermietet wird {furnished}.
  Hinweis: {pets}.
  Frei ab {available}.
  Straße: {street}.
  Ort: {city}.
  Anruf bei {contact} unter {phone}.
  Besichtigung mit {contact}.
  Telefon: {phone}.
extra
  Ein Stellplatz kostet {#money} extra.
  Besichtigung am {#day}.
title
  ZU VERMIETEN
"""

ES = r"""
names
  type: tipo de vivienda|inmueble
  city: ciudad|localidad
  street: calle|vía
  area: superficie|metros
  rooms: habitaciones|número de habitaciones
  floor: planta|piso
  rent: alquiler|renta mensual
  charges: gastos|gastos de comunidad
  deposit: fianza
  pets: mascotas
  furnished: amueblado
  features: extras|equipamiento
  available: disponible desde|fecha de entrada
  contact: contacto|propietario
  phone: teléfono
  costs: costes
  advertiser: anunciante
  advertiser.contact: nombre
enum features
  balcony: balcón
  garage: garaje
  garden: jardín
  lift: ascensor
  cellar: trastero
enum type
  apartment: apartamento
  house: casa
  studio: estudio
  room: habitación en piso compartido
enum pets
  yes: se admiten mascotas
  no: no se admiten mascotas
enum furnished
  yes: con muebles|totalmente amueblado
  no: sin muebles
open
  Se alquila en {city}: {type}[ de {area}][, {rooms} habitaciones][, {street}].
  Alquiler: {type}[, {street}][, {city}].
body
  Extras: {features}.
  Alquiler: {rent} al mes[, más {charges} de gastos].
  Renta {rent}[, gastos {charges}][, fianza {deposit}].
  Fianza: {deposit}.
  Gastos: {charges}.
  Superficie: {area}.
  Habitaciones: {rooms}.
  Planta: {floor}.
  Se alquila {furnished}.
  Nota: {pets}.
  Libre a partir del {available}.
  Calle: {street}.
  Ciudad: {city}.
  Llame a {contact} al {phone}.
  Visitas con {contact}.
  Teléfono: {phone}.
extra
  Plaza de garaje por {#money} más.
title
  EN ALQUILER
"""

IT = r"""
names
  type: tipo di immobile|immobile
  city: città|comune
  street: via|strada
  area: superficie|metratura
  rooms: locali|numero di locali
  floor: piano
  rent: affitto|canone mensile
  charges: spese|spese condominiali
  deposit: cauzione|deposito
  pets: animali|animali ammessi
  furnished: arredato
  features: dotazioni|extra
  available: libero dal|disponibile dal
  contact: contatto|proprietario
  phone: telefono
  costs: costi
  advertiser: inserzionista
  advertiser.contact: nome
enum features
  balcony: balcone
  garage: box auto
  garden: giardino
  lift: ascensore
  cellar: cantina
enum type
  apartment: appartamento
  house: casa|villetta
  studio: monolocale
  room: stanza in condivisione
enum pets
  yes: animali ammessi
  no: animali non ammessi
enum furnished
  yes: con mobili|completamente arredato
  no: senza mobili
open
  Affittasi a {city}: {type}[ di {area}][, {rooms} locali][, {street}].
  In affitto: {type}[, {street}][, {city}].
body
  Dotazioni: {features}.
  Affitto: {rent} al mese[, più {charges} di spese].
  Canone {rent}[, spese {charges}][, cauzione {deposit}].
  Cauzione: {deposit}.
  Spese: {charges}.
  Superficie: {area}.
  Locali: {rooms}.
  Piano: {floor}.
  Si affitta {furnished}.
  Nota: {pets}.
  Libero dal {available}.
  Indirizzo: {street}.
  Città: {city}.
  Chiamare {contact} al {phone}.
  Visite con {contact}.
  Telefono: {phone}.
extra
  Posto auto a {#money} in più.
title
  AFFITTASI
"""

PT = r"""
names
  type: tipo de imóvel|imóvel
  city: cidade|localidade
  street: rua
  area: área|superfície
  rooms: assoalhadas|número de assoalhadas
  floor: andar|piso
  rent: renda|renda mensal
  charges: despesas|condomínio
  deposit: caução
  pets: animais
  furnished: mobilado
  features: extras|comodidades
  available: disponível a partir de|data de entrada
  contact: contacto|senhorio
  phone: telefone
  costs: custos
  advertiser: anunciante
  advertiser.contact: nome
enum features
  balcony: varanda
  garage: garagem
  garden: jardim
  lift: elevador
  cellar: arrecadação
enum type
  apartment: apartamento
  house: moradia
  studio: estúdio
  room: quarto em casa partilhada
enum pets
  yes: aceitam-se animais
  no: não se aceitam animais
enum furnished
  yes: com mobília|totalmente mobilado
  no: sem mobília
open
  Arrenda-se em {city}: {type}[ de {area}][, {rooms} assoalhadas][, {street}].
  Arrendamento: {type}[, {street}][, {city}].
body
  Extras: {features}.
  Renda: {rent} por mês[, mais {charges} de despesas].
  Renda {rent}[, despesas {charges}][, caução {deposit}].
  Caução: {deposit}.
  Despesas: {charges}.
  Área: {area}.
  Assoalhadas: {rooms}.
  Andar: {floor}.
  Arrenda-se {furnished}.
  Nota: {pets}.
  Livre a partir de {available}.
  Rua: {street}.
  Cidade: {city}.
  Ligue para {contact}, telefone {phone}.
  Visitas com {contact}.
  Telefone: {phone}.
extra
  Lugar de garagem por mais {#money}.
title
  ARRENDA-SE
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("type", "rent"),
    groups={"costs": ("rent", "charges", "deposit"), "advertiser": ("contact", "phone")},
)
