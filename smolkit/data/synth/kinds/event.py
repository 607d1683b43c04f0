"""An event notice: what, where, when, who speaks or plays, price, how to sign up."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    city = d.city()
    return {
        "title": Value(f"{d.word('formats')} {d.word('topics')}"),
        "venue": Value(d.word("venues").replace("*", d.invented())),
        "city": city,
        "date": d.date(),
        "start": d.time(8, 15),
        "end": d.time(16, 23),
        "speakers": [d.person() for _ in range(d.rng.randint(1, 3))],
        "organizer": d.company(),
        "fee": d.money(4, 80, cents=0.3),
        "url": d.url(),
        "seats": d.count(20, 400),
        "online": d.flag("online"),
    }


EN = r"""
names
  title: event|event name|title|event title
  venue: venue|place|location|hall
  city: city|town
  date: date|event date|day
  start: start time|starts at|begins
  end: end time|ends at|finish
  speakers: speakers|guests|artists|performers
  organizer: organizer|organiser|host|hosted by
  fee: ticket price|admission|entry fee|price
  url: website|url|registration link|link
  seats: seats|capacity|places available
  online: online|live stream|streamed
  place: where|event location
  schedule: when|schedule|timing
enum online
  yes: also streamed online|with a live stream
  no: in person only|not streamed
pool formats
  Spring Festival of|Open Evening on|Workshop:|Annual Meeting for|Long Night of|Introduction to|Symposium on
  Weekend of|Lecture Series on|Panel on|Fair of|Summer School on
pool topics
  Jazz|Urban Gardening|Data Ethics|Watercolour|Film Music|Bread Baking|Local History|Wind Energy|Chess
  Street Photography|Modern Poetry|Beekeeping|Board Games|Folk Dance|Robotics|Choral Singing|Pottery|Astronomy
pool venues
  * Hall|Old * Theatre|* Arts Centre|* Library|The * Barn|Hotel *|* Town Hall|* Museum
open
  {title}[ in {city}][ on {date}][, {venue}].
  Join us for "{title}"[ on {date}][ at the {venue}].
  {organizer} presents: {title}[, {date}][, {city}].
  Save the date: {title}, {date}[, {city}].
  {title} comes to {city}[ on {date}].
body
  Doors open at {#time}, we begin at {start}[ and finish at {end}].
  The event starts at {start}.
  It ends at {end}.
  Venue: {venue}[, {city}].
  With {speakers}.
  On stage: {speakers}.
  Organised by {organizer}.
  Tickets cost {fee}.
  Entry fee: {fee}.
  Register at {url}.
  More on {url}.
  There are {seats} seats.
  The evening takes place {online}.
  It takes place in {city}.
  Date: {date}.
extra
  Last year more than {#number} people came.
  Children under 12 enter free.
  Parking costs {#money}.
  The bar opens at {#time}.
close
  See you there!
  Please spread the word.
title
  EVENT
  What's on
  {title}
"""

FR = r"""
names
  title: événement|titre|nom de l'événement
  venue: lieu|salle
  city: ville|commune
  date: date|jour
  start: heure de début|début
  end: heure de fin|fin
  speakers: intervenants|invités|artistes
  organizer: organisateur|organisé par
  fee: tarif|prix d'entrée|entrée
  url: site|lien d'inscription|site web
  seats: places|capacité
  online: en ligne|retransmission
  place: où
  schedule: horaires
enum online
  yes: avec retransmission en ligne|en salle et en ligne
  no: uniquement sur place|sans retransmission
pool formats
  Festival de|Soirée|Atelier|Nuit du|Journée|Conférence|Salon|Fête|Rencontre|Stage|Forum|Week-end
pool topics
  Jazz|Jardins Urbains|Poésie Moderne|Aquarelle|Énergie Éolienne|Boulangerie|Patrimoine|Échecs|Photographie
  Astronomie|Danse Folk|Apiculture|Robotique|Cinéma Muet
pool venues
  Salle *|Théâtre *|Centre *|Médiathèque *|Espace *|Hôtel *
open
  {title}[ à {city}][ le {date}][, {venue}].
  Venez découvrir « {title} »[ le {date}][, {venue}].
  {organizer} présente : {title}[, le {date}][, à {city}].
  {title} arrive à {city}[ le {date}].
body
  Ouverture des portes à {#time}, début à {start}[, fin à {end}].
  Début : {start}.
  Fin à {end}.
  Lieu : {venue}[, {city}].
  Avec {speakers}.
  Organisé par {organizer}.
  Entrée : {fee}.
  Inscription sur {url}.
  {seats} places disponibles.
  L'événement a lieu {online}.
  Rendez-vous à {city}.
  Date : {date}.
extra
  L'an dernier, plus de {#number} personnes sont venues.
  Le parking coûte {#money}.
title
  À L'AFFICHE
  {title}
"""

DE = r"""
names
  title: Veranstaltung|Titel|Name der Veranstaltung
  venue: Veranstaltungsort|Saal
  city: Stadt|Ort
  date: Datum|Tag
  start: Beginn|Startzeit
  end: Ende|Endzeit
  speakers: Gäste|Mitwirkende|Referenten
  organizer: Veranstalter|organisiert von
  fee: Eintritt|Eintrittspreis
  url: Webseite|Anmeldung
  seats: Plätze|Kapazität
  online: online|Livestream
  place: Wo
  schedule: Wann
enum online
  yes: mit Livestream|vor Ort und online
  no: nur vor Ort|ohne Livestream
pool formats
  Festival|Abend|Werkstatt|Lange Nacht|Tagung|Vortrag|Messe|Fest|Treffen|Kurs|Forum|Wochenende
pool topics
  Jazz|Stadtgärten|Neue Lyrik|Aquarell|Windkraft|Brotbacken|Heimatgeschichte|Schach|Fotografie|Astronomie|Volkstanz
  Imkerei|Robotik|Stummfilm
pool venues
  *-Saal|Theater *|Kulturhaus *|Bibliothek *|Hotel *|Museum *
open
  {title}[ in {city}][ am {date}][, {venue}].
  Herzliche Einladung: „{title}“[ am {date}][, {venue}].
  {organizer} präsentiert: {title}[, {date}][, {city}].
  {title} kommt nach {city}[, am {date}].
body
  Einlass um {#time} Uhr, Beginn um {start} Uhr[, Ende um {end} Uhr].
  Beginn: {start} Uhr.
  Ende: {end} Uhr.
  Ort: {venue}[, {city}].
  Mit {speakers}.
  Veranstalter: {organizer}.
  Der Eintritt kostet {fee}.
  Anmeldung unter {url}.
  Es gibt {seats} Plätze.
  Die Veranstaltung findet {online} statt.
  Ort des Geschehens: {city}.
  Datum: {date}.
extra
  Letztes Jahr kamen über {#number} Gäste.
  Parken kostet {#money}.
title
  VERANSTALTUNG
  {title}
"""

ES = r"""
names
  title: evento|título|nombre del evento
  venue: sala|recinto
  city: ciudad|localidad
  date: fecha|día
  start: hora de inicio|comienzo
  end: hora de fin|final
  speakers: ponentes|invitados|artistas
  organizer: organizador|organiza
  fee: entrada|precio de la entrada
  url: web|enlace de inscripción
  seats: plazas|aforo
  online: en línea|retransmisión
  place: dónde
  schedule: horario
enum online
  yes: con retransmisión en línea
  no: solo presencial
pool formats
  Festival de|Noche de|Taller de|Feria de|Jornada de|Curso de|Encuentro de|Ciclo de
pool topics
  Jazz|Huertos Urbanos|Poesía|Acuarela|Energía Eólica|Panadería|Ajedrez|Fotografía|Astronomía|Robótica|Apicultura
  Cine Mudo
pool venues
  Sala *|Teatro *|Centro *|Biblioteca *|Hotel *
open
  {title}[ en {city}][ el {date}][, {venue}].
  {organizer} presenta: {title}[, {date}][, {city}].
  Llega a {city}: {title}[, el {date}].
body
  Apertura de puertas a las {#time}, inicio a las {start}[ y fin a las {end}].
  Inicio: {start}.
  Termina a las {end}.
  Lugar: {venue}[, {city}].
  Con {speakers}.
  Organiza {organizer}.
  Entrada: {fee}.
  Inscripciones en {url}.
  Hay {seats} plazas.
  El acto se celebra {online}.
  Se celebra en {city}.
  Fecha: {date}.
extra
  El año pasado vinieron más de {#number} personas.
  El aparcamiento cuesta {#money}.
title
  AGENDA
  {title}
"""

IT = r"""
names
  title: evento|titolo|nome dell'evento
  venue: sala|luogo
  city: città|comune
  date: data|giorno
  start: ora di inizio|inizio
  end: ora di fine|fine
  speakers: relatori|ospiti|artisti
  organizer: organizzatore|organizzato da
  fee: ingresso|prezzo del biglietto
  url: sito|link di iscrizione
  seats: posti|capienza
  online: online|diretta
  place: dove
  schedule: orari
enum online
  yes: anche in diretta online
  no: solo in presenza
pool formats
  Festival di|Notte di|Laboratorio di|Fiera di|Giornata di|Corso di|Incontro di|Rassegna di
pool topics
  Jazz|Orti Urbani|Poesia|Acquerello|Energia Eolica|Panificazione|Scacchi|Fotografia|Astronomia|Robotica|Apicoltura
  Cinema Muto
pool venues
  Sala *|Teatro *|Centro *|Biblioteca *|Hotel *
open
  {title}[ a {city}][, {date}][, {venue}].
  {organizer} presenta: {title}[, {date}][, {city}].
  Arriva a {city}: {title}[, {date}].
body
  Apertura porte alle {#time}, inizio alle {start}[, fine alle {end}].
  Inizio: {start}.
  Termina alle {end}.
  Luogo: {venue}[, {city}].
  Con {speakers}.
  Organizza {organizer}.
  Ingresso: {fee}.
  Iscrizioni su {url}.
  Ci sono {seats} posti.
  L'evento si tiene {online}.
  Si tiene a {city}.
  Data: {date}.
extra
  L'anno scorso sono venute più di {#number} persone.
  Il parcheggio costa {#money}.
title
  EVENTI
  {title}
"""

PT = r"""
names
  title: evento|título|nome do evento
  venue: sala|recinto
  city: cidade|localidade
  date: data|dia
  start: hora de início|início
  end: hora de fim|fim
  speakers: oradores|convidados|artistas
  organizer: organizador|organização
  fee: entrada|preço do bilhete
  url: site|ligação de inscrição
  seats: lugares|lotação
  online: em linha|transmissão
  place: onde
  schedule: horário
enum online
  yes: com transmissão em direto
  no: apenas presencial
pool formats
  Festival de|Noite de|Oficina de|Feira de|Jornada de|Curso de|Encontro de|Ciclo de
pool topics
  Jazz|Hortas Urbanas|Poesia|Aguarela|Energia Eólica|Padaria|Xadrez|Fotografia|Astronomia|Robótica|Apicultura
  Cinema Mudo
pool venues
  Sala *|Teatro *|Centro *|Biblioteca *|Hotel *
open
  {title}[ em {city}][, {date}][, {venue}].
  {organizer} apresenta: {title}[, {date}][, {city}].
  Chega a {city}: {title}[, {date}].
body
  Abertura de portas às {#time}, início às {start}[ e fim às {end}].
  Início: {start}.
  Termina às {end}.
  Local: {venue}[, {city}].
  Com {speakers}.
  Organização: {organizer}.
  Entrada: {fee}.
  Inscrições em {url}.
  Há {seats} lugares.
  O evento realiza-se {online}.
  Realiza-se em {city}.
  Data: {date}.
extra
  No ano passado vieram mais de {#number} pessoas.
  O estacionamento custa {#money}.
title
  AGENDA
  {title}
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("title",),
    groups={"place": ("venue", "city"), "schedule": ("date", "start", "end")},
)
