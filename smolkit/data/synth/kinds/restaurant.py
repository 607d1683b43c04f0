"""A restaurant blurb: name, cuisine, price range, rating, area, whether families and dogs are welcome."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    return {
        "name": Value(d.word("places").replace("*", d.invented())),
        "cuisine": d.text("cuisines"),
        "prices": d.enum("prices"),
        "rating": Value(f"{d.rng.randint(2, 5)} {d.word('stars')}"),
        "area": d.enum("area"),
        "near": Value(d.word("landmarks").replace("*", d.invented())),
        "family": d.flag("family"),
        "dish": d.text("dishes"),
        "closed": d.text("weekdays"),
        "phone": d.phone(),
        "terrace": d.flag("terrace"),
    }


EN = r"""
names
  name: name|restaurant|restaurant name
  cuisine: food|cuisine|food type
  prices: price range|prices|price level
  rating: customer rating|rating|stars
  area: area|district|part of town
  near: near|close to|landmark
  family: family friendly|kids welcome|child friendly
  dish: speciality|signature dish|known for
  closed: closed on|closing day|day off
  phone: phone|booking phone|telephone
  terrace: terrace|outdoor seating
  place: location|whereabouts
enum prices
  cheap: cheap|inexpensive
  moderate: moderately priced|mid-priced
  expensive: expensive|high-priced
enum area
  centre: city centre|town centre
  riverside: riverside|by the river
  suburb: suburbs|outskirts
enum family
  yes: family-friendly|good for children
  no: not family-friendly|for adults only
enum terrace
  yes: there is a terrace|you can sit outside
  no: there is no terrace|all tables are inside
pool places
  The * Kitchen|Café *|* Grill|Little *|The Old *|* House|Bar *|* & Co|The * Table|* Corner
pool landmarks
  * Station|the * Museum|* Park|the * Bridge|* Square|the * Theatre
pool stars
  out of 5|stars
pool weekdays
  Monday|Tuesday|Wednesday|Sunday
open
  {name} is a {prices} {cuisine} restaurant[ near {near}].
  {name} serves {cuisine} food[ in the {area}].
  There is a {cuisine} place called {name}[, close to {near}].
  Looking for {cuisine} food? Try {name}[ in the {area}].
  {name}, near {near}, offers {cuisine} cooking.
body
  It is {family}.
  Prices are {prices}.
  Area: {area}.
  You find it in the {area}[, near {near}].
  Customers give it {rating}.
  It is rated {rating}.
  The kitchen is known for its {dish}.
  It is closed on {closed}.
  Book on {phone}.
  In summer, {terrace}.
  It lies near {near}.
extra
  The owner, {#person}, opened it {#number} years ago.
  Lunch is served from {#time}.
  The wine list has {#number} bottles.
title
  Where to eat
  {name}
"""

FR = r"""
names
  name: nom|restaurant
  cuisine: cuisine|type de cuisine
  prices: gamme de prix|prix
  rating: note|avis
  area: quartier|secteur
  near: près de|à proximité de
  family: adapté aux familles|enfants bienvenus
  dish: spécialité|plat phare
  closed: jour de fermeture|fermé le
  phone: téléphone|réservation
  terrace: terrasse
  place: emplacement
enum prices
  cheap: bon marché|pas chers
  moderate: modérés|raisonnables
  expensive: élevés|chers
enum area
  centre: centre-ville
  riverside: bord de l'eau
  suburb: banlieue|périphérie
enum family
  yes: les familles sont les bienvenues
  no: réservé aux adultes
enum terrace
  yes: on peut manger en terrasse
  no: il n'y a pas de terrasse
pool places
  Chez *|Café *|Le *|La Table *|Bistrot *|Maison *
pool landmarks
  la gare *|le musée *|le parc *|la place *
pool stars
  étoiles|sur 5
pool weekdays
  lundi|mardi|mercredi|dimanche
open
  {name} propose une cuisine {cuisine}[ près de : {near}].
  Envie de cuisine {cuisine} ? Essayez {name}.
body
  À savoir : {family}.
  Les prix sont {prices}.
  Quartier : {area}.
  Note des clients : {rating}.
  Spécialité : {dish}.
  Fermé le {closed}.
  Réservation au {phone}.
  En été, {terrace}.
  À proximité : {near}.
extra
  {#person} dirige la maison depuis {#number} ans.
title
  Où manger
  {name}
"""

DE = r"""
names
  name: Name|Restaurant
  cuisine: Küche|Küchenstil
  prices: Preisklasse|Preise
  rating: Bewertung|Sterne
  area: Viertel|Lage
  near: in der Nähe von|nahe
  family: familienfreundlich|kinderfreundlich
  dish: Spezialität|Hausgericht
  closed: Ruhetag|geschlossen am
  phone: Telefon|Reservierung
  terrace: Terrasse
  place: Standort
enum prices
  cheap: günstig|preiswert
  moderate: mittel|angemessen
  expensive: teuer|gehoben
enum area
  centre: Innenstadt|Stadtmitte
  riverside: am Fluss
  suburb: Vorstadt|Stadtrand
enum family
  yes: Familien sind willkommen
  no: nur für Erwachsene
enum terrace
  yes: man sitzt auch draußen
  no: es gibt keine Terrasse
pool places
  Gasthaus *|Café *|Zum *|Haus *|Wirtshaus *|Bistro *
pool landmarks
  Bahnhof *|Museum *|*park|*platz
pool stars
  Sterne|von 5
pool weekdays
  Montag|Dienstag|Mittwoch|Sonntag
open
  {name} bietet {cuisine} Küche[, nahe {near}].
  Lust auf {cuisine} Küche? {name} lohnt den Besuch.
body
  Gut zu wissen: {family}.
  Die Preise sind {prices}.
  Lage: {area}.
  Bewertung der Gäste: {rating}.
  Spezialität: {dish}.
  Ruhetag: {closed}.
  Reservierung unter {phone}.
  Im Sommer: {terrace}.
  In der Nähe: {near}.
extra
  {#person} führt das Haus seit {#number} Jahren.
title
  Essen gehen
  {name}
"""

ES = r"""
names
  name: nombre|restaurante
  cuisine: cocina|tipo de cocina
  prices: nivel de precios|precios
  rating: valoración|puntuación
  area: zona|barrio
  near: cerca de|próximo a
  family: apto para familias
  dish: especialidad|plato estrella
  closed: día de cierre|cerrado el
  phone: teléfono|reservas
  terrace: terraza
  place: ubicación
enum prices
  cheap: baratos|económicos
  moderate: moderados
  expensive: caros|elevados
enum area
  centre: centro
  riverside: junto al río
  suburb: afueras
enum family
  yes: ideal para familias
  no: solo para adultos
enum terrace
  yes: hay terraza
  no: no hay terraza
pool places
  Casa *|Café *|Bar *|La Mesa *|El Rincón *
pool landmarks
  la estación *|el museo *|el parque *|la plaza *
pool stars
  estrellas|sobre 5
pool weekdays
  lunes|martes|miércoles|domingo
open
  {name} ofrece cocina {cuisine}[ cerca de {near}].
  ¿Le apetece cocina {cuisine}? Pruebe {name}.
body
  Dato útil: {family}.
  Los precios son {prices}.
  Zona: {area}.
  Valoración: {rating}.
  Especialidad: {dish}.
  Cerrado el {closed}.
  Reservas en el {phone}.
  En verano {terrace}.
  Cerca: {near}.
title
  Dónde comer
  {name}
"""

IT = r"""
names
  name: nome|ristorante
  cuisine: cucina|tipo di cucina
  prices: fascia di prezzo|prezzi
  rating: valutazione|voto
  area: zona|quartiere
  near: vicino a|nei pressi di
  family: adatto alle famiglie
  dish: specialità|piatto forte
  closed: giorno di chiusura|chiuso il
  phone: telefono|prenotazioni
  terrace: terrazza
  place: posizione
enum prices
  cheap: economici|bassi
  moderate: medi|moderati
  expensive: alti|cari
enum area
  centre: centro
  riverside: lungofiume
  suburb: periferia
enum family
  yes: ideale per famiglie
  no: solo per adulti
enum terrace
  yes: si mangia anche fuori
  no: non c'è terrazza
pool places
  Da *|Caffè *|Osteria *|Trattoria *|La Tavola *
pool landmarks
  la stazione *|il museo *|il parco *|piazza *
pool stars
  stelle|su 5
pool weekdays
  lunedì|martedì|mercoledì|domenica
open
  {name} propone cucina {cuisine}[ vicino a questo luogo: {near}].
  Voglia di cucina {cuisine}? Provate {name}.
body
  Da sapere: {family}.
  I prezzi sono {prices}.
  Zona: {area}.
  Voto dei clienti: {rating}.
  Specialità: {dish}.
  Giorno di chiusura: {closed}.
  Prenotazioni al {phone}.
  D'estate {terrace}.
  Nei pressi: {near}.
extra
  {#person} guida il locale da {#number} anni.
title
  Dove mangiare
  {name}
"""

PT = r"""
names
  name: nome|restaurante
  cuisine: cozinha|tipo de cozinha
  prices: gama de preços|preços
  rating: avaliação|classificação
  area: zona|bairro
  near: perto de|próximo de
  family: adequado a famílias
  dish: especialidade|prato principal
  closed: dia de descanso|fechado à
  phone: telefone|reservas
  terrace: esplanada
  place: localização
enum prices
  cheap: baratos|económicos
  moderate: moderados
  expensive: caros|elevados
enum area
  centre: centro
  riverside: beira-rio
  suburb: arredores
enum family
  yes: ideal para famílias
  no: só para adultos
enum terrace
  yes: há esplanada
  no: não há esplanada
pool places
  Casa *|Café *|Tasca *|A Mesa *|O Cantinho *
pool landmarks
  a estação *|o museu *|o parque *|a praça *
pool stars
  estrelas|em 5
pool weekdays
  segunda-feira|terça-feira|quarta-feira|domingo
open
  {name} oferece cozinha {cuisine}[ junto a este local: {near}].
  Apetece-lhe cozinha {cuisine}? Experimente {name}.
body
  Bom saber: {family}.
  Os preços são {prices}.
  Zona: {area}.
  Avaliação: {rating}.
  Especialidade: {dish}.
  Dia de descanso: {closed}.
  Reservas pelo {phone}.
  No verão {terrace}.
  Perto: {near}.
extra
  {#person} dirige a casa há {#number} anos.
title
  Onde comer
  {name}
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("name", "cuisine"),
    groups={"place": ("area", "near")},
    layouts={"prose": 7, "lines": 2, "one_line": 1},
)
