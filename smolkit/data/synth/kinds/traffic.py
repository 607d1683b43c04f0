"""A traffic alert: road, stretch, cause, delay, lanes, since when, diversion. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    start, finish = d.two_cities()
    return {
        "road": d.code("M##|A##|B####|E##|N###"),
        "start": start,
        "finish": finish,
        "cause": d.enum("cause"),
        "delay": d.minutes(5, 120),
        "queue": d.measure(1, 25, "km"),
        "lanes": d.count(2, 4),
        "since": d.time(5, 22),
        "until": d.time(5, 22),
        "day": d.date(),
        "diversion": d.text("streets"),
        "closed": d.flag("closed"),
        "hotline": d.phone(),
    }


EN = r"""
names
  road: road|road number|motorway
  start: junction from|stretch start|between
  finish: junction to|stretch end
  cause: cause|obstruction|reason for delay
  delay: delay|extra travel time|time lost
  queue: queue length|tailback|congestion
  lanes: lanes blocked|blocked lanes
  since: since|reported at|alert time
  until: cleared by|expected end|ends
  day: alert date|valid on|date
  diversion: diversion|detour|alternative route
  closed: road closed|fully closed
  hotline: traffic hotline|information line
  stretch: stretch|section
enum cause
  accident: accident|crash
  roadworks: roadworks|resurfacing
  breakdown: broken-down lorry|breakdown
  weather: ice on the road|heavy snow
enum closed
  yes: the road is fully closed|all traffic is stopped
  no: traffic keeps moving|the road stays open
open
  {road} between {start} and {finish}: {cause}[, delay {delay}].
  Traffic alert for the {road}: {cause}.
  Drivers on the {road} lose {delay} because of this: {cause}.
body
  The queue is {queue} long.
  Expect a delay of {delay}.
  {lanes} lanes are blocked.
  Reported at {since}[ on {day}].
  It should be cleared by {until}.
  Follow the diversion through {diversion}.
  At the moment {closed}.
  Information: {hotline}.
extra
  The speed limit there is {#number} km/h.
  Police will be back at {#time}.
title
  TRAFFIC ALERT
"""

FR = r"""
names
  road: route|numéro de route
  start: début du tronçon|entre
  finish: fin du tronçon
  cause: cause|motif
  delay: retard|temps perdu
  queue: longueur du bouchon|bouchon
  lanes: voies bloquées
  since: depuis|signalé à
  until: fin prévue|jusqu'à
  day: date de l'alerte|date
  diversion: déviation|itinéraire conseillé
  closed: route fermée
  hotline: info trafic|numéro vert
  stretch: tronçon
enum cause
  accident: accident|carambolage
  roadworks: travaux|chantier
  breakdown: camion en panne
  weather: verglas|neige
enum closed
  yes: la route est fermée
  no: la route reste ouverte
open
  {road} entre {start} et {finish} : {cause}[, retard {delay}].
  Alerte sur la {road} : {cause}.
body
  Bouchon de {queue}.
  Temps perdu : {delay}.
  {lanes} voies bloquées.
  Signalé à {since}[ le {day}].
  Fin prévue à {until}.
  Déviation par : {diversion}.
  En ce moment, {closed}.
  Info trafic : {hotline}.
title
  INFO TRAFIC
"""

DE = r"""
names
  road: Straße|Autobahn
  start: Abschnitt von|zwischen
  finish: Abschnitt bis
  cause: Ursache|Grund
  delay: Verzögerung|Zeitverlust
  queue: Staulänge|Stau
  lanes: gesperrte Spuren
  since: gemeldet um|seit
  until: voraussichtliches Ende|bis
  day: Datum der Meldung|Datum
  diversion: Umleitung
  closed: Vollsperrung
  hotline: Verkehrstelefon
  stretch: Abschnitt
enum cause
  accident: Unfall
  roadworks: Baustelle|Bauarbeiten
  breakdown: liegengebliebener Lkw
  weather: Glatteis|Schnee
enum closed
  yes: die Straße ist voll gesperrt
  no: die Straße bleibt offen
open
  {road} zwischen {start} und {finish}: {cause}[, Verzögerung {delay}].
  Verkehrsmeldung zur {road}: {cause}.
body
  Der Stau ist {queue} lang.
  Zeitverlust: {delay}.
  {lanes} Spuren sind gesperrt.
  Gemeldet um {since} Uhr[ am {day}].
  Ende gegen {until} Uhr.
  Umleitung: {diversion}.
  Zurzeit: {closed}.
  Verkehrstelefon: {hotline}.
title
  VERKEHRSMELDUNG
"""

ES = r"""
names
  road: carretera|autopista
  start: inicio del tramo|entre
  finish: final del tramo
  cause: causa|motivo
  delay: demora|tiempo perdido
  queue: longitud de la retención|retención
  lanes: carriles cortados
  since: desde|avisado a las
  until: fin previsto|hasta
  day: fecha del aviso|fecha
  diversion: desvío|ruta alternativa
  closed: carretera cortada
  hotline: teléfono de tráfico
  stretch: tramo
enum cause
  accident: accidente|choque en cadena
  roadworks: obras
  breakdown: camión averiado
  weather: hielo|nieve
enum closed
  yes: la carretera está cortada
  no: la carretera sigue abierta
open
  {road} entre {start} y {finish}: {cause}[, demora {delay}].
  Aviso en la {road}: {cause}.
body
  Retención de {queue}.
  Demora: {delay}.
  {lanes} carriles cortados.
  Avisado a las {since}[ el {day}].
  Fin previsto a las {until}.
  Desvío por {diversion}.
  Ahora mismo {closed}.
  Teléfono de tráfico: {hotline}.
title
  AVISO DE TRÁFICO
"""

IT = r"""
names
  road: strada|autostrada
  start: inizio del tratto|tra
  finish: fine del tratto
  cause: causa|motivo
  delay: ritardo|tempo perso
  queue: lunghezza della coda|coda
  lanes: corsie chiuse
  since: segnalato alle|dalle
  until: fine prevista|fino alle
  day: data dell'avviso|data
  diversion: deviazione|percorso alternativo
  closed: strada chiusa
  hotline: numero informazioni
  stretch: tratto
enum cause
  accident: incidente|tamponamento
  roadworks: lavori|cantiere
  breakdown: camion in avaria
  weather: ghiaccio|neve
enum closed
  yes: la strada è chiusa
  no: la strada resta aperta
open
  {road} tra {start} e {finish}: {cause}[, ritardo {delay}].
  Avviso sulla {road}: {cause}.
body
  Coda di {queue}.
  Ritardo: {delay}.
  {lanes} corsie chiuse.
  Segnalato alle {since}[ il {day}].
  Fine prevista alle {until}.
  Deviazione: {diversion}.
  Al momento {closed}.
  Informazioni: {hotline}.
title
  AVVISO TRAFFICO
"""

PT = r"""
names
  road: estrada|autoestrada
  start: início do troço|entre
  finish: fim do troço
  cause: causa|motivo
  delay: atraso|tempo perdido
  queue: extensão da fila|fila
  lanes: vias cortadas
  since: avisado às|desde
  until: fim previsto|até
  day: data do aviso|data
  diversion: desvio|percurso alternativo
  closed: estrada cortada
  hotline: linha de trânsito
  stretch: troço
enum cause
  accident: acidente|choque em cadeia
  roadworks: obras
  breakdown: camião avariado
  weather: gelo|neve
enum closed
  yes: a estrada está cortada
  no: a estrada continua aberta
open
  {road} entre {start} e {finish}: {cause}[, atraso {delay}].
  Aviso na {road}: {cause}.
body
  Fila de {queue}.
  Atraso: {delay}.
  {lanes} vias cortadas.
  Avisado às {since}[ a {day}].
  Fim previsto às {until}.
  Desvio: {diversion}.
  De momento {closed}.
  Linha de trânsito: {hotline}.
title
  AVISO DE TRÂNSITO
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("road", "cause"),
    groups={"stretch": ("start", "finish")},
)
