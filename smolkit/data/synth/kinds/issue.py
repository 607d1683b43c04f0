"""A bug report on a code host: title, author, version, platform, error, priority, labels."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    project = d.invented().lower()
    return {
        "number": Value(f"#{d.rng.randint(12, 9999)}"),
        "title": Value(d.word("problems").replace("*", d.word("parts"))),
        "project": Value(project),
        "author": Value(f"@{d.invented().lower()}{d.rng.choice(('', '_dev', '42', '-b'))}"),
        "version": d.code("v#.#.#|#.##.#|#.#.#|v#.##"),
        "system": d.text("systems"),
        "error": Value(f"{d.word('errors')}: {d.word('messages').replace('*', project)}"),
        "priority": d.enum("priority"),
        "labels": d.texts("labels", 1, 3),
        "opened": d.date(),
        "assignee": Value(f"@{d.invented().lower()}"),
        "regression": d.flag("regression"),
    }


SHARED = r"""
pool systems
  Ubuntu 22.04|Windows 11|macOS 14.2|Debian 12|Fedora 39|Android 13|iOS 17|Arch Linux|Raspberry Pi OS|Windows 10
  FreeBSD 14|Alpine 3.19
pool errors
  KeyError|TypeError|ValueError|TimeoutError|RuntimeError|OSError|NullPointerException|SegmentationFault|ImportError
  PermissionError|IndexError|ConnectionError
pool messages
  missing field 'id'|unexpected token in *.json|connection refused|no module named *|index out of range
  file * not found|read timed out|invalid utf-8|permission denied|unknown option --*|null value in column
  out of memory
pool labels
  bug|docs|ui|performance|good first issue|security|api|packaging|windows|help wanted|tests|cli
"""

EN = (
    SHARED
    + r"""
names
  number: issue number|number|id
  title: title|issue title|summary|subject
  project: project|repository|package
  author: author|reporter|reported by|opened by
  version: version|package version|affected version
  system: operating system|OS|platform
  error: error|error message|exception
  priority: priority|severity|urgency
  labels: labels|tags
  opened: opened on|date|created
  assignee: assignee|assigned to|owner
  regression: regression|is regression
  environment: environment|setup
  people: people|users
enum priority
  low: low|minor
  medium: medium|normal
  high: high|urgent
  critical: critical|blocker
enum regression
  yes: it worked in the previous release|this is a regression
  no: it never worked before|this is not a regression
pool parts
  export|login page|search box|config parser|dark mode|file upload|installer|plugin loader|cache|settings dialog
  chart view|backup job
pool problems
  Crash in *|* is very slow|* ignores the proxy|Memory leak in *|* fails on empty input|* shows wrong date
  Cannot open *|* freezes after update|Wrong encoding in *|* loses data
open
  {title} {number}
    Opened by {author}[ on {opened}].\n
  [{project}: ]{title}[ ({number})]\n
  ## {title}
    [Reported by {author}.]
  Issue {number} in {project}: {title}.
body
  I am using {project} {version}[ on {system}].
  Version: {version}.
  Running on {system}.
  The traceback ends with {error}.
  I get `{error}`.
  Priority: {priority}.
  Severity is {priority}.
  Labels: {labels}.
  Assigned to {assignee}.
  Note that {regression}.
  Project: {project}.
  Reported by {author}.
  Created on {opened}.
extra
  Reinstalling with Python 3.11 did not help.
  See also the log at {#url}.
  My colleague {#person} sees the same.
  It happens about {#number} times a day.
close
  Thanks for looking into it!
  Happy to send a pull request.
title
  ## Bug report
  ### Environment and problem
"""
)

FR = (
    SHARED
    + r"""
names
  number: numéro|identifiant
  title: titre|résumé|sujet
  project: projet|dépôt
  author: auteur|signalé par
  version: version|version concernée
  system: système|système d'exploitation
  error: erreur|message d'erreur
  priority: priorité|gravité
  labels: étiquettes
  opened: ouvert le|date
  assignee: responsable|assigné à
  regression: régression
  environment: environnement
  people: personnes
enum priority
  low: faible|basse
  medium: moyenne|normale
  high: haute|élevée
  critical: critique|bloquante
enum regression
  yes: cela marchait dans la version précédente|c'est une régression
  no: cela n'a jamais marché|ce n'est pas une régression
pool parts
  export|page de connexion|recherche|installateur|mode sombre|envoi de fichiers|cache|sauvegarde
pool problems
  Plantage : *|Lenteur : *|Fuite de mémoire : *|Mauvais encodage : *|Erreur à l'ouverture : *|Date fausse : *
open
  {title} {number}
    Ouvert par {author}[ le {opened}].\n
  [{project} : ]{title}[ ({number})]\n
body
  J'utilise {project} {version}[ sous {system}].
  Version : {version}.
  Système : {system}.
  J'obtiens `{error}`.
  Priorité : {priority}.
  Étiquettes : {labels}.
  Assigné à {assignee}.
  À noter : {regression}.
  Projet : {project}.
  Signalé par {author}.
extra
  {#person} voit la même chose.
  Journal complet : {#url}.
title
  ## Rapport de bogue
"""
)

DE = (
    SHARED
    + r"""
names
  number: Nummer|Ticketnummer
  title: Titel|Zusammenfassung
  project: Projekt|Paket
  author: Autor|gemeldet von
  version: Version|betroffene Version
  system: Betriebssystem|Plattform
  error: Fehler|Fehlermeldung
  priority: Priorität|Dringlichkeit
  labels: Labels|Schlagwörter
  opened: eröffnet am|Datum
  assignee: zugewiesen an|Bearbeiter
  regression: Regression
  environment: Umgebung
  people: Personen
enum priority
  low: niedrig|gering
  medium: mittel|normal
  high: hoch|dringend
  critical: kritisch|blockierend
enum regression
  yes: in der Vorversion ging es noch|es ist eine Regression
  no: es ging noch nie|es ist keine Regression
pool parts
  Export|Anmeldeseite|Suche|Installer|Dunkelmodus|Upload|Cache|Datensicherung
pool problems
  Absturz: *|* ist sehr langsam|Speicherleck: *|Falsche Kodierung: *|* friert ein|Falsches Datum: *
open
  {title} {number}
    Eröffnet von {author}[ am {opened}].\n
  [{project}: ]{title}[ ({number})]\n
body
  Ich benutze {project} {version}[ unter {system}].
  Version: {version}.
  System: {system}.
  Es erscheint `{error}`.
  Priorität: {priority}.
  Labels: {labels}.
  Zugewiesen an {assignee}.
  Hinweis: {regression}.
  Projekt: {project}.
  Gemeldet von {author}.
extra
  {#person} hat dasselbe Problem.
  Das Protokoll liegt unter {#url}.
title
  ## Fehlerbericht
"""
)

ES = (
    SHARED
    + r"""
names
  number: número|identificador
  title: título|resumen
  project: proyecto|paquete
  author: autor|informado por
  version: versión|versión afectada
  system: sistema operativo|plataforma
  error: error|mensaje de error
  priority: prioridad|gravedad
  labels: etiquetas
  opened: abierto el|fecha
  assignee: asignado a|responsable
  regression: regresión
  environment: entorno
  people: personas
enum priority
  low: baja
  medium: media|normal
  high: alta|urgente
  critical: crítica|bloqueante
enum regression
  yes: en la versión anterior funcionaba|es una regresión
  no: nunca ha funcionado|no es una regresión
pool parts
  exportación|página de acceso|búsqueda|instalador|modo oscuro|subida de archivos|caché|copia de seguridad
pool problems
  Fallo: *|Lentitud: *|Fuga de memoria: *|Codificación errónea: *|Error al abrir: *|Fecha incorrecta: *
open
  {title} {number}
    Abierto por {author}[ el {opened}].\n
  [{project}: ]{title}[ ({number})]\n
body
  Uso {project} {version}[ en {system}].
  Versión: {version}.
  Sistema: {system}.
  Aparece `{error}`.
  Prioridad: {priority}.
  Etiquetas: {labels}.
  Asignado a {assignee}.
  Nota: {regression}.
  Proyecto: {project}.
  Informado por {author}.
extra
  {#person} ve lo mismo.
  El registro está en {#url}.
title
  ## Informe de error
"""
)

IT = (
    SHARED
    + r"""
names
  number: numero|identificativo
  title: titolo|riassunto
  project: progetto|pacchetto
  author: autore|segnalato da
  version: versione|versione interessata
  system: sistema operativo|piattaforma
  error: errore|messaggio di errore
  priority: priorità|gravità
  labels: etichette
  opened: aperto il|data
  assignee: assegnato a|responsabile
  regression: regressione
  environment: ambiente
  people: persone
enum priority
  low: bassa
  medium: media|normale
  high: alta|urgente
  critical: critica|bloccante
enum regression
  yes: nella versione precedente funzionava|è una regressione
  no: non ha mai funzionato|non è una regressione
pool parts
  esportazione|pagina di accesso|ricerca|installatore|modalità scura|caricamento di file|cache|copia di sicurezza
pool problems
  Blocco: *|Lentezza: *|Perdita di memoria: *|Codifica errata: *|Errore all'apertura: *|Data sbagliata: *
open
  {title} {number}
    Aperto da {author}[ il {opened}].\n
  [{project}: ]{title}[ ({number})]\n
body
  Uso {project} {version}[ su {system}].
  Versione: {version}.
  Sistema: {system}.
  Compare `{error}`.
  Priorità: {priority}.
  Etichette: {labels}.
  Assegnato a {assignee}.
  Nota: {regression}.
  Progetto: {project}.
  Segnalato da {author}.
extra
  {#person} vede la stessa cosa.
  Il registro è su {#url}.
title
  ## Segnalazione di errore
"""
)

PT = (
    SHARED
    + r"""
names
  number: número|identificador
  title: título|resumo
  project: projeto|pacote
  author: autor|reportado por
  version: versão|versão afetada
  system: sistema operativo|plataforma
  error: erro|mensagem de erro
  priority: prioridade|gravidade
  labels: etiquetas
  opened: aberto a|data
  assignee: atribuído a|responsável
  regression: regressão
  environment: ambiente
  people: pessoas
enum priority
  low: baixa
  medium: média|normal
  high: alta|urgente
  critical: crítica|bloqueante
enum regression
  yes: na versão anterior funcionava|é uma regressão
  no: nunca funcionou|não é uma regressão
pool parts
  exportação|página de entrada|pesquisa|instalador|modo escuro|envio de ficheiros|cache|cópia de segurança
pool problems
  Falha: *|Lentidão: *|Fuga de memória: *|Codificação errada: *|Erro ao abrir: *|Data errada: *
open
  {title} {number}
    Aberto por {author}[ a {opened}].\n
  [{project}: ]{title}[ ({number})]\n
body
  Uso {project} {version}[ em {system}].
  Versão: {version}.
  Sistema: {system}.
  Aparece `{error}`.
  Prioridade: {priority}.
  Etiquetas: {labels}.
  Atribuído a {assignee}.
  Nota: {regression}.
  Projeto: {project}.
  Reportado por {author}.
extra
  {#person} vê o mesmo.
  O registo está em {#url}.
title
  ## Relatório de erro
"""
)

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("title",),
    groups={"environment": ("version", "system"), "people": ("author", "assignee")},
    layouts={"prose": 5, "mixed": 3, "lines": 2},
)
