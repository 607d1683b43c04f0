"""How somebody writes an issue down in a hurry: chat, mail, form, transcript, review. Knows no template.

Every clause of a report is said once, in its order; around them stand greetings, chatter, other people's lines, and
over all of it go contractions, typing errors and lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from smolkit.data.synth.issues import pools
from smolkit.data.synth.issues.draw import Draw, entries, gerund, listed, past, sentence
from smolkit.data.synth.issues.report import Fact, Report

_CONTRACTIONS = (
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("did not", "didn't"),
    ("cannot", "can't"),
    ("is not", "isn't"),
    ("it is", "it's"),
    ("I am", "I'm"),
    ("we are", "we're"),
    ("that is", "that's"),
)
_HASTE = (("please", "pls"), ("because", "cuz"), ("thanks", "thx"), (" and ", " & "), ("as soon as possible", "asap"))
_TYPED = re.compile(r"(?<![\w'-])[a-z]{6,}(?![\w'-])")


def write(d: Draw, register: str, report: Report) -> str:
    """The text of a report in one of the REGISTERS."""
    text = REGISTERS[register](d, report)
    return text.lower() if d.lower else text


# ---- clauses


def _clauses(d: Draw, report: Report, *, listed_steps: bool = True) -> list[str]:
    """Everything that is to be said, in its order: the matter among the facts, and the steps somewhere."""
    found = [_worded(d, fact) for fact in report.facts]
    found.insert(report.early, _loosely(d, report.matter.said))
    if report.steps:
        place = report.early + (d.rng.randint(0, 1) if d.chance(0.7) else len(found) - report.early)
        found.insert(place, _loosely(d, _steps(d, report, listed_steps)))
    if d.chance(0.35):
        found.insert(d.rng.choice((0, len(found), d.rng.randint(0, len(found)))), d.one(pools.CHATTER))
    return found


def _worded(d: Draw, fact: Fact) -> str:
    return fact.said if fact.name == "Error" else _loosely(d, fact.said)


def _loosely(d: Draw, said: str) -> str:
    """With contractions, more often than not."""
    for full, short in _CONTRACTIONS:
        if d.chance(0.6):
            said = re.sub(rf"\b{full}\b(?=[ ,]\w)", short, said)
    return said


def _steps(d: Draw, report: Report, listed_steps: bool) -> str:
    forms = [_told_now, _told_then, _after, _whenever, _ordered, _in_sentences]
    if listed_steps:
        forms += [_numbered, _arrows, _to_reproduce]
    form = d.rng.choice(forms)
    told = form(d, report.steps)
    broken_off = form in (_told_now, _ordered, _arrows, _to_reproduce) and report.kind == "bug" and d.chance(0.25)
    return f"{told}, and then nothing" if broken_off else told


def _told_now(d: Draw, steps: list[str]) -> str:
    return f"I {listed(steps)}"


def _told_then(d: Draw, steps: list[str]) -> str:
    done = [past(step) for step in steps]
    start = d.rng.choice(("first I", "I"))
    return start + " " + ", then I ".join(done) + d.rng.choice(("", "", ", and that was it", " and then it happened"))


def _after(d: Draw, steps: list[str]) -> str:
    end = d.rng.choice(("that is when it happens", "I see it", "the problem shows up", "it is there again"))
    return f"after {listed([gerund(step) for step in steps])}, {end}"


def _whenever(d: Draw, steps: list[str]) -> str:
    end = d.rng.choice(("you will see it", "there it is", "you have it"))
    return f"{d.rng.choice(('if you', 'when you', 'just'))} {listed(steps, 'and then')}, {end}"


def _ordered(d: Draw, steps: list[str]) -> str:
    words = ["first", *["next", "after that"][: len(steps) - 2], "finally"]
    return ", ".join(f"{word} I {step}" for word, step in zip(words, steps, strict=False))


def _in_sentences(d: Draw, steps: list[str]) -> str:
    return " ".join(sentence(f"{'I' if not place else 'then I'} {past(step)}") for place, step in enumerate(steps))


def _numbered(d: Draw, steps: list[str]) -> str:
    mark, between = d.rng.choice(("{}. ", "{}) ", "- ")), d.rng.choice(("\n", "\n", " "))
    if mark == "- ":
        between = "\n"
    head = d.rng.choice(("steps:", "how to reproduce:", "steps to reproduce:", "what I do:"))
    return head + between + between.join(mark.format(place) + step for place, step in enumerate(steps, start=1))


def _arrows(d: Draw, steps: list[str]) -> str:
    return f"{d.rng.choice(('steps: ', 'path: ', ''))}{d.rng.choice((' > ', ' -> ')).join(steps)}"


def _to_reproduce(d: Draw, steps: list[str]) -> str:
    return f"to reproduce: {', '.join(steps)}"


# ---- registers


def _chat(d: Draw, report: Report) -> str:
    clauses = [_hastily(d, clause) for clause in _clauses(d, report)]
    clauses = [clause if d.lower else _cased(clause) for clause in clauses]
    head = d.rng.choice(d.share(entries(pools.GREETINGS["chat"])))
    if d.chance(0.6):
        comma = d.rng.choice((", ", " ", "! ", "... "))
        clauses[0] = head + comma + clauses[0]
    if report.reporter and d.chance(0.5):
        clauses.append(f"{report.reporter} here" + (f", from {report.feature.team}" if report.from_team else ""))
    elif report.reporter:
        clauses.append(f"{d.one(pools.THANKS)}, {report.reporter}")
    elif d.chance(0.3):
        clauses.append(d.one(pools.THANKS))
    mark = d.rng.choice((". ", ". ", "... ", "\n", "!! ", " - "))
    return _mistyped(d, _joined(clauses, mark), report)


def _forum(d: Draw, report: Report) -> str:
    body = _joined([sentence(clause) for clause in _clauses(d, report)], " ")
    head = f"{d.rng.choice(('Hi all,', 'Hello everyone,', 'Hi,'))}\n\n" if d.chance(0.5) else ""
    return _mistyped(d, f"{head}{body}{_signed(d, report)}", report)


def _mail(d: Draw, report: Report) -> str:
    clauses = [sentence(clause) for clause in _clauses(d, report)]
    middle = len(clauses) // 2 if d.chance(0.3) else 0
    parts = [_joined(part, " ") for part in (clauses[:middle], clauses[middle:]) if part]
    greeting = d.rng.choice(d.share(entries(pools.GREETINGS["mail"])))
    return "\n\n".join([greeting, *parts, d.one(pools.CLOSINGS)]) + (f"\n{_name(report)}" if report.reporter else "")


def _form(d: Draw, report: Report) -> str:
    """A field a line, as ticket systems and logs have it."""
    heading = {"feature": "Request", "question": "Question", "documentation": "Docs"}.get(report.kind, "Problem")
    lines = [fact.value if ": " in fact.value else f"{fact.name}: {fact.value}" for fact in report.facts]
    lines.insert(report.early, f"{heading}: {report.matter.said}")
    if report.steps:
        steps = d.rng.choice(("; ", " > ", ", ")).join(report.steps)
        lines.insert(d.rng.randint(report.early + 1, len(lines)), f"Steps: {steps}")
    if report.reporter:
        lines.insert(d.rng.choice((0, len(lines))), f"Reported by: {_name(report)}")
    return d.rng.choice(("\n", "\n", "\n", " | ")).join(lines)


def _transcript(d: Draw, report: Report) -> str:
    """Spoken words as a machine writes them down: fillers, no list, few stops."""
    clauses = _clauses(d, report, listed_steps=False)
    if report.reporter:
        clauses.insert(0, f"this is {report.reporter}" + (f" from {report.feature.team}" if report.from_team else ""))
    spoken = [f"{d.one(pools.FILLERS)} {clause}" if d.chance(0.45) else clause for clause in clauses]
    spoken[0] = f"{d.rng.choice(d.share(entries(pools.GREETINGS['transcript'])))} {spoken[0]}"
    return d.rng.choice((" and ", ", ", ". ", " ")).join(spoken) + d.rng.choice(("", ".", " okay thanks bye"))


def _review(d: Draw, report: Report) -> str:
    stars = d.rng.randint(1, 3)
    head = d.rng.choice((f"{stars} of 5 stars.", f"{'★' * stars}{'☆' * (5 - stars)}", f"Rating: {stars}/5."))
    body = _joined([sentence(clause) for clause in _clauses(d, report, listed_steps=False)], " ")
    return _mistyped(d, f"{head} {body}{_signed(d, report)}", report)


def _angry(d: Draw, report: Report) -> str:
    clauses = _clauses(d, report)
    for _ in range(d.rng.randint(1, 2)):
        clauses.insert(d.rng.randint(0, len(clauses)), d.one(pools.ANGER))
    marked = [sentence(clause) for clause in clauses]
    marked = [clause[:-1] + d.rng.choice(("!", "!!!", ".")) if clause.endswith(".") else clause for clause in marked]
    return _mistyped(d, _joined(marked, " ") + _signed(d, report), report)


def _dialogue(d: Draw, report: Report) -> str:
    """A support log: what the customer says, and an agent between."""
    who = report.reporter if report.reporter and d.chance(0.7) else "Customer"
    lines: list[str] = []
    for clause in _clauses(d, report, listed_steps=False):
        if d.chance(0.4):
            lines.append(f"Agent: {d.one(pools.AGENT) if lines else 'hello, how can I help?'}")
        lines.append(f"{who}: {clause}")
    if report.reporter and who == "Customer":
        lines.append(f"Customer: my name is {report.reporter}")
    return _mistyped(d, "\n".join(lines), report)


REGISTERS: dict[str, Callable[[Draw, Report], str]] = {
    "chat": _chat,
    "forum": _forum,
    "mail": _mail,
    "form": _form,
    "transcript": _transcript,
    "review": _review,
    "angry": _angry,
    "dialogue": _dialogue,
}
WEIGHTS = {"chat": 6, "forum": 3, "mail": 4, "form": 2, "transcript": 2, "review": 1, "angry": 2, "dialogue": 2}
LOWER = {"chat": 0.5, "transcript": 0.8, "dialogue": 0.3, "angry": 0.2}
"""How often a register is all in lower case."""


# ---- surface


def _joined(clauses: list[str], mark: str) -> str:
    """The clauses with a mark between, but no second stop after one."""
    text = clauses[0]
    for clause in clauses[1:]:
        between = mark.strip(".!") or " " if text.endswith((".", "!", "?")) else mark
        if "\n" in clause or "\n" in text.rpartition(":")[2]:
            between = "\n"
        text += between + clause
    return text


def _name(report: Report) -> str:
    return f"{report.reporter}, {report.feature.team}" if report.from_team else report.reporter


def _signed(d: Draw, report: Report) -> str:
    if not report.reporter:
        return ""
    return d.rng.choice(("\n- ", "\n\n", "\n-- ")) + _name(report)


def _cased(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _hastily(d: Draw, clause: str) -> str:
    for full, short in _HASTE:
        if d.chance(0.35):
            clause = clause.replace(full, short)
    return clause


def _mistyped(d: Draw, text: str, report: Report) -> str:
    """A third of the texts with typing errors: two letters swapped, one left out or doubled, after the third."""
    if not d.chance(0.35):
        return text
    kept = " ".join((report.reporter, report.feature.team, *report.values.values())).lower()

    def typed(found: re.Match[str]) -> str:
        word = found.group()
        if word in kept or not d.chance(0.06):
            return word
        place = d.rng.randint(3, len(word) - 2)
        middle = d.rng.choice((word[place + 1] + word[place], word[place + 1], word[place] * 2 + word[place + 1]))
        return word[:place] + middle + word[place + 2 :]

    return _TYPED.sub(typed, text)
