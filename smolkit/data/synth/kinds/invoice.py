"""An invoice: seller and buyer, numbers, two dates, line items, net amount, tax and total."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Item, Record


def draw(d: Draw) -> Record:
    items, net = lines(d)
    tax = round(net * d.rng.choice((0.05, 0.1, 0.19, 0.2, 0.21)), 2)
    issued = d.date()
    return {
        "seller": d.company(),
        "address": d.address(),
        "buyer": d.person() if d.rng.random() < 0.5 else d.company(),
        "number": d.code("INV-####|20##/###|F######|R-#####|@@ ####"),
        "issued": issued,
        "due": d.date(after=issued, days=(10, 60)),
        "items": items,
        "net": d.amount(net),
        "tax": d.amount(tax),
        "total": d.amount(round(net + tax, 2)),
        "currency": d.currency("total"),
    }


def lines(d: Draw) -> tuple[list[Item], float]:
    """One to three line items and their sum."""
    items: list[Item] = []
    net = 0.0
    for thing in d.texts("goods", 1, 3):
        quantity, unit = d.count(1, 9), round(d.rng.uniform(4, 300), 2)
        net += int(quantity.text) * unit
        items.append({"name": thing, "quantity": quantity, "price": d.amount(unit)})
    return items, round(net, 2)


EN = r"""
names
  seller: seller|vendor|issued by|supplier
  address: seller address|address|vendor address
  buyer: customer|bill to|billed to|client
  number: invoice number|invoice no.|number|invoice id
  issued: invoice date|date|issue date|issued on
  due: due date|payment due|pay by
  items: items|line items|products
  items.name: description|name|product
  items.quantity: quantity|qty|count
  items.price: unit price|price|price each
  net: subtotal|net amount|net total
  tax: VAT|tax|tax amount
  total: total|total amount|amount due|grand total
  currency: currency|currency code
  party: supplier details|seller details
  party.seller: name|company
  amounts: amounts|totals
item
  {quantity} x {name} at {price}
  {name}, quantity {quantity}, {price} each
  {name} | {quantity} | {price}
  {quantity} {name} @ {price}
open
  Invoice {number} from {seller}[, {address}], dated {issued}.
  {seller}[, {address}], invoice no. {number}.
  This is invoice {number}[ of {issued}] for {buyer}, issued by {seller}.
  Please find attached our invoice {number}.
body
  Billed to {buyer}.
  Invoice date: {issued}.
  Payment is due by {due}.
  Items: {items}.
  Subtotal {net}, VAT {tax}, total {total}.
  The net amount is {net}.
  VAT: {tax}.
  Total to pay: {total}.
  Issued by {seller}.
extra
  Your customer number is {#code}.
  A reminder fee of {#money} applies to late payments.
  Questions about this bill? Write to {#email}.
close
  Thank you for your business.
  Kind regards, accounts department
title
  INVOICE
  Invoice {number}
  {seller}
    {address}
    INVOICE
whole
  {seller}
    [{address}]\n
    INVOICE {number}
    [Date: {issued}]
    [Due: {due}]
    Bill to: {buyer}\n
    {items}\n
    [Subtotal: {net}]
    [VAT: {tax}]
    TOTAL: {total}
  INVOICE
    No. {number}    [{issued}]
    From: {seller}
    To: {buyer}\n
    {items}
    [VAT {tax}]
    Amount due: {total}[, payable by {due}]
"""

FR = r"""
names
  seller: vendeur|fournisseur|émetteur
  address: adresse du vendeur|adresse
  buyer: client|facturé à|destinataire
  number: numéro de facture|facture n°|numéro
  issued: date de facture|date|date d'émission
  due: échéance|date d'échéance|à payer avant le
  items: articles|lignes
  items.name: désignation|description
  items.quantity: quantité|qté
  items.price: prix unitaire|prix
  net: total HT|montant HT|sous-total
  tax: TVA|montant TVA
  total: total TTC|total|montant à payer
  currency: devise
  party: fournisseur
  party.seller: nom|société
  amounts: montants|totaux
item
  {quantity} x {name} à {price}
  {name}, quantité {quantity}, {price} l'unité
  {name} | {quantity} | {price}
open
  Facture {number} de {seller}[, {address}], du {issued}.
  {seller}[, {address}], facture n° {number}.
  Veuillez trouver ci-joint notre facture {number}[ du {issued}].
body
  Client : {buyer}.
  Date de facture : {issued}.
  À régler avant le {due}.
  Articles : {items}.
  Total HT {net}, TVA {tax}, total TTC {total}.
  Montant HT : {net}.
  TVA : {tax}.
  Total à payer : {total}.
  Émise par {seller}.
extra
  Votre numéro de client est {#code}.
  Des frais de {#money} s'appliquent en cas de retard.
title
  FACTURE
  Facture {number}
whole
  {seller}
    [{address}]\n
    FACTURE N° {number}
    [Date : {issued}]
    [Échéance : {due}]
    Client : {buyer}\n
    {items}\n
    [Total HT : {net}]
    [TVA : {tax}]
    TOTAL TTC : {total}
"""

DE = r"""
names
  seller: Verkäufer|Lieferant|Rechnungssteller
  address: Adresse des Verkäufers|Anschrift
  buyer: Kunde|Rechnungsempfänger
  number: Rechnungsnummer|Rechnungs-Nr.|Nummer
  issued: Rechnungsdatum|Datum|ausgestellt am
  due: Fälligkeit|Zahlungsziel|zahlbar bis
  items: Positionen|Artikel
  items.name: Bezeichnung|Beschreibung
  items.quantity: Menge|Anzahl
  items.price: Einzelpreis|Preis
  net: Nettobetrag|Zwischensumme
  tax: MwSt|Mehrwertsteuer
  total: Gesamtbetrag|Rechnungsbetrag|Summe
  currency: Währung
  party: Lieferant
  party.seller: Name|Firma
  amounts: Beträge
item
  {quantity} x {name} zu {price}
  {name}, Menge {quantity}, je {price}
  {name} | {quantity} | {price}
open
  Rechnung {number} der {seller}[, {address}] vom {issued}.
  {seller}[, {address}], Rechnung Nr. {number}.
  Anbei erhalten Sie unsere Rechnung {number}[ vom {issued}].
body
  Kunde: {buyer}.
  Rechnungsdatum: {issued}.
  Zahlbar bis {due}.
  Positionen: {items}.
  Netto {net}, MwSt. {tax}, Gesamtbetrag {total}.
  Nettobetrag: {net}.
  MwSt.: {tax}.
  Zu zahlen: {total}.
  Aussteller: {seller}.
extra
  Ihre Kundennummer lautet {#code}.
  Bei Verzug berechnen wir {#money} Mahngebühr.
title
  RECHNUNG
  Rechnung {number}
whole
  {seller}
    [{address}]\n
    RECHNUNG {number}
    [Datum: {issued}]
    [Fällig am: {due}]
    Kunde: {buyer}\n
    {items}\n
    [Netto: {net}]
    [MwSt.: {tax}]
    GESAMT: {total}
"""

ES = r"""
names
  seller: vendedor|proveedor|emisor
  address: dirección del vendedor|dirección
  buyer: cliente|facturar a
  number: número de factura|factura n.º|número
  issued: fecha de factura|fecha|fecha de emisión
  due: vencimiento|fecha de vencimiento
  items: artículos|líneas
  items.name: descripción|concepto
  items.quantity: cantidad|unidades
  items.price: precio unitario|precio
  net: base imponible|subtotal
  tax: IVA|importe del IVA
  total: total|total a pagar|importe total
  currency: moneda
  party: proveedor
  party.seller: nombre|empresa
  amounts: importes
item
  {quantity} x {name} a {price}
  {name} | {quantity} | {price}
open
  Factura {number} de {seller}[, {address}], con fecha {issued}.
  {seller}[, {address}], factura n.º {number}.
body
  Cliente: {buyer}.
  Fecha de factura: {issued}.
  Vence el {due}.
  Artículos: {items}.
  Base imponible {net}, IVA {tax}, total {total}.
  Base imponible: {net}.
  IVA: {tax}.
  Total a pagar: {total}.
extra
  Su número de cliente es {#code}.
  El recargo por demora es de {#money}.
title
  FACTURA
whole
  {seller}
    [{address}]\n
    FACTURA {number}
    [Fecha: {issued}]
    [Vencimiento: {due}]
    Cliente: {buyer}\n
    {items}\n
    [Base: {net}]
    [IVA: {tax}]
    TOTAL: {total}
"""

IT = r"""
names
  seller: venditore|fornitore|emittente
  address: indirizzo del venditore|indirizzo
  buyer: cliente|intestatario
  number: numero fattura|fattura n.|numero
  issued: data fattura|data|data di emissione
  due: scadenza|data di scadenza
  items: articoli|righe
  items.name: descrizione|prodotto
  items.quantity: quantità
  items.price: prezzo unitario|prezzo
  net: imponibile|subtotale
  tax: IVA|importo IVA
  total: totale|totale da pagare|importo totale
  currency: valuta
  party: fornitore
  party.seller: nome|azienda
  amounts: importi
item
  {quantity} x {name} a {price}
  {name} | {quantity} | {price}
open
  Fattura {number} di {seller}[, {address}], del {issued}.
  {seller}[, {address}], fattura n. {number}.
body
  Cliente: {buyer}.
  Data fattura: {issued}.
  Da pagare entro il {due}.
  Articoli: {items}.
  Imponibile {net}, IVA {tax}, totale {total}.
  Imponibile: {net}.
  IVA: {tax}.
  Totale da pagare: {total}.
extra
  Il Suo codice cliente è {#code}.
  In caso di ritardo si applicano {#money} di mora.
title
  FATTURA
whole
  {seller}
    [{address}]\n
    FATTURA N. {number}
    [Data: {issued}]
    [Scadenza: {due}]
    Cliente: {buyer}\n
    {items}\n
    [Imponibile: {net}]
    [IVA: {tax}]
    TOTALE: {total}
"""

PT = r"""
names
  seller: vendedor|fornecedor|emissor
  address: morada do vendedor|morada
  buyer: cliente|faturado a
  number: número da fatura|fatura n.º|número
  issued: data da fatura|data|data de emissão
  due: vencimento|data de vencimento
  items: artigos|linhas
  items.name: descrição|produto
  items.quantity: quantidade
  items.price: preço unitário|preço
  net: valor líquido|subtotal
  tax: IVA|valor do IVA
  total: total|total a pagar|valor total
  currency: moeda
  party: fornecedor
  party.seller: nome|empresa
  amounts: valores
item
  {quantity} x {name} a {price}
  {name} | {quantity} | {price}
open
  Fatura {number} de {seller}[, {address}], com data de {issued}.
  {seller}[, {address}], fatura n.º {number}.
body
  Cliente: {buyer}.
  Data da fatura: {issued}.
  A pagar até {due}.
  Artigos: {items}.
  Valor líquido {net}, IVA {tax}, total {total}.
  Valor líquido: {net}.
  IVA: {tax}.
  Total a pagar: {total}.
extra
  O seu número de cliente é {#code}.
  Em caso de atraso acrescem {#money}.
title
  FATURA
whole
  {seller}
    [{address}]\n
    FATURA N.º {number}
    [Data: {issued}]
    [Vencimento: {due}]
    Cliente: {buyer}\n
    {items}\n
    [Líquido: {net}]
    [IVA: {tax}]
    TOTAL: {total}
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("number", "seller"),
    groups={"party": ("seller", "address"), "amounts": ("net", "tax", "total")},
    layouts={"prose": 3, "lines": 2, "whole": 5},
)
