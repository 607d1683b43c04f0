"""Writes down how answers were scored, in the files and in the style of `smolkit.evals.report`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.evals.answers import NAME, AnswerResult, AnswerScore, ScoredAnswer
from smolkit.evals.markdown import interval, number, table
from smolkit.evals.plots import Bar, draw_scores
from smolkit.manifest import staged_file

if TYPE_CHECKING:
    from rich.table import Table

FILES = ("report.json", "report.md", "anls.png", "predictions.jsonl")

_COLUMNS = ("", "answers", "ANLS", "95 %", "exact")
_MAX_BARS = 30


def write_report(result: AnswerResult, out_dir: str | Path, *, title: str, context: Mapping[str, Any]) -> Path:
    """Write the `FILES` into `out_dir` and return the path of report.md; as `smolkit.evals.report.write_report`."""
    out_dir = Path(out_dir)
    with ExitStack() as stack:
        as_json, as_text, as_plot, as_rows = (stack.enter_context(staged_file(out_dir / name)) for name in FILES)
        content = json.dumps(_content(result, title, context), indent=2, ensure_ascii=False)
        as_json.write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
        as_text.write_text(render(result, title, context), encoding="utf-8", errors="backslashreplace")
        _plot(result, as_plot, title)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _predictions(result))
        as_rows.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
    return out_dir / "report.md"


def terminal_table(result: AnswerResult) -> Table:
    """All answers in the first row, then a row per kind and per language where the rows name them."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=NAME, caption=_outcome(result), caption_justify="left", title_justify="left", box=SIMPLE_HEAD)
    for column in _COLUMNS:
        shown.add_column(column, justify="right" if column else "left", no_wrap=bool(column))
    shown.add_row(*_cells("all answers", result.score), style="bold", end_section=True)
    for groups in (result.by_kind, result.by_lang):
        for name, score in groups.items():
            shown.add_row(*_cells(escape(name), score))
        shown.add_section()
    return shown


def render(result: AnswerResult, title: str, context: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    sections = chain(
        [f"# {title}", table(("", ""), context.items()) if context else ""],
        [f"## {NAME}", _headline(result), _outcome(result), "![ANLS by kind](anls.png)"],
        _groups("By kind", result.by_kind),
        _groups("By language", result.by_lang),
        _worst(result),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _content(result: AnswerResult, title: str, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "context": dict(context),
        "figures": result.figures(),
        "missing": result.missing,
        "worst": [
            {
                "id": one.question.id, "anls": one.anls, "kind": one.question.kind, "lang": one.question.lang,
                "question": one.question.text, "accepted": list(one.question.accepted), "answer": one.answer,
            }
            for one in result.worst()
        ],
    }  # fmt: skip


def _predictions(result: AnswerResult) -> Iterator[dict[str, Any]]:
    """Every answer as `smolkit eval vision --predictions` takes it, with its ANLS; missing ones are left out."""
    for one in result.answers:
        if one.answer is not None:
            yield {"id": one.question.id, "raw": one.answer, "anls": one.anls}


def _plot(result: AnswerResult, path: Path, title: str) -> None:
    overall = _bar("all answers", result.score)
    by_kind = sorted(result.by_kind.items(), key=lambda entry: -entry[1].answers)[:_MAX_BARS]
    bars = [_bar(name, score) for name, score in by_kind] or [overall]
    draw_scores(path, {"ANLS by kind; n = answers": bars}, title=title, overall=overall._replace(label=NAME))


def _bar(label: str, score: AnswerScore) -> Bar:
    return Bar(label, score.anls, *score.anls_ci95, score.answers)


def _cells(name: str, score: AnswerScore) -> tuple[str, ...]:
    return name, str(score.answers), number(score.anls), interval(score.anls_ci95), number(score.exact)


def _outcome(result: AnswerResult) -> str:
    missing = len(result.missing)
    return f"{missing} of {len(result.answers)} have no answer, which earns nothing." if missing else ""


def _headline(result: AnswerResult) -> str:
    score = result.score
    return table(
        ("figure", "value", "what it is"),
        [
            (f"**{NAME}**", f"**{number(score.anls)}**", f"95 % interval {interval(score.anls_ci95)} over answers"),
            ("exact", number(score.exact), f"of {score.answers}; case and white space aside"),
        ],
    )


def _groups(heading: str, groups: Mapping[str, AnswerScore]) -> list[str]:
    if not groups:
        return []
    return [f"## {heading}", table(_COLUMNS, (_cells(name, score) for name, score in groups.items()))]


def _worst(result: AnswerResult) -> Iterator[str]:
    worst = result.worst()
    if worst:
        yield f"## The worst {len(worst)} answers"
        yield table(("id", NAME, "question", "accepted", "answer"), map(_beside, worst))


def _beside(one: ScoredAnswer) -> tuple[str, ...]:
    answer = "(none)" if one.answer is None else one.answer
    question = one.question
    return question.id, number(one.anls), question.text, " / ".join(question.accepted), answer
