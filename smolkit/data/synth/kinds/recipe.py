"""A recipe: dish, servings, times, ingredients with amounts, oven, difficulty, author."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Item, Record, Value

AMOUNTS = (5, 10, 25, 50, 80, 100, 150, 250, 400)
UNITS = ("g", "ml", "cl", "g", "g")


def draw(d: Draw) -> Record:
    ingredients: list[Item] = [
        {"name": thing, "amount": Value(f"{d.rng.choice(AMOUNTS)} {d.rng.choice(UNITS)}")}
        for thing in d.texts("groceries", 2, 4)
    ]
    return {
        "dish": d.text("dishes"),
        "author": d.person(),
        "servings": d.count(2, 8),
        "preparation": d.minutes(5, 59),
        "cooking": d.minutes(10, 90),
        "oven": d.measure(150, 230, "°C"),
        "ingredients": ingredients,
        "difficulty": d.enum("difficulty"),
        "vegetarian": d.flag("vegetarian"),
        "calories": d.measure(120, 900, "kcal"),
    }


EN = r"""
names
  dish: dish|recipe|name|recipe name
  author: author|cook|recipe by|chef
  servings: servings|serves|portions
  preparation: preparation time|prep time|prep
  cooking: cooking time|cook time|baking time
  oven: oven temperature|temperature
  ingredients: ingredients|ingredient list
  ingredients.name: name|ingredient
  ingredients.amount: amount|quantity
  difficulty: difficulty|level|skill level
  vegetarian: vegetarian|meat-free
  calories: calories|energy|calories per serving
  times: times|timing
enum difficulty
  easy: easy|simple
  medium: medium|intermediate
  hard: hard|challenging
enum vegetarian
  yes: suitable for vegetarians|vegetarian
  no: not vegetarian|made with meat
item
  {amount} {name}
  {amount} of {name}
  {name}: {amount}
  - {name}, {amount}
open
  Today's recipe: {dish}[ by {author}][, serves {servings}].
  {author} shares a favourite: {dish}.
  How to make {dish}[ for {servings} people].
  Recipe of the week: {dish}
body
  You need: {ingredients}.
  Ingredients:\n{ingredients}\n
  Preparation takes {preparation}[, cooking {cooking}].
  Cook for {cooking}.
  Bake at {oven}.
  Serves {servings}.
  Difficulty: {difficulty}.
  The dish is {vegetarian}.
  One serving has {calories}.
  A recipe by {author}.
extra
  Let it rest for {#number} minutes before serving.
  Step 1: wash everything well.
  It keeps {#number} days in the fridge.
close
  Enjoy your meal!
title
  {dish}
  RECIPE CARD
"""

FR = r"""
names
  dish: plat|recette|nom de la recette
  author: auteur|recette de
  servings: portions|personnes
  preparation: temps de préparation|préparation
  cooking: temps de cuisson|cuisson
  oven: température du four|four
  ingredients: ingrédients
  ingredients.name: nom|ingrédient
  ingredients.amount: quantité
  difficulty: difficulté|niveau
  vegetarian: végétarien
  calories: calories|énergie
  times: durées
enum difficulty
  easy: facile|simple
  medium: moyenne|intermédiaire
  hard: difficile
enum vegetarian
  yes: végétarien
  no: non végétarien|avec viande
item
  {amount} de {name}
  {name} : {amount}
open
  La recette du jour : {dish}[, par {author}][, pour {servings} personnes].
  {author} vous propose : {dish}.
body
  Il faut : {ingredients}.
  Préparation : {preparation}[, cuisson : {cooking}].
  Cuisson : {cooking}.
  Four à {oven}.
  Pour {servings} personnes.
  Difficulté : {difficulty}.
  C'est un plat {vegetarian}.
  Une portion apporte {calories}.
extra
  Laissez reposer {#number} minutes.
  Se garde {#number} jours au frais.
title
  {dish}
  RECETTE
"""

DE = r"""
names
  dish: Gericht|Rezept|Name
  author: Autor|Rezept von
  servings: Portionen|Personen
  preparation: Vorbereitungszeit|Vorbereitung
  cooking: Kochzeit|Garzeit
  oven: Ofentemperatur|Ofen
  ingredients: Zutaten
  ingredients.name: Name|Zutat
  ingredients.amount: Menge
  difficulty: Schwierigkeit|Niveau
  vegetarian: vegetarisch
  calories: Kalorien|Energie
  times: Zeiten
enum difficulty
  easy: leicht|einfach
  medium: mittel|mittelschwer
  hard: schwer|anspruchsvoll
enum vegetarian
  yes: vegetarisch
  no: nicht vegetarisch|mit Fleisch
item
  {amount} {name}
  {name}: {amount}
open
  Rezept des Tages: {dish}[ von {author}][, für {servings} Personen].
  {author} empfiehlt: {dish}.
body
  Zutaten: {ingredients}.
  Vorbereitung {preparation}[, Kochzeit {cooking}].
  Kochzeit: {cooking}.
  Ofen auf {oven} vorheizen.
  Für {servings} Personen.
  Schwierigkeit: {difficulty}.
  Das Gericht ist {vegetarian}.
  Eine Portion hat {calories}.
extra
  Vor dem Servieren {#number} Minuten ruhen lassen.
  Hält im Kühlschrank {#number} Tage.
title
  {dish}
  REZEPT
"""

ES = r"""
names
  dish: plato|receta
  author: autor|receta de
  servings: raciones|personas
  preparation: tiempo de preparación|preparación
  cooking: tiempo de cocción|cocción
  oven: temperatura del horno|horno
  ingredients: ingredientes
  ingredients.name: nombre|ingrediente
  ingredients.amount: cantidad
  difficulty: dificultad|nivel
  vegetarian: vegetariano
  calories: calorías
  times: tiempos
enum difficulty
  easy: fácil|sencilla
  medium: media|intermedia
  hard: difícil
enum vegetarian
  yes: vegetariano
  no: no vegetariano|con carne
item
  {amount} de {name}
  {name}: {amount}
open
  Receta del día: {dish}[, de {author}][, para {servings} personas].
  {author} nos propone: {dish}.
body
  Ingredientes: {ingredients}.
  Preparación: {preparation}[, cocción: {cooking}].
  Cocción: {cooking}.
  Horno a {oven}.
  Para {servings} personas.
  Dificultad: {difficulty}.
  Es un plato {vegetarian}.
  Cada ración tiene {calories}.
extra
  Dejar reposar {#number} minutos.
title
  {dish}
  RECETA
"""

IT = r"""
names
  dish: piatto|ricetta
  author: autore|ricetta di
  servings: porzioni|persone
  preparation: tempo di preparazione|preparazione
  cooking: tempo di cottura|cottura
  oven: temperatura del forno|forno
  ingredients: ingredienti
  ingredients.name: nome|ingrediente
  ingredients.amount: quantità
  difficulty: difficoltà|livello
  vegetarian: vegetariano
  calories: calorie
  times: tempi
enum difficulty
  easy: facile|semplice
  medium: media
  hard: difficile
enum vegetarian
  yes: vegetariano
  no: non vegetariano|con carne
item
  {amount} di {name}
  {name}: {amount}
open
  Ricetta del giorno: {dish}[, di {author}][, per {servings} persone].
  {author} propone: {dish}.
body
  Ingredienti: {ingredients}.
  Preparazione: {preparation}[, cottura: {cooking}].
  Cottura: {cooking}.
  Forno a {oven}.
  Per {servings} persone.
  Difficoltà: {difficulty}.
  È un piatto {vegetarian}.
  Una porzione ha {calories}.
extra
  Far riposare {#number} minuti.
title
  {dish}
  RICETTA
"""

PT = r"""
names
  dish: prato|receita
  author: autor|receita de
  servings: doses|pessoas
  preparation: tempo de preparação|preparação
  cooking: tempo de cozedura|cozedura
  oven: temperatura do forno|forno
  ingredients: ingredientes
  ingredients.name: nome|ingrediente
  ingredients.amount: quantidade
  difficulty: dificuldade|nível
  vegetarian: vegetariano
  calories: calorias
  times: tempos
enum difficulty
  easy: fácil|simples
  medium: média
  hard: difícil
enum vegetarian
  yes: vegetariano
  no: não vegetariano|com carne
item
  {amount} de {name}
  {name}: {amount}
open
  Receita do dia: {dish}[, de {author}][, para {servings} pessoas].
  {author} sugere: {dish}.
body
  Ingredientes: {ingredients}.
  Preparação: {preparation}[, cozedura: {cooking}].
  Cozedura: {cooking}.
  Forno a {oven}.
  Para {servings} pessoas.
  Dificuldade: {difficulty}.
  É um prato {vegetarian}.
  Cada dose tem {calories}.
extra
  Deixe repousar {#number} minutos.
title
  {dish}
  RECEITA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("dish", "ingredients"),
    groups={"times": ("preparation", "cooking")},
)
