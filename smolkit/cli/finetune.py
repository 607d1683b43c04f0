"""`smolkit finetune`: train a model on a task by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smolkit.cli._common import (
    AsJson,
    Overrides,
    Overwrite,
    PlanOnly,
    keep_threads_awake,
    print_json,
    progress_console,
    remark,
)


def command(
    recipe: Annotated[str | None, typer.Argument(help="A recipe file or the name of a shipped one.")] = None,
    task: Annotated[
        str | None, typer.Option(help="What to learn: extraction, chat, dpo, vision; by default as the recipe says.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="Rows to train on, instead of the recipe's.")] = None,
    dev: Annotated[list[str] | None, typer.Option("--dev", help="Rows to measure on while training.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the model goes; default out/RECIPE.")] = None,
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    plan_only: PlanOnly = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model: print the plan, train, and write one Hugging Face directory with its card and manifest."""
    import json

    keep_threads_awake()
    from smolkit.train.tasks import default_recipe, load_task_recipe

    rows = [f"data.{part}={json.dumps([{'path': path} for path in paths])}" for part, paths in
            (("train", data), ("dev", dev)) if paths]  # fmt: skip
    loaded = load_task_recipe(recipe, task, [*rows, *(overrides or [])])

    destination = out or Path("out") / Path(recipe or default_recipe(task)).stem
    if not plan_only:
        from smolkit.manifest import check_destination

        inputs = [loaded.model, *(source.path for source in loaded.data.train + loaded.data.dev if source.path)]
        check_destination(destination, overwrite=overwrite, inputs=inputs)

    from smolkit.train import finetune

    console = progress_console()
    run = finetune.open_run(loaded)
    if plan_only:
        if as_json:
            print_json(run.plan.as_dict())
        else:
            run.plan.print(console)
        return
    run.plan.print(console)
    scores = finetune.train(run, destination, console=console, resume=resume, overwrite=overwrite)
    if as_json:
        print_json({"model": str(destination), **scores})
    else:
        remark(f"wrote {destination}: " + ", ".join(f"{key} {value}" for key, value in scores.items()))
