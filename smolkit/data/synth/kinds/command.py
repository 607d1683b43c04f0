"""A voice command: one or two sentences to an assistant, with the intent that its sense gives."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value

INTENTS = ("play_music", "set_alarm", "book_table", "get_weather", "send_message", "add_to_list")
ELSEWHERE = ("track", "artist", "service", "restaurant", "city", "recipient", "list")  # slots of other intents


def draw(d: Draw) -> Record:
    """The values of one intent; the kind's `whole` sentences name the fields, which tells them apart."""
    intent = d.rng.choice(INTENTS)
    slots: dict[str, dict[str, Value]] = {
        "play_music": {
            "track": Value(f"{d.invented()} {d.word('songs')}"),
            "artist": d.person(),
            "service": Value(d.invented()),
        },
        "set_alarm": {"alarm": d.time(5, 11), "day": d.day(), "label": d.text("errands")},
        "book_table": {
            "restaurant": Value(f"{d.word('houses')} {d.invented()}"),
            "guests": d.count(2, 12),
            "hour": d.time(18, 22),
        },
        "get_weather": {"city": d.city(), "forecast": d.day()},
        "send_message": {"recipient": d.text("first names"), "message": d.text("errands")},
        "add_to_list": {"thing": d.text("groceries"), "list": d.text("lists")},
    }
    others = {name: Value.never() for name in ELSEWHERE if name not in slots[intent]} if d.rng.random() < 0.4 else {}
    return {"intent": d.said("intent", intent, INTENTS), **slots[intent], **others}


EN = r"""
names
  intent: intent|action|command
  track: track|song|song title
  artist: artist|singer|musician
  service: service|app|music service
  alarm: time|alarm time|wake up time
  day: date|day|alarm date
  label: label|note|reminder
  restaurant: restaurant|restaurant name|venue
  guests: party size|number of people|guests
  hour: time|reservation time|booking time
  city: city|town
  forecast: date|day|forecast day
  recipient: recipient|contact|send to
  message: message|text|message text
  thing: item|product|thing to add
  list: list|list name|target list
pool songs
  Nights|Road|Waltz|Dream|Fire|Blues|Again|Morning|Rain|Song
pool errands
  water the plants|call the dentist|take out the bins|the train is late|buy a birthday card|feed the cat
  dinner is ready|pick up the parcel|pay the rent|the meeting is moved|bring the keys|start the oven
pool houses
  Casa|Chez|The Old|Bistro|Café|Trattoria|Little|Villa
pool lists
  groceries|weekend|party|camping trip|household|birthday|office|holiday
whole
  <Play|Please play|I want to hear|Put on> {track}[ by {artist}][ on {service}].
  <Could you play|Let's hear> something by {artist}[ using {service}]<.|, please.>
  <Set an alarm|Wake me up> at {alarm}[ on {day}][ with the note "{label}"].
  <Remind me|I need a reminder> on {day}[ at {alarm}]: {label}.
  <Book a table|Reserve a table|Get us a table> [for {guests} people ]at {restaurant}[ for {hour}].
  We are {guests} and would like to eat at {restaurant}[, around {hour}].
  What's the weather <like|going to be> in {city}[ on {forecast}]?
  <Will it rain|Is it going to snow|Do I need a coat> in {city}[ on {forecast}]?
  <Send a message to|Text|Write to> {recipient}: {message}.
  Tell {recipient} this: {message}.
  <Add|Put> {thing} <to|on> my {list} list.
  My {list} list needs {thing}<.|, add it please.>
  Hey assistant, <play|stream> {track}[ from {artist}][, {service} app].
  User: <Hi, I'd like a table|Can I book a table>, please.
    System: Where?
    User: At {restaurant}[. At {hour}][, for {guests} people].
"""

FR = r"""
names
  intent: intention|action
  track: titre|chanson
  artist: artiste|chanteur
  service: service|application
  alarm: heure|heure du réveil
  day: date|jour
  label: note|rappel
  restaurant: restaurant|nom du restaurant
  guests: nombre de personnes|convives
  hour: heure|heure de réservation
  city: ville|lieu
  forecast: date|jour
  recipient: destinataire|contact
  message: message|texte
  thing: article|produit
  list: liste|nom de la liste
pool songs
  Nuit|Route|Valse|Rêve|Matin|Pluie
pool errands
  arroser les plantes|appeler le dentiste|sortir les poubelles|le train a du retard|nourrir le chat|le dîner est prêt
  payer le loyer|apporter les clés
pool houses
  Chez|Le Petit|Bistro|Café|La Table
pool lists
  courses|week-end|fête|maison|vacances
whole
  <Mets|Joue|Je veux écouter> {track}[ de {artist}][ sur {service}].
  <Mets un réveil|Réveille-moi> à {alarm}[ le {day}][ avec la note « {label} »].
  Rappel le {day}[ à {alarm}] : {label}.
  <Réserve une table|Trouve-nous une table> [pour {guests} personnes ]au restaurant {restaurant}[ à {hour}].
  <Quel temps fera-t-il|Est-ce qu'il va pleuvoir> à {city}[ le {forecast}] ?
  <Envoie un message à|Écris à> {recipient} : {message}.
  Ajoute {thing} à ma liste {list}.
"""

DE = r"""
names
  intent: Absicht|Aktion
  track: Titel|Lied
  artist: Künstler|Interpret
  service: Dienst|App
  alarm: Uhrzeit|Weckzeit
  day: Datum|Tag
  label: Notiz|Erinnerung
  restaurant: Restaurant|Lokal
  guests: Personenzahl|Gäste
  hour: Uhrzeit|Reservierungszeit
  city: Stadt|Ort
  forecast: Datum|Tag
  recipient: Empfänger|Kontakt
  message: Nachricht|Text
  thing: Artikel|Produkt
  list: Liste|Listenname
pool songs
  Nacht|Straße|Walzer|Traum|Morgen|Regen
pool errands
  Pflanzen gießen|Zahnarzt anrufen|Müll rausbringen|der Zug ist verspätet|Katze füttern|das Essen ist fertig
  Miete zahlen|Schlüssel mitbringen
pool houses
  Zum Alten|Gasthaus|Bistro|Café|Haus
pool lists
  Einkauf|Wochenende|Feier|Haushalt|Urlaub
whole
  <Spiel|Spiele|Ich will> {track}[ von {artist}][ auf {service}]<.| hören.>
  <Stell einen Wecker|Weck mich> um {alarm}[ am {day}][ mit der Notiz „{label}“].
  Erinnerung am {day}[ um {alarm}]: {label}.
  <Reserviere einen Tisch|Bestell einen Tisch> [für {guests} Personen ]im Restaurant {restaurant}[ um {hour}].
  <Wie wird das Wetter|Regnet es> in {city}[ am {forecast}]?
  <Schick eine Nachricht an|Schreib an> {recipient}: {message}.
  Setz {thing} auf meine Liste {list}.
"""

ES = r"""
names
  intent: intención|acción
  track: canción|título
  artist: artista|cantante
  service: servicio|aplicación
  alarm: hora|hora de la alarma
  day: fecha|día
  label: nota|recordatorio
  restaurant: restaurante
  guests: número de personas|comensales
  hour: hora|hora de la reserva
  city: ciudad|lugar
  forecast: fecha|día
  recipient: destinatario|contacto
  message: mensaje|texto
  thing: artículo|producto
  list: lista
pool songs
  Noche|Camino|Vals|Sueño|Mañana|Lluvia
pool errands
  regar las plantas|llamar al dentista|sacar la basura|el tren llega tarde|la cena está lista|pagar el alquiler
pool houses
  Casa|El Viejo|Bistró|Café|La Mesa
pool lists
  compra|fiesta|casa|vacaciones
whole
  <Pon|Quiero escuchar> {track}[ de {artist}][ en {service}].
  <Pon una alarma|Despiértame> a las {alarm}[ el {day}][ con la nota «{label}»].
  Recuérdame el {day}[ a las {alarm}]: {label}.
  <Reserva una mesa|Búscanos una mesa> [para {guests} personas ]en el restaurante {restaurant}[ a las {hour}].
  <¿Qué tiempo hará|¿Va a llover> en {city}[ el {forecast}]?
  <Manda un mensaje a|Escribe a> {recipient}: {message}.
  Añade {thing} a mi lista de {list}.
"""

IT = r"""
names
  intent: intenzione|azione
  track: brano|titolo
  artist: artista|cantante
  service: servizio|applicazione
  alarm: ora|ora della sveglia
  day: data|giorno
  label: nota|promemoria
  restaurant: ristorante
  guests: numero di persone|coperti
  hour: ora|ora della prenotazione
  city: città|luogo
  forecast: data|giorno
  recipient: destinatario|contatto
  message: messaggio|testo
  thing: articolo|prodotto
  list: lista|nome della lista
pool songs
  Notte|Strada|Valzer|Sogno|Mattina|Pioggia
pool errands
  annaffiare le piante|chiamare il dentista|portare fuori la spazzatura|il treno è in ritardo|la cena è pronta
  pagare l'affitto|comprare il pane|prendere le chiavi
pool houses
  Casa|Da|Osteria|Caffè|Trattoria
pool lists
  spesa|festa|casa|vacanze
whole
  <Metti|Voglio ascoltare|Riproduci> {track}[ di {artist}][ su {service}].
  <Metti una sveglia|Svegliami> alle {alarm}[ il {day}][ con la nota «{label}»].
  Ricordami il {day}[ alle {alarm}]: {label}.
  <Prenota un tavolo|Trovaci un tavolo> [per {guests} persone ]al ristorante {restaurant}[ alle {hour}].
  <Che tempo farà|Pioverà> a {city}[ il {forecast}]?
  <Manda un messaggio a|Scrivi a> {recipient}: {message}.
  Aggiungi {thing} alla mia lista {list}.
"""

PT = r"""
names
  intent: intenção|ação
  track: música|título
  artist: artista|cantor
  service: serviço|aplicação
  alarm: hora|hora do alarme
  day: data|dia
  label: nota|lembrete
  restaurant: restaurante
  guests: número de pessoas|convidados
  hour: hora|hora da reserva
  city: cidade|lugar
  forecast: data|dia
  recipient: destinatário|contacto
  message: mensagem|texto
  thing: artigo|produto
  list: lista|nome da lista
pool songs
  Noite|Estrada|Valsa|Sonho|Manhã|Chuva
pool errands
  regar as plantas|ligar ao dentista|levar o lixo|o comboio está atrasado|o jantar está pronto
  pagar a renda|comprar pão|trazer as chaves
pool houses
  Casa|Tasca|O Velho|Café|Cantinho
pool lists
  compras|festa|casa|férias
whole
  <Toca|Quero ouvir|Põe a tocar> {track}[ de {artist}][ no {service}].
  <Põe um alarme|Acorda-me> às {alarm}[ no dia {day}][ com a nota «{label}»].
  Lembra-me no dia {day}[ às {alarm}]: {label}.
  <Reserva uma mesa|Arranja-nos uma mesa> [para {guests} pessoas ]no restaurante {restaurant}[ às {hour}].
  <Que tempo vai fazer|Vai chover> em {city}[ no dia {forecast}]?
  <Manda uma mensagem a|Escreve a> {recipient}: {message}.
  Acrescenta {thing} à minha lista de {list}.
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("intent", "track", "alarm", "restaurant", "city", "recipient", "message", "thing", "list"),
    layouts={"whole": 1},
)
