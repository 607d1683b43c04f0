"""A dialogue with a booking assistant: a trip, a taxi or a haircut, changed once before it is settled."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value

SERVICES = ("train", "taxi", "hairdresser")


def draw(d: Draw) -> Record:
    service = d.rng.choice(SERVICES)
    origin, destination = d.two_cities()
    slots: dict[str, dict[str, Value]] = {
        "train": {"from": origin, "to": destination, "day": d.day(), "departs": d.time(), "seats": d.count(1, 8)},
        "taxi": {"pickup": d.address(), "drop": Value(d.word("places").replace("*", d.invented())), "at": d.time()},
        "hairdresser": {"stylist": d.text("first names"), "treatment": d.text("treatments"), "slot": d.time(9, 18)},
    }
    common = {"name": d.person(), "phone": d.phone(), "price": d.money(8, 150, cents=0.3)}
    others = {"seats": Value.never()} if service != "train" and d.rng.random() < 0.4 else {}
    return {"service": d.said("service", service, SERVICES), **slots[service], **common, **others}


EN = r"""
names
  service: service|intent|domain
  from: origin|from|departure city
  to: destination|to|arrival city
  day: travel date|date|day
  departs: departure time|leaving at|time
  seats: seats|number of tickets|passengers
  pickup: pickup|pickup address|pick up at
  drop: drop-off|destination|drop off
  at: pickup time|time|taxi time
  stylist: stylist|hairdresser|stylist name
  treatment: treatment|type of appointment|hair service
  slot: appointment time|time|slot
  name: customer name|name|caller
  phone: phone|callback number|phone number
  price: price|fare|cost
pool places
  the airport|* Station|Hotel *|the * Museum|* Stadium|* Hospital
pool treatments
  a haircut|a beard trim|colouring|highlights|a blow-dry|a perm
whole
  User: I need <a train|train tickets> to {to}, please.
    Agent: Where do you leave from?
    User: From {from}[, on {day}].
    [Agent: There is one at {#time}. User: Too early.]
    [Agent: The one at {departs} is free. User: Perfect.]
    [Agent: How many seats? User: {seats}, please.]
    [Agent: That is {price}.]
    [Agent: Your name? User: {name}.]
  Caller: Hello, I would like to go from {from} to {to} by train[, on {day}].
    [Clerk: We have {seats} seats left in one row. Caller: I take all of them.]
    [Clerk: You leave at {departs} and pay {price}.]
    [Caller: My phone number is {phone}.]
  User: Can you send a taxi to {pickup}?
    Agent: Sure. Where to?
    User: To {drop}[, at {at}].
    [Agent: It will cost about {price}.]
    [Agent: Who is travelling? User: {name}.]
    [Agent: A number? User: {phone}.]
  Caller: A cab to {drop}, please[, for {at}].
    Driver: Where are you?
    Caller: {pickup}.[ The name is {name}.]
    [Driver: The fare is {price}.]
  User: I'd like to book {treatment}[ with {stylist}].
    [Agent: {#time} or {slot}? User: {slot} is better.]
    [Agent: It costs {price}.]
    [User: My name is {name}.]
    [User: You can reach me at {phone}.]
  Caller: Is {stylist} free for {treatment}?
    Salon: Yes[, at {slot}].
    [Caller: Fine, note {name}.][ Salon: The price is {price}.]
"""

FR = r"""
names
  service: service|domaine
  from: origine|ville de départ
  to: destination|ville d'arrivée
  day: date du voyage|date
  departs: heure de départ|départ à
  seats: places|nombre de billets
  pickup: adresse de prise en charge|prise en charge
  drop: arrivée|destination
  at: heure de prise en charge|heure
  stylist: coiffeur|nom du coiffeur
  treatment: prestation|type de rendez-vous
  slot: heure du rendez-vous|heure
  name: nom du client|nom
  phone: téléphone|numéro de rappel
  price: prix|tarif
pool places
  l'aéroport|la gare *|l'hôtel *|le musée *
pool treatments
  une coupe|une couleur|un brushing|une taille de barbe
whole
  Client : Je voudrais un train pour {to}.
    Agent : D'où partez-vous ?
    Client : De {from}[, le {day}].
    [Agent : Il reste celui de {departs}. Client : Parfait.]
    [Agent : Combien de places ? Client : {seats}.]
    [Agent : Cela fait {price}.]
    [Agent : À quel nom ? Client : {name}.]
  Client : Un taxi, s'il vous plaît, au {pickup}.
    Agent : Où allez-vous ?
    Client : Destination : {drop}[, à {at}].
    [Agent : Comptez {price}.]
    [Client : Mon numéro est le {phone}.]
  Client : Je voudrais {treatment}[ avec {stylist}].
    [Agent : {#time} ou {slot} ? Client : Plutôt {slot}.]
    [Agent : Le prix est de {price}.]
    [Client : Au nom de {name}.]
"""

DE = r"""
names
  service: Dienst|Bereich
  from: Abfahrtsort|von
  to: Ziel|nach
  day: Reisetag|Datum
  departs: Abfahrtszeit|Abfahrt
  seats: Plätze|Anzahl Fahrkarten
  pickup: Abholadresse|Abholung
  drop: Fahrtziel|Ziel
  at: Abholzeit|Uhrzeit
  stylist: Friseur|Name des Friseurs
  treatment: Leistung|Behandlung
  slot: Terminzeit|Uhrzeit
  name: Kundenname|Name
  phone: Telefon|Rückrufnummer
  price: Preis|Fahrpreis
pool places
  Flughafen|Bahnhof *|Hotel *|Museum *
pool treatments
  Haarschnitt|Färben|Föhnen|Bartschnitt
whole
  Kunde: Ich brauche einen Zug nach {to}.
    Service: Von wo fahren Sie?
    Kunde: Ab {from}[, am {day}].
    [Service: Um {departs} Uhr ist noch etwas frei. Kunde: Gut.]
    [Service: Wie viele Plätze? Kunde: {seats}.]
    [Service: Das macht {price}.]
    [Service: Ihr Name? Kunde: {name}.]
  Kunde: Bitte ein Taxi, Abholung: {pickup}.
    Zentrale: Wohin?
    Kunde: Ziel: {drop}[, um {at} Uhr].
    [Zentrale: Das kostet etwa {price}.]
    [Kunde: Meine Nummer ist {phone}.]
  Kunde: Einen Termin bitte, {treatment}[ bei {stylist}].
    [Salon: {#time} oder {slot} Uhr? Kunde: Lieber {slot} Uhr.]
    [Salon: Der Preis ist {price}.]
    [Kunde: Mein Name ist {name}.]
"""

ES = r"""
names
  service: servicio|ámbito
  from: origen|ciudad de salida
  to: destino|ciudad de llegada
  day: fecha del viaje|fecha
  departs: hora de salida|salida a las
  seats: plazas|número de billetes
  pickup: dirección de recogida|recogida
  drop: llegada|destino
  at: hora de recogida|hora
  stylist: peluquero|nombre del peluquero
  treatment: tratamiento|tipo de cita
  slot: hora de la cita|hora
  name: nombre del cliente|nombre
  phone: teléfono|número de contacto
  price: precio|tarifa
pool places
  el aeropuerto|la estación *|el hotel *|el museo *
pool treatments
  un corte|un tinte|un peinado|un arreglo de barba
whole
  Cliente: Quiero un tren a {to}.
    Agente: ¿Desde dónde sale?
    Cliente: Desde {from}[, el {day}].
    [Agente: Queda sitio en el de las {departs}. Cliente: Perfecto.]
    [Agente: ¿Cuántas plazas? Cliente: {seats}.]
    [Agente: Son {price}.]
    [Agente: ¿A nombre de quién? Cliente: {name}.]
  Cliente: Un taxi, por favor, en {pickup}.
    Central: ¿Adónde va?
    Cliente: Destino: {drop}[, a las {at}].
    [Central: Serán unos {price}.]
    [Cliente: Mi número es el {phone}.]
  Cliente: Quiero pedir hora: {treatment}[ con {stylist}].
    [Salón: ¿A las {#time} o a las {slot}? Cliente: Mejor a las {slot}.]
    [Salón: El precio es de {price}.]
    [Cliente: A nombre de {name}.]
"""

IT = r"""
names
  service: servizio|ambito
  from: partenza|città di partenza
  to: destinazione|città di arrivo
  day: data del viaggio|data
  departs: ora di partenza|parte alle
  seats: posti|numero di biglietti
  pickup: indirizzo di prelievo|prelievo
  drop: arrivo|destinazione
  at: ora di prelievo|ora
  stylist: parrucchiere|nome del parrucchiere
  treatment: trattamento|tipo di appuntamento
  slot: ora dell'appuntamento|ora
  name: nome del cliente|nome
  phone: telefono|numero di contatto
  price: prezzo|tariffa
pool places
  l'aeroporto|la stazione *|l'hotel *|il museo *
pool treatments
  un taglio|una tinta|una piega|una rasatura
whole
  Cliente: Vorrei un treno per {to}.
    Operatore: Da dove parte?
    Cliente: Da {from}[, il {day}].
    [Operatore: C'è posto su quello delle {departs}. Cliente: Va bene.]
    [Operatore: Quanti posti? Cliente: {seats}.]
    [Operatore: Sono {price}.]
    [Operatore: A che nome? Cliente: {name}.]
  Cliente: Un taxi, per favore, in {pickup}.
    Centrale: Dove va?
    Cliente: Destinazione: {drop}[, alle {at}].
    [Centrale: Costerà circa {price}.]
    [Cliente: Il mio numero è {phone}.]
  Cliente: Vorrei prenotare {treatment}[ con {stylist}].
    [Salone: Alle {#time} o alle {slot}? Cliente: Meglio alle {slot}.]
    [Salone: Il prezzo è {price}.]
    [Cliente: A nome di {name}.]
"""

PT = r"""
names
  service: serviço|domínio
  from: origem|cidade de partida
  to: destino|cidade de chegada
  day: data da viagem|data
  departs: hora de partida|parte às
  seats: lugares|número de bilhetes
  pickup: morada de recolha|recolha
  drop: chegada|destino
  at: hora de recolha|hora
  stylist: cabeleireiro|nome do cabeleireiro
  treatment: tratamento|tipo de marcação
  slot: hora da marcação|hora
  name: nome do cliente|nome
  phone: telefone|número de contacto
  price: preço|tarifa
pool places
  o aeroporto|a estação *|o hotel *|o museu *
pool treatments
  um corte|uma coloração|um penteado|um aparar de barba
whole
  Cliente: Queria um comboio para {to}.
    Agente: De onde parte?
    Cliente: De {from}[, no dia {day}].
    [Agente: Há lugar no das {departs}. Cliente: Está ótimo.]
    [Agente: Quantos lugares? Cliente: {seats}.]
    [Agente: São {price}.]
    [Agente: Em que nome? Cliente: {name}.]
  Cliente: Um táxi, por favor, na {pickup}.
    Central: Para onde vai?
    Cliente: Destino: {drop}[, às {at}].
    [Central: Custa cerca de {price}.]
    [Cliente: O meu número é o {phone}.]
  Cliente: Queria marcar {treatment}[ com {stylist}].
    [Salão: Às {#time} ou às {slot}? Cliente: Antes às {slot}.]
    [Salão: O preço é {price}.]
    [Cliente: Em nome de {name}.]
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("service", "from", "to", "pickup", "drop", "treatment"),
    layouts={"whole": 1},
)
