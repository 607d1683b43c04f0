"""A product listing: what a shop's page or a small ad says of one article."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    return {
        "title": d.text("goods"),
        "brand": d.brand(),
        "model": d.code("@@-###|@##|@@@ ###|###@|@#-####"),
        "price": d.money(5, 900),
        "color": d.text("colours"),
        "material": d.text("materials"),
        "condition": d.enum("condition"),
        "weight": d.measure(0.2, 30, "kg", digits=1),
        "warranty": d.enum("warranty"),
        "stock": d.flag("stock"),
        "currency": d.currency("price"),
    }


EN = r"""
names
  title: product|product name|item|article
  brand: brand|make|manufacturer
  model: model|model number|reference
  price: price|selling price|cost
  color: color|colour|finish
  material: material|made of|fabric
  condition: condition|state|item condition
  weight: weight|net weight|shipping weight
  warranty: warranty|guarantee|warranty period
  stock: in stock|available|availability
  currency: currency|price currency|currency code
enum condition
  new: brand new|new|unopened
  used: used|second-hand|pre-owned
  refurbished: refurbished|factory refurbished
enum warranty
  one year: 1 year|12 months
  two years: 2 years|24 months
  three years: 3 years|36 months
enum stock
  yes: in stock|ready to ship|available now
  no: sold out|out of stock|currently unavailable
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  {brand} {model}: {title}[ in {material}][, {color}].
  For sale: {title} by {brand}[, model {model}].
  The {title} by {brand} now <costs|sells for> {price}.
  {title} | {brand}[ | {model}][ | {color}]
body
  Price: {price}.
  Now only {price}, instead of {#money}.
  Condition: {condition}.
  It weighs {weight}.
  Colour: {color}.
  It is made of {material}.
  It comes with a {warranty} warranty.
  Model no. {model}.
  The item is {stock}.
extra
  Shipping costs {#money}.
  Free returns until {#day}.
  Customers also bought the {#brand} cleaning kit.
  Rated by {#number} customers.
close
  Questions? Call {#phone}.
  Order online at any time.
title
  Product details
  ITEM SHEET
  Now in our shop
"""

FR = r"""
names
  title: produit|nom du produit|article
  brand: marque|fabricant
  model: modèle|référence|numéro de modèle
  price: prix|prix de vente|tarif
  color: couleur|coloris
  material: matière|matériau
  condition: état|état du produit
  weight: poids|poids net
  warranty: garantie|durée de garantie
  stock: en stock|disponible
  currency: devise|monnaie
enum condition
  new: neuf|jamais ouvert
  used: d'occasion|déjà utilisé
  refurbished: reconditionné|remis à neuf
enum warranty
  one year: 1 an|12 mois
  two years: 2 ans|24 mois
  three years: 3 ans|36 mois
enum stock
  yes: en stock|disponible immédiatement
  no: épuisé|en rupture de stock
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  À vendre : {title} {brand}[, modèle {model}][, coloris {color}].
  {title} de la marque {brand}[, {material}], au prix de {price}.
  {brand} {model} : {title}[ ({color})].
body
  Prix : {price}.
  Aujourd'hui {price} au lieu de {#money}.
  État : {condition}.
  Poids : {weight}.
  Coloris {color}.
  Matière : {material}.
  Garantie de {warranty}.
  Référence du modèle : {model}.
  Le produit est {stock}.
extra
  Frais de port : {#money}.
  Retour gratuit jusqu'au {#day}.
  Noté par {#number} clients.
title
  Fiche produit
  Nouveau en boutique
"""

DE = r"""
names
  title: Produkt|Artikel|Produktname
  brand: Marke|Hersteller
  model: Modell|Modellnummer
  price: Preis|Verkaufspreis
  color: Farbe|Farbton
  material: Material|Werkstoff
  condition: Zustand|Artikelzustand
  weight: Gewicht|Nettogewicht
  warranty: Garantie|Garantiezeit
  stock: lieferbar|auf Lager
  currency: Währung
enum condition
  new: neu|fabrikneu
  used: gebraucht|aus zweiter Hand
  refurbished: generalüberholt|aufbereitet
enum warranty
  one year: 1 Jahr|12 Monate
  two years: 2 Jahre|24 Monate
  three years: 3 Jahre|36 Monate
enum stock
  yes: sofort lieferbar|auf Lager
  no: ausverkauft|derzeit nicht lieferbar
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  Zu verkaufen: {title} von {brand}[, Modell {model}].
  {title} der Marke {brand}[ in {color}] für {price}.
  {brand} {model}: {title}[ aus {material}].
body
  Preis: {price}.
  Jetzt {price} statt {#money}.
  Zustand: {condition}.
  Gewicht: {weight}.
  Farbe: {color}.
  Gefertigt aus {material}.
  Garantie: {warranty}.
  Modellnummer {model}.
  Der Artikel ist {stock}.
extra
  Versandkosten: {#money}.
  Kostenlose Rückgabe bis zum {#day}.
  Von {#number} Kunden bewertet.
title
  Produktdaten
  Neu im Laden
"""

ES = r"""
names
  title: producto|artículo|nombre del producto
  brand: marca|fabricante
  model: modelo|referencia
  price: precio|precio de venta
  color: color|tono
  material: material|tejido
  condition: estado|estado del artículo
  weight: peso|peso neto
  warranty: garantía
  stock: disponible|en existencias
  currency: moneda|divisa
enum condition
  new: nuevo|sin estrenar
  used: usado|de segunda mano
  refurbished: reacondicionado
enum warranty
  one year: 1 año|12 meses
  two years: 2 años|24 meses
  three years: 3 años|36 meses
enum stock
  yes: disponible|en existencias
  no: agotado|no disponible por ahora
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  Se vende {title} de la marca {brand}[, modelo {model}].
  {title} {brand}[ en color {color}] por {price}.
body
  Precio: {price}.
  Ahora {price} en lugar de {#money}.
  Estado: {condition}.
  Pesa {weight}.
  Color: {color}.
  Material: {material}.
  Garantía de {warranty}.
  Modelo {model}.
  El artículo está {stock}.
extra
  Gastos de envío: {#money}.
  Devolución gratuita hasta el {#day}.
title
  Ficha del producto
"""

IT = r"""
names
  title: prodotto|articolo|nome del prodotto
  brand: marca|produttore
  model: modello|codice modello
  price: prezzo|prezzo di vendita
  color: colore|tinta
  material: materiale|tessuto
  condition: condizioni|stato
  weight: peso|peso netto
  warranty: garanzia
  stock: disponibile|disponibilità
  currency: valuta
enum condition
  new: nuovo|mai aperto
  used: usato|di seconda mano
  refurbished: ricondizionato
enum warranty
  one year: 1 anno|12 mesi
  two years: 2 anni|24 mesi
  three years: 3 anni|36 mesi
enum stock
  yes: disponibile|pronta consegna
  no: esaurito|non disponibile al momento
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  Vendo {title} {brand}[, modello {model}].
  {title} di {brand}[, colore {color}], a {price}.
body
  Prezzo: {price}.
  Ora {price} invece di {#money}.
  Condizioni: {condition}.
  Peso: {weight}.
  Colore: {color}.
  Materiale: {material}.
  Garanzia di {warranty}.
  Modello {model}.
  Disponibilità: {stock}.
extra
  Spese di spedizione: {#money}.
  Reso gratuito fino al {#day}.
title
  Scheda prodotto
"""

PT = r"""
names
  title: produto|artigo|nome do produto
  brand: marca|fabricante
  model: modelo|referência
  price: preço|preço de venda
  color: cor|tonalidade
  material: material|tecido
  condition: estado|estado do artigo
  weight: peso|peso líquido
  warranty: garantia
  stock: disponível|em stock
  currency: moeda
enum condition
  new: novo|por estrear
  used: usado|em segunda mão
  refurbished: recondicionado
enum warranty
  one year: 1 ano|12 meses
  two years: 2 anos|24 meses
  three years: 3 anos|36 meses
enum stock
  yes: disponível|em stock
  no: esgotado|indisponível de momento
open
  {brand} {title}[ {model}][, {color}][, {material}] - {price}
  Vende-se {title} da marca {brand}[, modelo {model}].
  {title} {brand}[ na cor {color}] por {price}.
body
  Preço: {price}.
  Agora {price} em vez de {#money}.
  Estado: {condition}.
  Pesa {weight}.
  Cor: {color}.
  Material: {material}.
  Garantia de {warranty}.
  Modelo {model}.
  O artigo está {stock}.
extra
  Portes de envio: {#money}.
  Devolução gratuita até {#day}.
title
  Ficha do produto
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("title", "brand"),
)
