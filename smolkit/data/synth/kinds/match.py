"""A match report: teams, score, scorers, ground, crowd, referee, next game. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Item, Record, Value


def draw(d: Draw) -> Record:
    goals: list[Item] = [
        {"scorer": d.person(), "minute": d.count(2, 90), "club": Value(d.invented())}
        for _ in range(d.rng.randint(1, 3))
    ]
    home, away = d.two_cities()
    return {
        "home": Value(d.word("clubs").replace("*", home.text)),
        "away": Value(d.word("clubs").replace("*", away.text)),
        "score": Value(f"{d.rng.randint(0, 5)}{d.rng.choice((':', '-'))}{d.rng.randint(0, 5)}"),
        "sport": d.enum("sport"),
        "goals": goals,
        "ground": Value(d.word("grounds").replace("*", d.invented())),
        "played": d.date(),
        "crowd": d.count(120, 48000),
        "referee": d.person(),
        "coach": d.person(),
        "next_game": d.day(),
        "sold_out": d.flag("sold_out"),
    }


EN = r"""
names
  home: home team|hosts|home side
  away: away team|visitors|guests
  score: score|result|final score
  sport: sport|discipline
  goals: goals|scorers|goals scored
  goals.scorer: scorer|player|goal by
  goals.minute: minute|scored in minute
  goals.club: club|for
  ground: stadium|ground|arena
  played: played on|match date|date of match
  crowd: attendance|crowd|spectators
  referee: referee|umpire|match official
  coach: coach|home coach|manager
  next_game: next game|next match
  sold_out: sold out|full house
  teams: teams|sides
enum sport
  football: football|soccer
  handball: handball
  hockey: hockey|ice hockey
  rugby: rugby|rugby union
enum sold_out
  yes: the ground was sold out|there was not a free seat
  no: many seats stayed empty|the ground was not full
pool clubs
  * United|* City|FC *|* Rovers|* Athletic|Sporting *
pool grounds
  * Park|* Stadium|* Arena|* Field
item
  {scorer} ({minute}')
  {minute}' {scorer} for {club}
  {scorer}, minute {minute}
open
  {home} v {away} {score}[ ({sport})][, {played}].
  {sport}: {home} - {away} {score}.
  {home} met {away}[ on {played}] at {ground}. The game ended {score}.
body
  Goals: {goals}.
  Played at {ground}.
  {crowd} spectators came.
  Referee: {referee}.
  "We worked hard", said home coach {coach}.
  The next game is on {next_game}.
  Before kick-off, {sold_out}.
  The date was {played}.
extra
  {#person} was injured after {#number} minutes.
  Kick-off was delayed until {#time}.
title
  MATCH REPORT
"""

ES = r"""
names
  home: equipo local|local
  away: equipo visitante|visitante
  score: resultado|marcador
  sport: deporte
  goals: goles|goleadores
  goals.scorer: goleador|jugador
  goals.minute: minuto
  goals.club: club
  ground: estadio|campo
  played: fecha del partido|jugado el
  crowd: asistencia|espectadores
  referee: árbitro
  coach: entrenador
  next_game: próximo partido
  sold_out: lleno
  teams: equipos
enum sport
  football: fútbol
  handball: balonmano
  hockey: hockey
  rugby: rugby
enum sold_out
  yes: no quedaban entradas
  no: quedaron muchos asientos libres
pool clubs
  * CF|Real *|Atlético *|Deportivo *
pool grounds
  Estadio *|Campo *|Pabellón *
item
  {scorer} (minuto {minute})
  {scorer}, {minute}'
open
  {home} - {away} {score}[ ({sport})][, {played}].
  {sport}: {home} contra {away}, {score}.
body
  Goles: {goals}.
  Estadio: {ground}.
  Asistencia: {crowd} espectadores.
  Árbitro: {referee}.
  «Trabajamos mucho», dijo el entrenador {coach}.
  Próximo partido: {next_game}.
  Antes del inicio, {sold_out}.
title
  CRÓNICA DEL PARTIDO
"""

PT = r"""
names
  home: equipa da casa|visitada
  away: equipa visitante|visitante
  score: resultado|marcador
  sport: modalidade
  goals: golos|marcadores
  goals.scorer: marcador|jogador
  goals.minute: minuto
  goals.club: clube
  ground: estádio|campo
  played: data do jogo|jogado a
  crowd: assistência|espetadores
  referee: árbitro
  coach: treinador
  next_game: próximo jogo
  sold_out: lotação esgotada
  teams: equipas
enum sport
  football: futebol
  handball: andebol
  hockey: hóquei
  rugby: râguebi
enum sold_out
  yes: a lotação estava esgotada
  no: havia muitos lugares vazios
pool clubs
  * FC|Sporting de *|Atlético de *|União de *
pool grounds
  Estádio *|Campo *|Pavilhão *
item
  {scorer} (minuto {minute})
  {scorer}, {minute}'
open
  {home} - {away} {score}[ ({sport})][, {played}].
  {sport}: {home} contra {away}, {score}.
body
  Golos: {goals}.
  Estádio: {ground}.
  Assistência: {crowd} espetadores.
  Árbitro: {referee}.
  «Trabalhámos muito», disse o treinador {coach}.
  Próximo jogo: {next_game}.
title
  CRÓNICA DO JOGO
"""

FR = r"""
names
  home: équipe à domicile|locaux
  away: équipe visiteuse|visiteurs
  score: score|résultat
  sport: sport
  goals: buts|buteurs
  goals.scorer: buteur|joueur
  goals.minute: minute
  goals.club: club
  ground: stade|terrain
  played: date du match|joué le
  crowd: affluence|spectateurs
  referee: arbitre
  coach: entraîneur
  next_game: prochain match
  sold_out: guichets fermés
  teams: équipes
enum sport
  football: football
  handball: handball
  hockey: hockey
  rugby: rugby
enum sold_out
  yes: le stade était plein
  no: il restait beaucoup de places
pool clubs
  FC *|Olympique *|Stade *|AS *
pool grounds
  Stade *|Parc *|Arena *
item
  {scorer} ({minute}e minute)
  {scorer}, {minute}e
open
  {home} - {away} {score}[ ({sport})][, le {played}].
  {sport} : {home} contre {away}, {score}.
body
  Buts : {goals}.
  Stade : {ground}.
  Affluence : {crowd} spectateurs.
  Arbitre : {referee}.
  « Nous avons bien travaillé », a dit l'entraîneur {coach}.
  Prochain match : {next_game}.
  Avant le coup d'envoi, {sold_out}.
title
  COMPTE RENDU
"""

DE = r"""
names
  home: Heimmannschaft|Gastgeber
  away: Gastmannschaft|Gäste
  score: Ergebnis|Endstand
  sport: Sportart
  goals: Tore|Torschützen
  goals.scorer: Torschütze|Spieler
  goals.minute: Minute
  goals.club: Verein
  ground: Stadion|Spielort
  played: Spieltag|gespielt am
  crowd: Zuschauer|Zuschauerzahl
  referee: Schiedsrichter
  coach: Trainer
  next_game: nächstes Spiel
  sold_out: ausverkauft
  teams: Mannschaften
enum sport
  football: Fußball
  handball: Handball
  hockey: Eishockey
  rugby: Rugby
enum sold_out
  yes: alle Karten waren verkauft
  no: viele Plätze blieben leer
pool clubs
  FC *|SV *|Eintracht *|VfL *
pool grounds
  *-Stadion|*-Arena|Sportpark *
item
  {scorer} ({minute}. Minute)
  {minute}. {scorer}
open
  {home} - {away} {score}[ ({sport})][, {played}].
  {sport}: {home} gegen {away}, {score}.
body
  Tore: {goals}.
  Spielort: {ground}.
  {crowd} Zuschauer kamen.
  Schiedsrichter: {referee}.
  „Wir haben hart gearbeitet“, sagte Trainer {coach}.
  Das nächste Spiel ist am {next_game}.
  Vor dem Anpfiff: {sold_out}.
title
  SPIELBERICHT
"""

IT = r"""
names
  home: squadra di casa|padroni di casa
  away: squadra ospite|ospiti
  score: risultato|punteggio
  sport: sport
  goals: gol|marcatori
  goals.scorer: marcatore|giocatore
  goals.minute: minuto
  goals.club: club
  ground: stadio|campo
  played: data della partita|giocata il
  crowd: spettatori|pubblico
  referee: arbitro
  coach: allenatore
  next_game: prossima partita
  sold_out: tutto esaurito
  teams: squadre
enum sport
  football: calcio
  handball: pallamano
  hockey: hockey
  rugby: rugby
enum sold_out
  yes: i biglietti erano esauriti
  no: molti posti sono rimasti vuoti
pool clubs
  * Calcio|AC *|Virtus *|Polisportiva *
pool grounds
  Stadio *|Campo *|Palazzetto *
item
  {scorer} (minuto {minute})
  {scorer}, {minute}'
open
  {home} - {away} {score}[ ({sport})][, {played}].
  {sport}: {home} contro {away}, {score}.
body
  Gol: {goals}.
  Stadio: {ground}.
  Pubblico: {crowd} spettatori.
  Arbitro: {referee}.
  «Abbiamo lavorato bene», ha detto l'allenatore {coach}.
  Prossima partita: {next_game}.
  Prima del fischio d'inizio {sold_out}.
title
  CRONACA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("home", "away", "score"),
    groups={"teams": ("home", "away")},
    layouts={"prose": 7, "lines": 2},
)
