"""`smolkit vision`: a SmolVLM made from a language model."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smolkit.cli._common import AsJson, Overwrite, print_json, result_console
from smolkit.errors import ModelError

if TYPE_CHECKING:
    from smolkit.models.vision_init import VisionModel
    from smolkit.models.vision_zoo import TowerShape

app = typer.Typer()


@app.callback()
def _group() -> None: ...


@app.command()
def init(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model's directory.")],
    lm: Annotated[str, typer.Option(metavar="MODEL", help="The language model: any of the Llama kind.")] = "bundled",
    tower: Annotated[
        str | None, typer.Option(help="tiny, small, siglip-base or siglip-so400m; by default small.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels a side of what the tower reads.")] = None,
    patch_size: Annotated[int | None, typer.Option(help="Pixels a side of a patch.")] = None,
    scale_factor: Annotated[int | None, typer.Option(help="Patches a side of what becomes one token.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Width of the tower.")] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of the tower.")] = None,
    heads: Annotated[int | None, typer.Option(help="Heads of the tower.")] = None,
    ffn: Annotated[int | None, typer.Option(help="Width inside the tower's layers.")] = None,
    longest_edge: Annotated[
        int | None, typer.Option(help="Pixels to which an image's longer side is brought; by default 4 tiles.")
    ] = None,
    split: Annotated[bool, typer.Option("--split/--no-split", help="Cut images into tiles, or read one tile.")] = True,
    tied: Annotated[
        bool | None, typer.Option("--tied/--untied", help="Share the head with the embeddings; by default as in --lm.")
    ] = None,
    tower_from: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A SmolVLM whose tower and connector are taken over.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    seed: Annotated[int, typer.Option(help="The same seed draws the same weights.")] = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a SmolVLM from a language model, to be trained with `smolkit finetune --task vision`.

    Sizes that are not given are those of --tower, or of the model of --tower-from.
    """
    import torch

    from smolkit.models.vision_init import layout_of, make_vision_model

    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if dtype not in types:
        raise ModelError(f"no type {dtype!r} for weights", given=dtype, known=types)
    sizes = {
        "image_size": image_size, "patch_size": patch_size, "scale_factor": scale_factor, "hidden": hidden,
        "layers": layers, "heads": heads, "ffn": ffn,
    }  # fmt: skip
    shape = replace(_base(tower, tower_from), **{name: size for name, size in sizes.items() if size is not None})
    images = layout_of(shape, longest_edge=longest_edge, split=split)
    made = make_vision_model(
        lm, out, shape, images, tied=tied, seed=seed, tower_from=tower_from, dtype=types[dtype], overwrite=overwrite
    )
    _print(made, as_json)


def _base(tower: str | None, tower_from: str | None) -> TowerShape:
    from smolkit.models.vision_init import shape_of_model
    from smolkit.models.vision_zoo import TOWERS

    if tower is None and tower_from is not None:
        return shape_of_model(tower_from)
    name = tower or "small"
    if name not in TOWERS:
        raise ModelError(f"no tower {name!r}", given=name, known=TOWERS)
    return TOWERS[name]


def _print(made: VisionModel, as_json: bool) -> None:
    """The figures; a square image is one that fills as many tiles as there can be."""
    from rich.table import Table

    images, side = made.images, made.images.longest_edge
    rows = {
        **asdict(made.ledger),
        "total": made.ledger.total,
        "image_token_id": made.image_token_id,
        "tokens_per_tile": images.tokens,
        "tiles_of_a_square_image": images.count(side, side),
        "tensors_copied": made.copied,
    }
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in rows.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    result_console().print(table)
