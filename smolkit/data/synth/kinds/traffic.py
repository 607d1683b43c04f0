"""A traffic alert: road, stretch, cause, delay, lanes, since when, diversion. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    return {
        "road": d.code("M##|A##|B####|E##|N###"),
        "start": d.city(),
        "finish": d.city(),
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
  Traffic alert for the {road}[ near {start}]: {cause}.
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
  Alerte sur la {road}[ près de {start}] : {cause}.
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
  Verkehrsmeldung zur {road}[, nahe {start}]: {cause}.
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

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE},
    core=("road", "cause"),
    groups={"stretch": ("start", "finish")},
)
