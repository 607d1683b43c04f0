"""A news brief: a fire, an accident, a theft or a flood, with place, hurt people, cost, and who said so."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    return {
        "event": d.enum("event"),
        "city": d.city(),
        "street": d.text("streets"),
        "date": d.date(),
        "time": d.time(0, 23),
        "injured": d.count(2, 40),
        "evacuated": d.count(41, 900),
        "damage": d.amount(d.rng.randrange(5, 900) * 1000),
        "building": d.text("buildings"),
        "spokesperson": d.person(),
        "authority": d.text("authorities"),
        "company": d.company(),
        "arrest": d.flag("arrest"),
        "witnesses": [d.person() for _ in range(d.rng.randint(1, 3))],
    }


EN = r"""
names
  event: event type|incident|type of event
  city: city|place|location
  street: street|road|scene
  date: date|event date|day of event
  time: time|hour|time of event
  injured: injured|number of injured|people hurt
  evacuated: evacuated|people evacuated|number evacuated
  damage: damage|estimated damage|cost of damage
  building: building|target|site
  spokesperson: spokesperson|source|quoted person
  authority: authority|service|emergency service
  company: company|affected company|owner
  arrest: arrest made|suspect arrested|arrest
  witnesses: witnesses|eyewitnesses|people interviewed
  scene: scene|where
  toll: toll|casualties
enum event
  fire: a fire|a blaze
  accident: a road accident|a collision
  theft: a burglary|a robbery
  flood: a flood|heavy flooding
  explosion: an explosion|a gas explosion
enum arrest
  yes: a suspect was arrested|police made an arrest
  no: nobody has been arrested|no arrest was made
pool buildings
  school|warehouse|town hall|supermarket|hotel|bakery|railway station|library|car park|factory|chapel|garage
pool authorities
  fire brigade|police|coast guard|civil protection|ambulance service|city council
open
  {city} - There was {event}[ in {street}][ on {date}][ at {time}].
  {city}: {event}[ near the {building}] <kept rescuers busy|alarmed residents>[ on {date}].
  The {authority} <reports|reported> {event} in {city}[ on {date}].
  {city}, {date}. Residents speak of {event}[ at the {building}].
body
  {injured} people were injured[ and {evacuated} had to leave their homes].
  {evacuated} people were evacuated.
  The damage is put at {damage}.
  According to {spokesperson} of the {authority}, the cause is not known.
  "We are investigating", said {spokesperson}.
  The {building} belongs to {company}.
  Owner {company} gave no comment.
  So far {arrest}.
  Witnesses {witnesses} spoke to our reporter.
  It happened at {time}[ in {street}].
  The {building} was badly hit.
  The alarm was raised on {date}.
extra
  A similar case cost {#money} in spring.
  The mayor, {#person}, thanked the helpers.
  In nearby {#city} schools stayed closed.
  The road opened again at {#time}.
title
  IN BRIEF
  Local news
"""

FR = r"""
names
  event: type d'événement|incident
  city: ville|lieu
  street: rue|voie
  date: date|date des faits
  time: heure|heure des faits
  injured: blessés|nombre de blessés
  evacuated: évacués|nombre d'évacués
  damage: dégâts|montant des dégâts
  building: bâtiment|site
  spokesperson: porte-parole|source
  authority: autorité|service
  company: entreprise|propriétaire
  arrest: arrestation
  witnesses: témoins
  scene: lieu des faits
  toll: bilan
enum event
  fire: un incendie|un feu
  accident: un accident de la route|une collision
  theft: un cambriolage|un vol
  flood: une inondation
  explosion: une explosion
enum arrest
  yes: un suspect a été arrêté
  no: personne n'a été arrêté
pool buildings
  école|entrepôt|mairie|supermarché|hôtel|boulangerie|gare|usine
pool authorities
  pompiers|police|gendarmerie|protection civile
open
  {city} - On signale {event}[, {street}][, le {date}][ à {time}].
  {city} : {event} a mobilisé les secours[ le {date}].
body
  {injured} personnes ont été blessées[ et {evacuated} ont été évacuées].
  {evacuated} personnes ont été évacuées.
  Les dégâts sont estimés à {damage}.
  Porte-parole : {spokesperson} ({authority}).
  « L'enquête continue », a déclaré {spokesperson}.
  Propriétaire du site : {company}.
  À cette heure, {arrest}.
  Témoins entendus : {witnesses}.
  Les faits ont eu lieu à {time}[, {street}].
  Bâtiment touché : {building}.
  L'alerte a été donnée le {date}.
extra
  Le maire, {#person}, a remercié les secours.
  À {#city}, les écoles sont restées fermées.
title
  EN BREF
"""

DE = r"""
names
  event: Art des Ereignisses|Vorfall
  city: Stadt|Ort
  street: Straße|Tatort
  date: Datum|Tag des Ereignisses
  time: Uhrzeit|Zeitpunkt
  injured: Verletzte|Zahl der Verletzten
  evacuated: Evakuierte|evakuierte Personen
  damage: Schaden|Schadenshöhe
  building: Gebäude|Objekt
  spokesperson: Sprecher|Quelle
  authority: Behörde|Einsatzkräfte
  company: Firma|Eigentümer
  arrest: Festnahme
  witnesses: Zeugen
  scene: Schauplatz
  toll: Bilanz
enum event
  fire: einen Brand|ein Feuer
  accident: einen Verkehrsunfall|einen Zusammenstoß
  theft: einen Einbruch|einen Diebstahl
  flood: eine Überschwemmung
  explosion: eine Explosion
enum arrest
  yes: ein Verdächtiger wurde festgenommen
  no: es gab keine Festnahme
pool buildings
  Schule|Lagerhalle|Rathaus|Supermarkt|Hotel|Bäckerei|Bahnhof|Fabrik
pool authorities
  Feuerwehr|Polizei|Rettungsdienst|Katastrophenschutz
open
  {city} - Hier gab es {event}[, {street}][, am {date}][ um {time} Uhr].
  {city}: Die {authority} meldet {event}[ am {date}].
body
  {injured} Menschen wurden verletzt[ und {evacuated} in Sicherheit gebracht].
  {evacuated} Menschen wurden evakuiert.
  Der Schaden beträgt {damage}.
  „Wir ermitteln“, sagte {spokesperson}.
  Sprecher: {spokesperson}.
  Eigentümer ist {company}.
  Stand jetzt: {arrest}.
  Zeugen: {witnesses}.
  Es geschah um {time} Uhr[, {street}].
  Betroffenes Gebäude: {building}.
  Alarmiert wurde am {date}.
extra
  Bürgermeister {#person} dankte den Helfern.
  In {#city} blieben die Schulen zu.
title
  KURZ GEMELDET
"""

ES = r"""
names
  event: tipo de suceso|incidente
  city: ciudad|lugar
  street: calle|vía
  date: fecha|fecha del suceso
  time: hora|hora del suceso
  injured: heridos|número de heridos
  evacuated: evacuados|personas evacuadas
  damage: daños|importe de los daños
  building: edificio|inmueble
  spokesperson: portavoz|fuente
  authority: autoridad|servicio
  company: empresa|propietario
  arrest: detención
  witnesses: testigos
  scene: escenario
  toll: balance
enum event
  fire: un incendio|un fuego
  accident: un accidente de tráfico|un choque
  theft: un robo|un hurto
  flood: una inundación
  explosion: una explosión
enum arrest
  yes: hay un detenido
  no: no hay detenidos
pool buildings
  colegio|almacén|ayuntamiento|supermercado|hotel|panadería|estación|fábrica
pool authorities
  bomberos|policía|guardia civil|protección civil
open
  {city} - Se ha registrado {event}[, {street}][, el {date}][ a las {time}].
  {city}: {event} movilizó a los equipos de rescate[ el {date}].
body
  {injured} personas resultaron heridas[ y {evacuated} fueron evacuadas].
  {evacuated} personas fueron evacuadas.
  Los daños ascienden a {damage}.
  Portavoz: {spokesperson} ({authority}).
  «Seguimos investigando», dijo {spokesperson}.
  Propietario: {company}.
  Por ahora {arrest}.
  Testigos: {witnesses}.
  Ocurrió a las {time}[, {street}].
  Edificio afectado: {building}.
extra
  El alcalde, {#person}, dio las gracias a los equipos.
title
  BREVES
"""

IT = r"""
names
  event: tipo di evento|incidente
  city: città|luogo
  street: via|strada
  date: data|data dell'evento
  time: ora|ora dell'evento
  injured: feriti|numero di feriti
  evacuated: evacuati|persone evacuate
  damage: danni|ammontare dei danni
  building: edificio|struttura
  spokesperson: portavoce|fonte
  authority: autorità|servizio
  company: azienda|proprietario
  arrest: arresto
  witnesses: testimoni
  scene: scena
  toll: bilancio
enum event
  fire: un incendio|un rogo
  accident: un incidente stradale|uno scontro
  theft: un furto|una rapina
  flood: un'alluvione
  explosion: un'esplosione
enum arrest
  yes: c'è un arrestato
  no: non ci sono arresti
pool buildings
  scuola|magazzino|municipio|supermercato|albergo|panetteria|stazione|fabbrica
pool authorities
  vigili del fuoco|polizia|carabinieri|protezione civile
open
  {city} - Si segnala {event}[, {street}][, il {date}][ alle {time}].
  {city}: {event} ha impegnato i soccorsi[ il {date}].
body
  {injured} persone sono rimaste ferite[ e {evacuated} sono state evacuate].
  {evacuated} persone sono state evacuate.
  I danni ammontano a {damage}.
  Portavoce: {spokesperson} ({authority}).
  «Le indagini continuano», ha detto {spokesperson}.
  Proprietario: {company}.
  Per ora {arrest}.
  Testimoni: {witnesses}.
  È successo alle {time}[, {street}].
  Edificio colpito: {building}.
extra
  Il sindaco, {#person}, ha ringraziato i soccorritori.
title
  IN BREVE
"""

PT = r"""
names
  event: tipo de ocorrência|incidente
  city: cidade|local
  street: rua|via
  date: data|data da ocorrência
  time: hora|hora da ocorrência
  injured: feridos|número de feridos
  evacuated: evacuados|pessoas evacuadas
  damage: prejuízos|valor dos prejuízos
  building: edifício|imóvel
  spokesperson: porta-voz|fonte
  authority: autoridade|serviço
  company: empresa|proprietário
  arrest: detenção
  witnesses: testemunhas
  scene: local dos factos
  toll: balanço
enum event
  fire: um incêndio|um fogo
  accident: um acidente de viação|uma colisão
  theft: um assalto|um furto
  flood: uma inundação
  explosion: uma explosão
enum arrest
  yes: há um detido
  no: não há detidos
pool buildings
  escola|armazém|câmara municipal|supermercado|hotel|padaria|estação|fábrica
pool authorities
  bombeiros|polícia|guarda republicana|proteção civil
open
  {city} - Registou-se {event}[, {street}][, a {date}][ às {time}].
  {city}: {event} mobilizou os meios de socorro[ a {date}].
body
  {injured} pessoas ficaram feridas[ e {evacuated} foram evacuadas].
  {evacuated} pessoas foram evacuadas.
  Os prejuízos são de {damage}.
  Porta-voz: {spokesperson} ({authority}).
  «Continuamos a investigar», disse {spokesperson}.
  Proprietário: {company}.
  Por agora {arrest}.
  Testemunhas: {witnesses}.
  Aconteceu às {time}[, {street}].
  Edifício atingido: {building}.
extra
  O presidente da câmara, {#person}, agradeceu às equipas.
title
  BREVES
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("event", "city"),
    groups={"scene": ("city", "street", "building"), "toll": ("injured", "evacuated")},
    layouts={"prose": 1},
)
