"""A till receipt: shop, address, date and time, bought items, subtotal, tax, total, cash and change."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Item, Record


def draw(d: Draw) -> Record:
    items: list[Item] = []
    total = 0.0
    for thing in d.texts("groceries", 1, 4):
        quantity, price = d.count(1, 4), round(d.rng.uniform(0.5, 14), 2)
        total += price
        items.append({"name": thing, "quantity": quantity, "price": d.amount(price, plain=True)})
    cash = round(total + d.rng.choice((0, 0.5, 2.35, 5, 11.2)), 2)
    return {
        "shop": d.company(),
        "address": d.address(),
        "phone": d.phone(),
        "date": d.date(),
        "time": d.time(),
        "number": d.code("####|######|@#####|##-####"),
        "items": items,
        "tax": d.amount(round(total * 0.1, 2), plain=True),
        "total": d.amount(round(total, 2), plain=d.rng.random() < 0.6),
        "cash": d.amount(cash, plain=True),
        "change": d.amount(round(cash - total, 2), plain=True),
        "payment": d.enum("payment"),
        "cashier": d.text("first names"),
    }


EN = r"""
names
  shop: shop|store|company|merchant
  address: address|store address|location
  phone: phone|telephone|shop phone
  date: date|purchase date|date of purchase
  time: time|hour|time of purchase
  number: receipt number|receipt no.|bill number
  items: items|purchases|products
  items.name: name|item|product
  items.quantity: quantity|qty
  items.price: price|amount
  tax: tax|VAT|sales tax
  total: total|total amount|amount paid
  cash: cash|cash received|amount tendered
  change: change|change given
  payment: payment method|paid by|payment
  cashier: cashier|served by
  store: store details|merchant details
  store.shop: name|company
  bill: bill|summary
enum payment
  cash: cash
  card: card|credit card
  voucher: gift voucher|voucher
item
  {quantity} {name}  {price}
  {name} {quantity} {price}
  {quantity} x {name}   {price}
  {name}   {price}
title
  {shop}
  {shop}
    {address}
  SALES RECEIPT
whole
  {shop}
    [{address}]
    [Tel. {phone}]
    [RECEIPT {number}]
    [DATE: {date} ][{time}]
    --------
    {items}
    --------
    [TAX   {tax}]
    TOTAL   {total}
    [CASH   {cash}]
    [CHANGE   {change}]
    [Served by {cashier}]
    <Thank you!|Please come again|Goods are not refundable>
  {shop}
    [{address}]
    [{date}][ {time}][ Bill: {number}]
    {items}
    [incl. tax {tax}]
    Total due: {total}
    [Paid by {payment}]
    [Cashier: {cashier}]
    <Keep your receipt|Open Sundays|Join our club: {#url}>
  RECEIPT [{number}]
    [Date {date}]
    {items}
    TOTAL {total}
    [Cash {cash}]
    [Change {change}]
    {shop}[, {address}][, tel. {phone}]
"""

FR = r"""
names
  shop: magasin|commerce|enseigne
  address: adresse|adresse du magasin
  phone: téléphone|numéro de téléphone
  date: date|date d'achat
  time: heure
  number: numéro de ticket|ticket n°
  items: articles|achats
  items.name: article|produit
  items.quantity: quantité
  items.price: prix|montant
  tax: TVA|taxe
  total: total|montant total
  cash: espèces|montant reçu
  change: rendu|monnaie rendue
  payment: mode de paiement|payé par
  cashier: caissier|servi par
  store: commerçant
  store.shop: nom
  bill: ticket
enum payment
  cash: espèces
  card: carte bancaire|carte
  voucher: bon d'achat
item
  {quantity} {name}  {price}
  {name} {quantity} {price}
  {name}   {price}
title
  {shop}
  TICKET DE CAISSE
whole
  {shop}
    [{address}]
    [Tél. {phone}]
    [TICKET {number}]
    [DATE : {date} ][{time}]
    --------
    {items}
    --------
    [TVA   {tax}]
    TOTAL   {total}
    [ESPÈCES   {cash}]
    [RENDU   {change}]
    [Servi par {cashier}]
    <Merci de votre visite|À bientôt>
  {shop}[, {address}]
    [{date}][ {time}]
    {items}
    [dont TVA {tax}]
    À payer : {total}
    [Réglé par {payment}]
    [Caisse : {cashier}]
"""

DE = r"""
names
  shop: Geschäft|Laden|Markt
  address: Adresse|Anschrift
  phone: Telefon|Telefonnummer
  date: Datum|Kaufdatum
  time: Uhrzeit|Zeit
  number: Belegnummer|Bon-Nr.
  items: Artikel|Einkäufe
  items.name: Name|Produkt
  items.quantity: Menge
  items.price: Preis|Betrag
  tax: MwSt|Steuer
  total: Summe|Gesamtsumme
  cash: bar|gegeben
  change: Rückgeld|zurück
  payment: Zahlungsart|bezahlt mit
  cashier: Kassierer|Bedienung
  store: Händler
  store.shop: Name
  bill: Bon
enum payment
  cash: Bargeld
  card: EC-Karte|Kreditkarte
  voucher: Gutschein
item
  {quantity} {name}  {price}
  {name} {quantity} {price}
  {name}   {price}
title
  {shop}
  KASSENBON
whole
  {shop}
    [{address}]
    [Tel. {phone}]
    [BON {number}]
    [DATUM: {date} ][{time}]
    --------
    {items}
    --------
    [MwSt.   {tax}]
    SUMME   {total}
    [BAR   {cash}]
    [ZURÜCK   {change}]
    [Es bediente Sie: {cashier}]
    <Vielen Dank für Ihren Einkauf|Auf Wiedersehen>
  {shop}[, {address}]
    [{date}][ {time} Uhr]
    {items}
    [inkl. MwSt. {tax}]
    Zu zahlen: {total}
    [Bezahlt mit {payment}]
    [Kasse: {cashier}]
"""

ES = r"""
names
  shop: tienda|comercio|establecimiento
  address: dirección|domicilio
  phone: teléfono
  date: fecha|fecha de compra
  time: hora
  number: número de tique|recibo
  items: artículos|compras
  items.name: artículo|producto
  items.quantity: cantidad
  items.price: precio|importe
  tax: IVA|impuesto
  total: total|importe total
  cash: efectivo|entregado
  change: cambio|vuelta
  payment: forma de pago|pagado con
  cashier: cajero|atendido por
  store: comerciante
  store.shop: nombre
  bill: tique
enum payment
  cash: dinero en efectivo
  card: tarjeta|tarjeta de crédito
  voucher: vale
item
  {quantity} {name}  {price}
  {name}   {price}
title
  {shop}
  TIQUE DE COMPRA
whole
  {shop}
    [{address}]
    [Tel. {phone}]
    [TIQUE {number}]
    [FECHA: {date} ][{time}]
    --------
    {items}
    --------
    [IVA   {tax}]
    TOTAL   {total}
    [EFECTIVO   {cash}]
    [CAMBIO   {change}]
    [Le atendió {cashier}]
    <Gracias por su visita|Vuelva pronto>
"""

IT = r"""
names
  shop: negozio|esercizio
  address: indirizzo|sede
  phone: telefono
  date: data|data di acquisto
  time: ora
  number: numero scontrino|documento n.
  items: articoli|acquisti
  items.name: articolo|prodotto
  items.quantity: quantità
  items.price: prezzo|importo
  tax: IVA|imposta
  total: totale|importo totale
  cash: contanti|importo ricevuto
  change: resto
  payment: pagamento|pagato con
  cashier: cassiere|operatore
  store: esercente
  store.shop: nome
  bill: scontrino
enum payment
  cash: denaro contante
  card: carta|bancomat
  voucher: buono acquisto
item
  {quantity} {name}  {price}
  {name}   {price}
title
  {shop}
  SCONTRINO
whole
  {shop}
    [{address}]
    [Tel. {phone}]
    [SCONTRINO {number}]
    [DATA: {date} ][{time}]
    --------
    {items}
    --------
    [IVA   {tax}]
    TOTALE   {total}
    [CONTANTI   {cash}]
    [RESTO   {change}]
    [Operatore: {cashier}]
    <Grazie e arrivederci|Arrivederci>
"""

PT = r"""
names
  shop: loja|estabelecimento
  address: morada|endereço
  phone: telefone
  date: data|data da compra
  time: hora
  number: número do recibo|recibo
  items: artigos|compras
  items.name: artigo|produto
  items.quantity: quantidade
  items.price: preço|valor
  tax: IVA|imposto
  total: total|valor total
  cash: dinheiro|entregue
  change: troco
  payment: forma de pagamento|pago com
  cashier: operador|atendido por
  store: comerciante
  store.shop: nome
  bill: talão
enum payment
  cash: numerário
  card: cartão|multibanco
  voucher: vale
item
  {quantity} {name}  {price}
  {name}   {price}
title
  {shop}
  TALÃO DE COMPRA
whole
  {shop}
    [{address}]
    [Tel. {phone}]
    [RECIBO {number}]
    [DATA: {date} ][{time}]
    --------
    {items}
    --------
    [IVA   {tax}]
    TOTAL   {total}
    [DINHEIRO   {cash}]
    [TROCO   {change}]
    [Atendido por {cashier}]
    <Obrigado pela visita|Volte sempre>
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("shop", "items", "total"),
    groups={"store": ("shop", "address", "phone"), "bill": ("tax", "total", "cash", "change")},
    layouts={"whole": 8, "lines": 2},
)
