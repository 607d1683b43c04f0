"""`smolkit demo walkthrough`: the whole pipeline on this machine, from the bundled model to a filled template.

Each step is the library call behind a command, and the command is printed with it, so that a reader can go on alone.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.cli._common import AsJson, keep_threads_awake, print_json, progress_console

if TYPE_CHECKING:
    from rich.console import Console

    from smolkit.data.rows import Row

RECIPE = "smoke/extraction-demo"
QUANTS = ("q8_0", "q4_k_m")
TEST_SEED = 0
MAX_NEW_TOKENS = 256

FRENCH_TEXT = """Fiche produit : robot pâtissier
Marque : Orsay
Modèle : Mélodie 4300
Coloris : rouge cerise
Accessoires : fouet, crochet pétrisseur, batteur plat
Garantie : 5 ans
Prix : 349,90 € (au lieu de 429 €)
Référence : OR-4300-RC"""
FRENCH_TEMPLATE = {
    "brand": "",
    "model": "",
    "color": "",
    "price": "",
    "warranty": "",
    "accessories": [],
    "reference": "",
}


def command(
    out: Annotated[Path, typer.Option(help="Where rows, model, export and reports go.")] = Path("out/demo"),
    recipe: Annotated[str, typer.Option(help="What to train by.")] = RECIPE,
    documents: Annotated[int, typer.Option(min=10, help="Held-out documents of each kind of test.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Train the bundled model to fill JSON templates, measure it, convert it, and run it in llama.cpp."""
    keep_threads_awake()
    console = progress_console()
    began = time.perf_counter()
    figures = _walk(out, recipe, documents, console)
    figures["minutes"] = round((time.perf_counter() - began) / 60, 1)
    if as_json:
        print_json(figures)
    else:
        _print_summary(figures)


def _walk(out: Path, recipe_name: str, documents: int, console: Console) -> dict[str, Any]:
    from smolkit.data.rows import validate_rows, write_rows
    from smolkit.data.synth import generate
    from smolkit.export.run import export
    from smolkit.manifest import check_destination, staged_file
    from smolkit.recipe import load_recipe
    from smolkit.registry import require
    from smolkit.train import finetune
    from smolkit.train.extraction import ExtractionRecipe

    say, show = _speakers(console)
    model, exported = out / "model", out / "gguf"
    # What can be wrong is known before the first document is read, which takes minutes.
    for module in ("gguf", "llama_cpp"):
        require(module, extra="gguf", why="the export at the end")
    recipe = load_recipe(ExtractionRecipe, recipe_name)
    for destination in (model, exported):
        check_destination(destination, inputs=[recipe.model])
    run = finetune.open_run(recipe)

    say("1. Held-out documents")
    tests: dict[str, list[Row]] = {}
    for name, seen in (("seen kinds", True), ("unseen kinds", False)):
        made = list(generate(documents, TEST_SEED, "test", "plain", unseen=not seen))
        file, only = out / f"test-{name.split()[0]}.jsonl", "seen-only" if seen else "unseen-only"
        show(
            f"smolkit data synth extraction --split test --level plain --{only} --rows {documents} --seed {TEST_SEED}"
            f" --out {file}"
        )
        write_rows(file, made)
        tests[name] = validate_rows(made, name)

    say("2. SmolLM2-135M-Instruct before training")
    before = _evaluate("bundled", tests, out / "before", console, show)

    say("3. Training")
    show(f"smolkit finetune {recipe_name} --out {model}")
    run.plan.print(console)
    training = finetune.train(run, model, console=console)

    say("4. The same documents after training")
    after = _evaluate(str(model), tests, out / "after", console, show)

    say("5. GGUF, behind its gate")
    show(f"smolkit export {model} --target gguf --quant {','.join(QUANTS)} --out {exported}")
    (gguf,) = export(
        model, exported, ["gguf"], quants=QUANTS, progress=lambda line: console.print(line, highlight=False)
    )

    say("6. A French text into an English template, by llama.cpp")
    template = out / "template.json"
    with staged_file(template) as aside:
        aside.write_text(json.dumps(FRENCH_TEMPLATE, indent=2), encoding="utf-8")
    show(f"smolkit extract --model {exported} --template {template} --verbatim")
    french = _french(exported, console)
    return {
        "before": before,
        "after": after,
        "training": training,
        "gate": gguf.report.as_dict(),
        "french": french,
        "model": str(model),
        "export": str(exported),
    }


def _evaluate(
    model: str, tests: dict[str, list[Row]], reports: Path, console: Console, show: Callable[[str], None]
) -> dict[str, Any]:
    """Micro F1 on each test, a report of each beside it. Values are held to the text, as the task wants them."""
    from rich.progress import Progress

    from smolkit.evals.report import write_report
    from smolkit.evals.run import evaluate_model
    from smolkit.runtime import open_extractor

    figures: dict[str, Any] = {}
    with open_extractor(model) as extractor, Progress(console=console, transient=True) as progress:
        for name, rows in tests.items():
            data, report = reports.parent / f"test-{name.split()[0]}.jsonl", reports / name.split()[0]
            show(
                f"smolkit eval extraction --model {model} --data {data} --verbatim --max-new-tokens {MAX_NEW_TOKENS}"
                f" --out {report}"
            )
            task = progress.add_task(name, total=len(rows))
            measured = evaluate_model(
                extractor,
                rows,
                verbatim=True,
                max_new_tokens=MAX_NEW_TOKENS,
                on_done=functools.partial(progress.advance, task),
            )
            write_report(measured.result, report, title=f"{model}: {name}", context={"model": model})
            found = measured.figures()
            figures[name] = {key: found[key] for key in ("micro_f1", "micro_f1_ci95", "documents", "invalid_json_rate")}
            console.print(f"   {name}: F1 Levenshtein {found['micro_f1']:.3f} on {len(rows)} documents")
    return figures


def _french(exported: Path, console: Console) -> dict[str, Any]:
    from smolkit.extraction.template import Template
    from smolkit.runtime import open_extractor

    template = Template.parse(FRENCH_TEMPLATE)
    with open_extractor(exported) as extractor:
        answer = extractor.extract(FRENCH_TEXT, template, verbatim=True)
    console.print(FRENCH_TEXT, style="dim")
    console.print_json(json.dumps(answer.output, ensure_ascii=False))
    return {"output": answer.output, "seconds": round(answer.seconds, 2)}


def _speakers(console: Console) -> tuple[Callable[[str], None], Callable[[str], None]]:
    """One function for the titles of steps, one for the commands that they stand for."""

    def say(title: str) -> None:
        console.rule(f"[bold]{title}", align="left")

    def show(command: str) -> None:
        console.print(f"$ {command}", style="dim", highlight=False, markup=False, soft_wrap=True)

    return say, show


def _print_summary(figures: dict[str, Any]) -> None:
    from rich.table import Table

    from smolkit.cli._common import result_console

    table = Table("held-out documents", "before", "after", title="F1 Levenshtein (micro)", box=None, pad_edge=False)
    for name, after in figures["after"].items():
        table.add_row(name, f"{figures['before'][name]['micro_f1']:.3f}", f"{after['micro_f1']:.3f}")
    console = result_console()
    console.print(table)
    console.print(
        f"model {figures['model']}, GGUF {figures['export']}, reports beside them; {figures['minutes']} minutes in all."
        f" Next: smolkit demo extraction --model {figures['export']}",
        highlight=False,
        soft_wrap=True,
    )
