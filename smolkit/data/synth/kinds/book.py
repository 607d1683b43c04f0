"""A book notice: title, writer, translator, publisher, pages, ISBN, year, genre. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    year = d.rng.randint(1950, 2026)
    return {
        "title": Value(f"{d.word('heads')} {d.invented()}"),
        "author": d.person(),
        "translator": d.person(),
        "publisher": Value(d.word("houses").replace("*", d.invented())),
        "year": Value(str(year), "integer", year),
        "pages": d.count(90, 900),
        "isbn": d.code("978-#-###-#####-#|978#########"),
        "genre": d.enum("genre"),
        "price": d.money(5, 48),
        "original": d.language(),
        "released": d.date(),
        "ebook": d.flag("ebook"),
        "themes": d.texts("themes", 1, 3),
    }


EN = r"""
names
  title: book title|title|work
  author: author|writer|written by
  translator: translator|translated by
  publisher: publisher|publishing house|imprint
  year: year|first published|year of first edition
  pages: pages|page count|length in pages
  isbn: ISBN|book number
  genre: genre|literary form|category
  price: price|retail price|cover price
  original: original language|translated from|source language
  released: release date|in shops from|on sale
  ebook: e-book|available as e-book
  themes: themes|topics|subjects
  edition: edition|bibliographic data
enum genre
  novel: novel|long novel
  poetry: poetry collection|volume of poems
  biography: biography|life story
  essay: essay|collection of essays
  thriller: thriller|crime story
enum ebook
  yes: it is also sold as an e-book|an e-book exists
  no: there is no e-book|in print only
pool heads
  The Gardens of|A Winter in|Letters to|The Last|Beyond|The House of|Nine Days in|Songs for|The Return to|Lost in|
  Before|The Map of
pool houses
  * Press|* Books|* & Daughters|Edition *
pool themes
  exile|friendship|the sea|memory|war|childhood|music|money|faith|winter|family secrets|migration
open
  "{title}" is a {genre} by {author}[, {publisher}][, {pages} pages].
  {author}: {title}. {publisher}[, {year}].
  New in our shop: {title}, {genre} by {author}.
body
  It has {pages} pages[ and costs {price}].
  Translated from {original} by {translator}.
  Translator: {translator}.
  ISBN {isbn}.
  It was first published in {year}.
  On sale from {released}.
  It deals with {themes}.
  For readers on screen: {ebook}.
  Price: {price}.
  Published by {publisher}.
extra
  The cover was drawn by {#person}.
  {#person} called it a masterpiece.
title
  BOOK OF THE WEEK
  New books
"""

DE = r"""
names
  title: Buchtitel|Titel
  author: Autor|geschrieben von
  translator: Übersetzer|übersetzt von
  publisher: Verlag
  year: Jahr|Erstausgabe
  pages: Seiten|Seitenzahl
  isbn: ISBN
  genre: Gattung|Genre
  price: Preis|Ladenpreis
  original: Originalsprache|übersetzt aus
  released: Erscheinungstag|im Handel ab
  ebook: E-Book
  themes: Themen
  edition: Ausgabe
enum genre
  novel: Roman
  poetry: Gedichtband
  biography: Biografie
  essay: Essay
  thriller: Krimi
enum ebook
  yes: auch als E-Book
  no: nur gedruckt
pool heads
  Die Gärten von|Ein Winter in|Briefe an|Das Haus|Neun Tage in|Lieder für|Rückkehr nach|Jenseits von
pool houses
  * Verlag|Edition *|Verlag *
pool themes
  Exil|Freundschaft|das Meer|Erinnerung|Krieg|Kindheit|Musik|Geld
open
  „{title}“ ist das neue Buch von {author}[, {publisher}][, {pages} Seiten].
  {author}: {title}. {publisher}[, {year}].
body
  Umfang: {pages} Seiten[, Preis: {price}].
  Gattung: {genre}.
  Aus dem Original übersetzt von {translator}.
  ISBN {isbn}.
  Zuerst erschienen {year}.
  Im Handel ab {released}.
  Themen: {themes}.
  Ausgabe: {ebook}.
  Preis: {price}.
title
  BUCH DER WOCHE
"""

IT = r"""
names
  title: titolo del libro|titolo
  author: autore|scritto da
  translator: traduttore|tradotto da
  publisher: editore|casa editrice
  year: anno|prima edizione
  pages: pagine|numero di pagine
  isbn: ISBN
  genre: genere
  price: prezzo|prezzo di copertina
  original: lingua originale
  released: data di uscita|in vendita dal
  ebook: ebook
  themes: temi
  edition: edizione
enum genre
  novel: romanzo
  poetry: raccolta di poesie
  biography: biografia
  essay: saggio
  thriller: giallo
enum ebook
  yes: anche in ebook
  no: solo su carta
pool heads
  I giardini di|Un inverno a|Lettere a|La casa di|Nove giorni a|Ritorno a|Oltre|La mappa di
pool houses
  Edizioni *|* Editore|Libri *
pool themes
  esilio|amicizia|il mare|memoria|guerra|infanzia|musica|denaro
open
  «{title}» è il nuovo libro di {author}[, {publisher}][, {pages} pagine].
  {author}, {title}. {publisher}[, {year}].
body
  Pagine: {pages}[, prezzo: {price}].
  Genere: {genre}.
  Traduzione di {translator}.
  ISBN {isbn}.
  Prima edizione: {year}.
  In vendita dal {released}.
  Temi: {themes}.
  Formato: {ebook}.
title
  LIBRO DELLA SETTIMANA
"""

FR = r"""
names
  title: titre du livre|titre
  author: auteur|écrit par
  translator: traducteur|traduit par
  publisher: éditeur|maison d'édition
  year: année|première édition
  pages: pages|nombre de pages
  isbn: ISBN
  genre: genre
  price: prix|prix public
  original: langue d'origine
  released: date de parution|en librairie le
  ebook: livre numérique
  themes: thèmes
  edition: édition
enum genre
  novel: roman
  poetry: recueil de poèmes
  biography: biographie
  essay: essai
  thriller: polar
enum ebook
  yes: existe aussi en numérique
  no: uniquement sur papier
pool heads
  Les Jardins de|Un Hiver à|Lettres à|La Maison de|Neuf Jours à|Retour à|Au-delà de|La Carte de
pool houses
  Éditions *|Librairie *|Presses *
pool themes
  exil|amitié|la mer|mémoire|guerre|enfance|musique|argent
open
  « {title} » est le nouveau livre de {author}[, {publisher}][, {pages} pages].
  {author}, {title}. {publisher}[, {year}].
body
  Pages : {pages}[, prix : {price}].
  Genre : {genre}.
  Traduction de {translator}.
  ISBN {isbn}.
  Première édition : {year}.
  En librairie le {released}.
  Thèmes : {themes}.
  Format : {ebook}.
title
  LE LIVRE DE LA SEMAINE
"""

ES = r"""
names
  title: título del libro|título
  author: autor|escrito por
  translator: traductor|traducido por
  publisher: editorial|casa editora
  year: año|primera edición
  pages: páginas|número de páginas
  isbn: ISBN
  genre: género
  price: precio|precio de venta
  original: idioma original
  released: fecha de salida|a la venta desde
  ebook: libro electrónico
  themes: temas
  edition: edición
enum genre
  novel: novela
  poetry: poemario
  biography: biografía
  essay: ensayo
  thriller: novela negra
enum ebook
  yes: también en libro electrónico
  no: solo en papel
pool heads
  Los jardines de|Un invierno en|Cartas a|La casa de|Nueve días en|Regreso a|Más allá de|El mapa de
pool houses
  Editorial *|Ediciones *|Libros *
pool themes
  exilio|amistad|el mar|memoria|guerra|infancia|música|dinero
open
  «{title}» es el nuevo libro de {author}[, {publisher}][, {pages} páginas].
  {author}, {title}. {publisher}[, {year}].
body
  Páginas: {pages}[, precio: {price}].
  Género: {genre}.
  Traducción de {translator}.
  ISBN {isbn}.
  Primera edición: {year}.
  A la venta desde el {released}.
  Temas: {themes}.
  Formato: {ebook}.
title
  EL LIBRO DE LA SEMANA
"""

PT = r"""
names
  title: título do livro|título
  author: autor|escrito por
  translator: tradutor|traduzido por
  publisher: editora|casa editora
  year: ano|primeira edição
  pages: páginas|número de páginas
  isbn: ISBN
  genre: género
  price: preço|preço de capa
  original: língua original
  released: data de lançamento|à venda desde
  ebook: livro digital
  themes: temas
  edition: edição
enum genre
  novel: romance
  poetry: livro de poemas
  biography: biografia
  essay: ensaio
  thriller: policial
enum ebook
  yes: também em formato digital
  no: só em papel
pool heads
  Os Jardins de|Um Inverno em|Cartas a|A Casa de|Nove Dias em|Regresso a|Para lá de|O Mapa de
pool houses
  Editora *|Edições *|Livros *
pool themes
  exílio|amizade|o mar|memória|guerra|infância|música|dinheiro
open
  «{title}» é o novo livro de {author}[, {publisher}][, {pages} páginas].
  {author}, {title}. {publisher}[, {year}].
body
  Páginas: {pages}[, preço: {price}].
  Género: {genre}.
  Tradução de {translator}.
  ISBN {isbn}.
  Primeira edição: {year}.
  À venda desde {released}.
  Temas: {themes}.
  Formato: {ebook}.
title
  LIVRO DA SEMANA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("title", "author", "publisher"),
    groups={"edition": ("publisher", "year", "pages", "isbn")},
)
