"""A shipping notice: carrier, tracking number, order, sender, addressee, days, weight, parcels, status."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    shipped = d.date()
    return {
        "carrier": d.company(),
        "tracking": d.code("@@#########@@|##########|#@ ### ### ###|@@-####-####"),
        "order": d.code("ORD-#####|#######|@##-###"),
        "recipient": d.person(),
        "address": d.address(),
        "shipped": shipped,
        "expected": d.date(after=shipped, days=(1, 9)),
        "content": d.text("goods"),
        "parcels": d.count(1, 9),
        "weight": d.measure(0.3, 40, "kg", digits=1),
        "cost": d.money(3, 60),
        "status": d.enum("status"),
        "signature": d.flag("signature"),
        "link": d.url(),
        "origin": d.country(),
    }


EN = r"""
names
  carrier: carrier|courier|shipping company|delivered by
  tracking: tracking number|tracking code|tracking id
  order: order number|order|order id
  recipient: recipient|deliver to|addressee
  address: delivery address|address|ship to
  shipped: ship date|shipped on|dispatch date
  expected: expected delivery|delivery date|arrival
  content: content|item|goods
  parcels: parcels|number of parcels|packages
  weight: weight|total weight
  cost: shipping cost|postage|freight charge
  status: status|shipment status|state
  signature: signature required|signature needed
  link: tracking link|tracking url|track at
  origin: origin|country of origin|shipped from
  destination: destination|delivery
  destination.recipient: name|recipient
  dates: dates|timeline
enum status
  in transit: in transit|on its way
  delivered: delivered|handed over
  delayed: delayed|running late
  returned: returned to sender|sent back
enum signature
  yes: a signature is required|you have to sign for it
  no: no signature is required|it can be left at the door
open
  Your order {order} has left our warehouse[ with {carrier}].
  Parcel {tracking}[ for {recipient}]: {status}.
  {carrier} shipment {tracking}[, order {order}].
  Good news, {recipient}! Your {content} is with {carrier}.
body
  Tracking number: {tracking}.
  It was sent on {shipped}[ and should arrive on {expected}].
  Expected delivery: {expected}.
  Dispatched on {shipped}.
  Deliver to {recipient}, {address}.
  Delivery address: {address}.
  Content: {content}.
  The shipment has {parcels} parcels[ and weighs {weight}].
  Total weight {weight}.
  Postage: {cost}.
  Status: {status}.
  Note: {signature}.
  Follow it at {link}.
  Shipped from {origin}.
  Carrier: {carrier}.
extra
  The shop's phone number is {#phone}.
  The order value was {#money}.
  You ordered on {#date}.
close
  Thank you for shopping with us.
title
  SHIPPING NOTICE
  Delivery note
"""

FR = r"""
names
  carrier: transporteur|livré par
  tracking: numéro de suivi|code de suivi
  order: numéro de commande|commande
  recipient: destinataire|livrer à
  address: adresse de livraison|adresse
  shipped: date d'expédition|expédié le
  expected: livraison prévue|date de livraison
  content: contenu|article
  parcels: colis|nombre de colis
  weight: poids|poids total
  cost: frais de port|coût de livraison
  status: statut|état
  signature: signature requise
  link: lien de suivi|suivre sur
  origin: pays d'origine|origine
  destination: destination
  destination.recipient: nom
  dates: dates
enum status
  in transit: en cours d'acheminement|en route
  delivered: livré|remis
  delayed: retardé|en retard
  returned: retourné à l'expéditeur
enum signature
  yes: signature obligatoire
  no: sans signature
open
  Votre commande {order} a quitté notre entrepôt[ avec {carrier}].
  Colis {tracking}[ pour {recipient}] : {status}.
  Expédition {carrier}, numéro {tracking}[, commande {order}].
body
  Numéro de suivi : {tracking}.
  Envoyé le {shipped}[, arrivée prévue le {expected}].
  Livraison prévue : {expected}.
  À livrer à {recipient}, {address}.
  Adresse de livraison : {address}.
  Contenu : {content}.
  Nombre de colis : {parcels}[, poids {weight}].
  Poids total : {weight}.
  Frais de port : {cost}.
  Statut : {status}.
  Remise : {signature}.
  Suivi sur {link}.
  Pays d'origine : {origin}.
extra
  Téléphone de la boutique : {#phone}.
  Valeur de la commande : {#money}.
  Vous avez commandé le {#date}.
title
  AVIS D'EXPÉDITION
"""

DE = r"""
names
  carrier: Versanddienst|Spediteur|Zusteller
  tracking: Sendungsnummer|Paketnummer
  order: Bestellnummer|Bestellung
  recipient: Empfänger|Lieferung an
  address: Lieferadresse|Anschrift
  shipped: Versanddatum|versandt am
  expected: voraussichtliche Zustellung|Lieferdatum
  content: Inhalt|Ware
  parcels: Pakete|Anzahl Pakete
  weight: Gewicht|Gesamtgewicht
  cost: Versandkosten|Porto
  status: Status|Sendungsstatus
  signature: Unterschrift erforderlich
  link: Sendungsverfolgung|Link
  origin: Herkunftsland|Herkunft
  destination: Ziel
  destination.recipient: Name
  dates: Daten
enum status
  in transit: unterwegs|auf dem Weg
  delivered: zugestellt|ausgeliefert
  delayed: verspätet|verzögert
  returned: zurück an den Absender
enum signature
  yes: nur gegen Unterschrift
  no: ohne Unterschrift
open
  Ihre Bestellung {order} hat unser Lager verlassen[, Versand mit {carrier}].
  Paket {tracking}[ für {recipient}]: {status}.
  Sendung {tracking} mit {carrier}[, Bestellung {order}].
body
  Sendungsnummer: {tracking}.
  Versandt am {shipped}[, Ankunft voraussichtlich am {expected}].
  Voraussichtliche Zustellung: {expected}.
  Lieferung an {recipient}, {address}.
  Lieferadresse: {address}.
  Inhalt: {content}.
  Anzahl Pakete: {parcels}[, Gewicht {weight}].
  Gesamtgewicht: {weight}.
  Versandkosten: {cost}.
  Status: {status}.
  Übergabe: {signature}.
  Verfolgen unter {link}.
  Herkunftsland: {origin}.
extra
  Telefon des Ladens: {#phone}.
  Bestellwert: {#money}.
  Bestellt am {#date}.
title
  VERSANDANZEIGE
"""

ES = r"""
names
  carrier: transportista|entregado por
  tracking: número de seguimiento|código de seguimiento
  order: número de pedido|pedido
  recipient: destinatario|entregar a
  address: dirección de entrega|dirección
  shipped: fecha de envío|enviado el
  expected: entrega prevista|fecha de entrega
  content: contenido|artículo
  parcels: bultos|número de bultos
  weight: peso|peso total
  cost: gastos de envío|portes
  status: estado|situación
  signature: firma requerida
  link: enlace de seguimiento
  origin: país de origen|origen
  destination: destino
  destination.recipient: nombre
  dates: fechas
enum status
  in transit: en camino|en tránsito
  delivered: entregado
  delayed: retrasado
  returned: devuelto al remitente
enum signature
  yes: con firma
  no: sin firma
open
  Su pedido {order} ha salido de nuestro almacén[ con {carrier}].
  Paquete {tracking}[ para {recipient}]: {status}.
body
  Número de seguimiento: {tracking}.
  Enviado el {shipped}[, llegada prevista el {expected}].
  Entrega prevista: {expected}.
  Entregar a {recipient}, {address}.
  Dirección de entrega: {address}.
  Transportista: {carrier}.
  Contenido: {content}.
  Número de bultos: {parcels}[, peso {weight}].
  Peso total: {weight}.
  Gastos de envío: {cost}.
  Estado: {status}.
  Entrega {signature}.
  Seguimiento en {link}.
  País de origen: {origin}.
extra
  Teléfono de la tienda: {#phone}.
  Importe del pedido: {#money}.
title
  AVISO DE ENVÍO
"""

IT = r"""
names
  carrier: corriere|consegnato da
  tracking: numero di tracciamento|codice spedizione
  order: numero d'ordine|ordine
  recipient: destinatario|consegnare a
  address: indirizzo di consegna|indirizzo
  shipped: data di spedizione|spedito il
  expected: consegna prevista|data di consegna
  content: contenuto|articolo
  parcels: colli|numero di colli
  weight: peso|peso totale
  cost: spese di spedizione|costo di spedizione
  status: stato|stato della spedizione
  signature: firma richiesta
  link: link di tracciamento
  origin: paese di origine|origine
  destination: destinazione
  destination.recipient: nome
  dates: date
enum status
  in transit: in viaggio|in transito
  delivered: consegnato
  delayed: in ritardo
  returned: restituito al mittente
enum signature
  yes: con firma
  no: senza firma
open
  Il Suo ordine {order} ha lasciato il magazzino[ con {carrier}].
  Pacco {tracking}[ per {recipient}]: {status}.
body
  Numero di tracciamento: {tracking}.
  Spedito il {shipped}[, arrivo previsto il {expected}].
  Consegna prevista: {expected}.
  Consegnare a {recipient}, {address}.
  Indirizzo di consegna: {address}.
  Corriere: {carrier}.
  Contenuto: {content}.
  Numero di colli: {parcels}[, peso {weight}].
  Peso totale: {weight}.
  Spese di spedizione: {cost}.
  Stato: {status}.
  Consegna {signature}.
  Tracciamento su {link}.
  Paese di origine: {origin}.
extra
  Telefono del negozio: {#phone}.
  Valore dell'ordine: {#money}.
title
  AVVISO DI SPEDIZIONE
"""

PT = r"""
names
  carrier: transportadora|entregue por
  tracking: número de seguimento|código de envio
  order: número da encomenda|encomenda
  recipient: destinatário|entregar a
  address: morada de entrega|morada
  shipped: data de envio|enviado a
  expected: entrega prevista|data de entrega
  content: conteúdo|artigo
  parcels: volumes|número de volumes
  weight: peso|peso total
  cost: portes|custo de envio
  status: estado|estado do envio
  signature: assinatura exigida
  link: ligação de seguimento
  origin: país de origem|origem
  destination: destino
  destination.recipient: nome
  dates: datas
enum status
  in transit: a caminho|em trânsito
  delivered: entregue
  delayed: atrasado
  returned: devolvido ao remetente
enum signature
  yes: com assinatura
  no: sem assinatura
open
  A sua encomenda {order} saiu do nosso armazém[ com {carrier}].
  Volume {tracking}[ para {recipient}]: {status}.
body
  Número de seguimento: {tracking}.
  Enviado a {shipped}[, chegada prevista a {expected}].
  Entrega prevista: {expected}.
  Entregar a {recipient}, {address}.
  Morada de entrega: {address}.
  Transportadora: {carrier}.
  Conteúdo: {content}.
  Número de volumes: {parcels}[, peso {weight}].
  Peso total: {weight}.
  Portes: {cost}.
  Estado: {status}.
  Entrega {signature}.
  Seguimento em {link}.
  País de origem: {origin}.
extra
  Telefone da loja: {#phone}.
  Valor da encomenda: {#money}.
title
  AVISO DE ENVIO
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("tracking",),
    groups={"destination": ("recipient", "address"), "dates": ("shipped", "expected")},
)
