"""`smolkit pretrain`: train a model from text by a recipe; under torchrun, on many GPUs."""

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
    result_console,
)


def command(
    recipe: Annotated[str, typer.Argument(help="A recipe file or the name of a shipped one.")],
    out: Annotated[Path | None, typer.Option(help="Where the model goes; default out/RECIPE.")] = None,
    overrides: Overrides = None,
    branch: Annotated[
        Path | None, typer.Option(metavar="CKPT", help="Begin at a checkpoint of another run, to decay from there.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    overwrite: Overwrite = False,
    plan_only: PlanOnly = False,
    as_json: AsJson = False,
) -> None:
    """Pretrain a model by a recipe.

    Writes a Hugging Face directory that finetune, export and eval take. Checkpoints and metrics stand in OUT.run, and
    stay there. On many GPUs: torchrun --nproc-per-node 8 -m smolkit pretrain RECIPE
    """
    from smolkit.recipe import load_recipe
    from smolkit.train.pretrain_recipe import PretrainRecipe

    chosen = load_recipe(PretrainRecipe, recipe, overrides or ())
    destination = out or Path("out") / Path(recipe).stem
    keep_threads_awake()  # before torch loads
    from smolkit.train.corpora import corpus_maker
    from smolkit.train.parallel import ToldByTheFirst, open_world
    from smolkit.train.pretrain import open_run, plan_run, train
    from smolkit.train.run_directory import Branch, read_branch
    from smolkit.train.run_files import run_directory

    console = progress_console()
    with open_world() as world:
        try:
            begun = world.lead(
                lambda: Branch.of(branch) if branch else read_branch(run_directory(destination)) if resume else None
            )
            if plan_only:
                plan = plan_run(chosen, world, begun)
                if world.leads:
                    print_json(plan.as_dict()) if as_json else plan.print(result_console())
                return
            run = open_run(chosen, world, branch=begun, make=corpus_maker(chosen, console), resume=resume)
            if world.leads:
                run.plan.print(console)
            scores = train(run, destination, world, console=console, resume=resume, overwrite=overwrite)
        except ToldByTheFirst as exc:
            raise typer.Exit(exc.exit_code) from exc
        if not world.leads:
            return
    if as_json:
        print_json({"model": str(destination), "run": str(run_directory(destination)), **scores})
    else:
        remark(f"wrote {destination}: " + ", ".join(f"{key} {value}" for key, value in scores.items()))
        remark(f"its checkpoints and metrics stand in {run_directory(destination)}")
