"""A train or plane ticket: passenger, stations, hours, coach and seat, class, fare. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    origin, destination = d.two_cities()
    return {
        "passenger": d.person(),
        "operator": d.company(),
        "service": d.code("ICE ###|TGV ####|@@####|IC ##|FL ####"),
        "origin": origin,
        "destination": destination,
        "travel": d.date(),
        "departs": d.time(5, 13),
        "arrives": d.time(14, 23),
        "coach": d.count(1, 19),
        "seat": d.code("##@|##|#@"),
        "travel_class": d.enum("travel_class"),
        "fare": d.money(9, 320),
        "currency": d.currency("fare"),
        "booking": d.code("@@@@##|@#@#@#|#######"),
        "bought": d.date(),
        "exchangeable": d.flag("exchangeable"),
    }


EN = r"""
names
  passenger: passenger|passenger name|traveller
  operator: operator|carrier|airline or railway
  service: train number|flight or train|service number
  origin: origin|departure station|travelling from
  destination: destination|arrival station|travelling to
  travel: travel date|journey date|day of travel
  departs: departure|departs at|departure time
  arrives: arrival|arrives at|arrival time
  coach: coach|carriage|coach number
  seat: seat|seat number|place number
  travel_class: class|travel class|comfort class
  fare: fare|ticket price|price paid
  currency: currency|fare currency
  booking: booking reference|PNR|reservation code
  bought: purchase date|issued on|bought on
  exchangeable: exchangeable|can be exchanged
  outbound: journey|trip
enum travel_class
  first: 1st class|first class
  second: 2nd class|second class
  business: business class
enum exchangeable
  yes: this ticket can be exchanged|exchange is free
  no: this ticket cannot be exchanged|no exchange
whole
  {operator}
    [Passenger: {passenger}]
    {origin} -> {destination}
    [{travel}][  dep. {departs}][  arr. {arrives}]
    [{service}][  coach {coach}][  seat {seat}]
    [{travel_class}]
    [Fare: {fare}]
    [Ref. {booking}]
    [Issued on {bought}]
  E-TICKET [{booking}]
    From: {origin}[, {departs}]
    To: {destination}[, {arrives}]
    [Date: {travel}]
    [Name: {passenger}]
    [Seat {seat}][, coach {coach}]
    [Price {fare}]
    Operated by {operator}
open
  {passenger} travels from {origin} to {destination}[ on {travel}].
  Your ticket from {origin} to {destination} with {operator}.
body
  {service} leaves at {departs}[ and arrives at {arrives}].
  Departure {departs}, arrival {arrives}.
  Coach {coach}, seat {seat}.
  You travel in {travel_class}.
  You paid {fare}[ on {bought}].
  Booking reference: {booking}.
  Please note: {exchangeable}.
  Operated by {operator}.
  Travel date: {travel}.
  Passenger: {passenger}.
extra
  Boarding ends at {#time}.
  A bicycle costs {#money} more.
"""

FR = r"""
names
  passenger: voyageur|nom du voyageur
  operator: compagnie|transporteur
  service: numéro de train|vol
  origin: gare de départ|de
  destination: gare d'arrivée|à
  travel: date du voyage|date
  departs: heure de départ|départ
  arrives: heure d'arrivée|arrivée
  coach: voiture
  seat: place|siège
  travel_class: classe
  fare: tarif|prix du billet
  currency: devise
  booking: référence de réservation|dossier
  bought: date d'achat|acheté le
  exchangeable: échangeable
  outbound: trajet
enum travel_class
  first: 1re classe|première classe
  second: 2e classe|seconde classe
  business: classe affaires
enum exchangeable
  yes: billet échangeable
  no: billet non échangeable
whole
  {operator}
    [Voyageur : {passenger}]
    {origin} -> {destination}
    [{travel}][  dép. {departs}][  arr. {arrives}]
    [{service}][  voiture {coach}][  place {seat}]
    [{travel_class}]
    [Prix : {fare}]
    [Dossier {booking}]
open
  {passenger} voyage de {origin} à {destination}[ le {travel}].
body
  Départ à {departs}, arrivée à {arrives}.
  Voiture {coach}, place {seat}.
  Vous voyagez en {travel_class}.
  Prix payé : {fare}[, le {bought}].
  Référence : {booking}.
  À savoir : {exchangeable}.
  Compagnie : {operator}.
"""

ES = r"""
names
  passenger: pasajero|nombre del pasajero
  operator: compañía|operador
  service: número de tren|vuelo
  origin: origen|estación de salida
  destination: destino|estación de llegada
  travel: fecha del viaje|fecha
  departs: hora de salida|salida
  arrives: hora de llegada|llegada
  coach: coche
  seat: asiento|plaza
  travel_class: clase
  fare: tarifa|precio del billete
  currency: moneda
  booking: localizador|referencia
  bought: fecha de compra|comprado el
  exchangeable: canjeable
  outbound: trayecto
enum travel_class
  first: primera clase|1.ª clase
  second: segunda clase|2.ª clase
  business: clase preferente
enum exchangeable
  yes: el billete admite cambios
  no: el billete no admite cambios
whole
  {operator}
    [Pasajero: {passenger}]
    {origin} -> {destination}
    [{travel}][  sal. {departs}][  lleg. {arrives}]
    [{service}][  coche {coach}][  asiento {seat}]
    [{travel_class}]
    [Precio: {fare}]
    [Localizador {booking}]
open
  {passenger} viaja de {origin} a {destination}[ el {travel}].
body
  Salida a las {departs}, llegada a las {arrives}.
  Coche {coach}, asiento {seat}.
  Viaja en {travel_class}.
  Precio: {fare}[, comprado el {bought}].
  Localizador: {booking}.
  Nota: {exchangeable}.
  Compañía: {operator}.
"""

DE = r"""
names
  passenger: Reisender|Name des Reisenden
  operator: Verkehrsunternehmen|Betreiber
  service: Zugnummer|Flug
  origin: Abfahrtsbahnhof|von
  destination: Zielbahnhof|nach
  travel: Reisedatum|Datum
  departs: Abfahrtszeit|Abfahrt
  arrives: Ankunftszeit|Ankunft
  coach: Wagen
  seat: Sitzplatz|Platz
  travel_class: Klasse
  fare: Fahrpreis|Ticketpreis
  currency: Währung
  booking: Buchungscode|Auftragsnummer
  bought: Kaufdatum|gekauft am
  exchangeable: umtauschbar
  outbound: Fahrt
enum travel_class
  first: 1. Klasse|erste Klasse
  second: 2. Klasse|zweite Klasse
  business: Business-Klasse
enum exchangeable
  yes: Umtausch möglich
  no: vom Umtausch ausgeschlossen
whole
  {operator}
    [Reisender: {passenger}]
    {origin} -> {destination}
    [{travel}][  ab {departs}][  an {arrives}]
    [{service}][  Wagen {coach}][  Platz {seat}]
    [{travel_class}]
    [Preis: {fare}]
    [Auftrag {booking}]
open
  {passenger} fährt von {origin} nach {destination}[, am {travel}].
body
  Abfahrt um {departs} Uhr, Ankunft um {arrives} Uhr.
  Wagen {coach}, Platz {seat}.
  Klasse: {travel_class}.
  Preis: {fare}[, gekauft am {bought}].
  Buchungscode: {booking}.
  Hinweis: {exchangeable}.
  Betreiber: {operator}.
"""

IT = r"""
names
  passenger: passeggero|nome del passeggero
  operator: compagnia|vettore
  service: numero del treno|volo
  origin: stazione di partenza|da
  destination: stazione di arrivo|a
  travel: data del viaggio|data
  departs: ora di partenza|partenza
  arrives: ora di arrivo|arrivo
  coach: carrozza
  seat: posto|sedile
  travel_class: classe
  fare: tariffa|prezzo del biglietto
  currency: valuta
  booking: codice di prenotazione|PNR
  bought: data di acquisto|acquistato il
  exchangeable: modificabile
  outbound: tratta
enum travel_class
  first: 1ª classe|prima classe
  second: 2ª classe|seconda classe
  business: classe business
enum exchangeable
  yes: cambio consentito
  no: cambio non consentito
whole
  {operator}
    [Passeggero: {passenger}]
    {origin} -> {destination}
    [{travel}][  part. {departs}][  arr. {arrives}]
    [{service}][  carrozza {coach}][  posto {seat}]
    [{travel_class}]
    [Prezzo: {fare}]
    [Codice {booking}]
open
  {passenger} viaggia da {origin} a {destination}[ il {travel}].
body
  Partenza alle {departs}, arrivo alle {arrives}.
  Carrozza {coach}, posto {seat}.
  Classe: {travel_class}.
  Prezzo: {fare}[, acquistato il {bought}].
  Codice di prenotazione: {booking}.
  Nota: {exchangeable}.
  Compagnia: {operator}.
"""

PT = r"""
names
  passenger: passageiro|nome do passageiro
  operator: companhia|operador
  service: número do comboio|voo
  origin: estação de partida|de
  destination: estação de chegada|para
  travel: data da viagem|data
  departs: hora de partida|partida
  arrives: hora de chegada|chegada
  coach: carruagem
  seat: lugar|assento
  travel_class: classe
  fare: tarifa|preço do bilhete
  currency: moeda
  booking: código de reserva|localizador
  bought: data de compra|comprado a
  exchangeable: trocável
  outbound: trajeto
enum travel_class
  first: 1.ª classe|primeira classe
  second: 2.ª classe|segunda classe
  business: classe executiva
enum exchangeable
  yes: o bilhete pode ser trocado
  no: o bilhete não pode ser trocado
whole
  {operator}
    [Passageiro: {passenger}]
    {origin} -> {destination}
    [{travel}][  part. {departs}][  cheg. {arrives}]
    [{service}][  carruagem {coach}][  lugar {seat}]
    [{travel_class}]
    [Preço: {fare}]
    [Localizador {booking}]
open
  {passenger} viaja de {origin} para {destination}[ a {travel}].
body
  Partida às {departs}, chegada às {arrives}.
  Carruagem {coach}, lugar {seat}.
  Classe: {travel_class}.
  Preço: {fare}[, comprado a {bought}].
  Código de reserva: {booking}.
  Nota: {exchangeable}.
  Companhia: {operator}.
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("origin", "destination", "operator"),
    groups={"outbound": ("origin", "destination", "travel", "departs", "arrives")},
    layouts={"whole": 5, "prose": 3, "lines": 2},
)
