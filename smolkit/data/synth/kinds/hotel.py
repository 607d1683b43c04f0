"""A hotel booking: guest, hotel, place, arrival, departure, nights, rooms, board, price, code."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    arrival = d.date()
    departure = d.date(after=arrival, days=(1, 14))
    return {
        "guest": d.person(),
        "hotel": Value(d.word("hotels").replace("*", d.invented())),
        "city": d.city(),
        "country": d.country(),
        "arrival": arrival,
        "departure": departure,
        "room": d.enum("room"),
        "guests": d.count(1, 6),
        "board": d.enum("board"),
        "price": d.money(60, 2500, cents=0.4),
        "deposit": d.money(20, 200, cents=0.2),
        "code": d.code("@@@###|######|BK-@@##|H#####"),
        "refundable": d.flag("refundable"),
        "checkin": d.time(13, 17),
        "email": d.email(),
    }


EN = r"""
names
  guest: guest|guest name|booked by|name of guest
  hotel: hotel|hotel name|accommodation
  city: city|town|destination
  country: country|country name|nation
  arrival: arrival|check-in date|arrival date
  departure: departure|check-out date|departure date
  room: room type|room|category
  guests: guests|number of guests|persons
  board: board|meals|meal plan
  price: total price|price|cost
  deposit: deposit|advance payment
  code: booking code|confirmation number|booking number
  refundable: refundable|free cancellation
  checkin: check-in time|rooms ready from
  email: hotel e-mail|e-mail|hotel email
  stay: stay|dates
  place: place|location
enum room
  single: single room
  double: double room|twin room
  suite: suite|junior suite
  family: family room
enum board
  breakfast: breakfast included|bed and breakfast
  half board: half board|breakfast and dinner
  none: room only|without meals
enum refundable
  yes: free cancellation|fully refundable
  no: non-refundable|no refund
pool hotels
  Hotel *|* Inn|The * Lodge|* Palace|Pension *|* Resort
open
  {guest}, your booking {code} at {hotel}[ in {city}] is confirmed.
  Booking confirmation {code}[: {hotel}, {city}].
  {hotel}[, {city}] looks forward to welcoming {guest}[ on {arrival}].
  Reservation for {guest}[ at {hotel}][, {city}, {country}].
body
  Arrival {arrival}, departure {departure}.
  Check-in: {arrival}[, from {checkin}].
  Check-out on {departure}.
  Room: {room}[ for {guests} guests].
  Meals: {board}.
  The stay costs {price}[, of which {deposit} is due now].
  Total price: {price}.
  A deposit of {deposit} is due now.
  Terms: {refundable}.
  Rooms are ready from {checkin}.
  Write to {email}.
  City: {city}.
  Country: {country}.
  Booked by {guest}.
  Confirmation number {code}.
extra
  City tax of {#money} is paid on site.
  The pool closes at {#time}.
  Parking costs {#money} a night.
title
  BOOKING CONFIRMATION
  Your stay
"""

FR = r"""
names
  guest: client|nom du client|réservé par
  hotel: hôtel|établissement
  city: ville|destination
  country: pays
  arrival: arrivée|date d'arrivée
  departure: départ|date de départ
  room: type de chambre|chambre
  guests: personnes|nombre de personnes
  board: formule|repas
  price: prix total|prix
  deposit: acompte
  code: code de réservation|numéro de réservation
  refundable: remboursable
  checkin: heure d'arrivée|chambres prêtes dès
  email: e-mail de l'hôtel|e-mail
  stay: séjour
  place: lieu
enum room
  single: chambre simple
  double: chambre double
  suite: suite
  family: chambre familiale
enum board
  breakfast: petit-déjeuner inclus
  half board: demi-pension
  none: sans repas
enum refundable
  yes: annulation gratuite|remboursable
  no: non remboursable
pool hotels
  Hôtel *|Auberge *|Résidence *|Le * Palace
open
  {guest}, votre réservation {code} à l'établissement {hotel}[, {city}] est confirmée.
  Confirmation de réservation {code}[ : {hotel}, {city}].
  Réservation au nom de {guest}[, {hotel}][, {city}, {country}].
body
  Arrivée le {arrival}, départ le {departure}.
  Arrivée : {arrival}[, à partir de {checkin}].
  Départ : {departure}.
  Chambre : {room}[, {guests} personnes].
  Formule : {board}.
  Prix total : {price}[, dont {deposit} d'acompte].
  Acompte : {deposit}.
  Conditions : {refundable}.
  Écrivez à {email}.
  Ville : {city}.
  Pays : {country}.
extra
  Taxe de séjour : {#money}, à régler sur place.
  Parking : {#money} la nuit.
title
  CONFIRMATION DE RÉSERVATION
"""

DE = r"""
names
  guest: Gast|Name des Gastes|gebucht von
  hotel: Hotel|Unterkunft
  city: Stadt|Reiseziel
  country: Land
  arrival: Anreise|Anreisedatum
  departure: Abreise|Abreisedatum
  room: Zimmerart|Zimmer
  guests: Personen|Anzahl Gäste
  board: Verpflegung
  price: Gesamtpreis|Preis
  deposit: Anzahlung
  code: Buchungscode|Buchungsnummer
  refundable: erstattbar
  checkin: Check-in ab|Zimmer bezugsfertig ab
  email: E-Mail des Hotels|E-Mail
  stay: Aufenthalt
  place: Ort
enum room
  single: Einzelzimmer
  double: Doppelzimmer
  suite: Suite
  family: Familienzimmer
enum board
  breakfast: mit Frühstück
  half board: Halbpension
  none: ohne Verpflegung
enum refundable
  yes: kostenlos stornierbar
  no: nicht erstattbar
pool hotels
  Hotel *|Gasthof *|Pension *|Haus *
open
  {guest}, Ihre Buchung {code} im Haus {hotel}[ in {city}] ist bestätigt.
  Buchungsbestätigung {code}[: {hotel}, {city}].
  Reservierung für {guest}[, {hotel}][, {city}, {country}].
body
  Anreise am {arrival}, Abreise am {departure}.
  Anreise: {arrival}[, ab {checkin} Uhr].
  Abreise: {departure}.
  Zimmer: {room}[, {guests} Personen].
  Verpflegung: {board}.
  Gesamtpreis: {price}[, davon {deposit} Anzahlung].
  Anzahlung: {deposit}.
  Bedingungen: {refundable}.
  Schreiben Sie an {email}.
  Stadt: {city}.
  Land: {country}.
extra
  Die Kurtaxe von {#money} zahlen Sie vor Ort.
  Parken: {#money} pro Nacht.
title
  BUCHUNGSBESTÄTIGUNG
"""

ES = r"""
names
  guest: huésped|nombre del huésped|reservado por
  hotel: hotel|alojamiento
  city: ciudad|destino
  country: país
  arrival: llegada|fecha de llegada
  departure: salida|fecha de salida
  room: tipo de habitación|habitación
  guests: personas|número de personas
  board: régimen
  price: precio total|precio
  deposit: anticipo
  code: código de reserva|número de reserva
  refundable: reembolsable
  checkin: hora de entrada
  email: correo del hotel|correo
  stay: estancia
  place: lugar
enum room
  single: habitación individual
  double: habitación doble
  suite: suite
  family: habitación familiar
enum board
  breakfast: desayuno incluido
  half board: media pensión
  none: sin comidas
enum refundable
  yes: cancelación gratuita
  no: no reembolsable
pool hotels
  Hotel *|Hostal *|Posada *
open
  {guest}, su reserva {code} en {hotel}[, {city}] está confirmada.
  Confirmación de reserva {code}[: {hotel}, {city}].
body
  Llegada el {arrival}, salida el {departure}.
  Llegada: {arrival}[, a partir de las {checkin}].
  Salida: {departure}.
  Habitación: {room}[, {guests} personas].
  Régimen: {board}.
  Precio total: {price}[, con {deposit} de anticipo].
  Anticipo: {deposit}.
  Condiciones: {refundable}.
  Escriba a {email}.
  Ciudad: {city}.
  País: {country}.
extra
  La tasa turística de {#money} se paga en el hotel.
title
  CONFIRMACIÓN DE RESERVA
"""

IT = r"""
names
  guest: ospite|nome dell'ospite|prenotato da
  hotel: hotel|alloggio
  city: città|destinazione
  country: paese
  arrival: arrivo|data di arrivo
  departure: partenza|data di partenza
  room: tipo di camera|camera
  guests: persone|numero di persone
  board: trattamento
  price: prezzo totale|prezzo
  deposit: caparra
  code: codice prenotazione|numero di prenotazione
  refundable: rimborsabile
  checkin: ora di check-in
  email: email dell'hotel|email
  stay: soggiorno
  place: luogo
enum room
  single: camera singola
  double: camera doppia
  suite: suite
  family: camera familiare
enum board
  breakfast: colazione inclusa
  half board: mezza pensione
  none: senza pasti
enum refundable
  yes: cancellazione gratuita
  no: non rimborsabile
pool hotels
  Hotel *|Locanda *|Pensione *
open
  {guest}, la Sua prenotazione {code} presso {hotel}[, {city}] è confermata.
  Conferma di prenotazione {code}[: {hotel}, {city}].
body
  Arrivo il {arrival}, partenza il {departure}.
  Arrivo: {arrival}[, dalle {checkin}].
  Partenza: {departure}.
  Camera: {room}[, {guests} persone].
  Trattamento: {board}.
  Prezzo totale: {price}[, di cui {deposit} di caparra].
  Caparra: {deposit}.
  Condizioni: {refundable}.
  Scriva a {email}.
  Città: {city}.
  Paese: {country}.
extra
  La tassa di soggiorno di {#money} si paga in loco.
title
  CONFERMA DI PRENOTAZIONE
"""

PT = r"""
names
  guest: hóspede|nome do hóspede|reservado por
  hotel: hotel|alojamento
  city: cidade|destino
  country: país
  arrival: chegada|data de chegada
  departure: partida|data de partida
  room: tipo de quarto|quarto
  guests: pessoas|número de pessoas
  board: regime
  price: preço total|preço
  deposit: sinal
  code: código de reserva|número da reserva
  refundable: reembolsável
  checkin: hora de entrada
  email: e-mail do hotel|e-mail
  stay: estadia
  place: lugar
enum room
  single: quarto individual
  double: quarto duplo
  suite: suíte
  family: quarto familiar
enum board
  breakfast: pequeno-almoço incluído
  half board: meia pensão
  none: sem refeições
enum refundable
  yes: cancelamento gratuito
  no: não reembolsável
pool hotels
  Hotel *|Pousada *|Pensão *
open
  {guest}, a sua reserva {code} em {hotel}[, {city}] está confirmada.
  Confirmação de reserva {code}[: {hotel}, {city}].
body
  Chegada a {arrival}, partida a {departure}.
  Chegada: {arrival}[, a partir das {checkin}].
  Partida: {departure}.
  Quarto: {room}[, {guests} pessoas].
  Regime: {board}.
  Preço total: {price}[, com {deposit} de sinal].
  Sinal: {deposit}.
  Condições: {refundable}.
  Escreva para {email}.
  Cidade: {city}.
  País: {country}.
extra
  A taxa turística de {#money} paga-se no local.
title
  CONFIRMAÇÃO DE RESERVA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("code", "hotel"),
    groups={"stay": ("arrival", "departure", "checkin"), "place": ("hotel", "city", "country")},
)
