"""The task of reading images: rows of images with a conversation, or with a template and what the image fills it with.

A SmolVLM learns in three parts with rates of their own: the language model, the connector, and the vision tower. One
that is made of a language model (`init`) has the last two fresh: they learn first, while the language model waits
(`optimizer.language_after`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from smolkit import __version__
from smolkit.data.batches import shuffled_passes
from smolkit.data.images import ImageLayout
from smolkit.data.tiles import TileLoader
from smolkit.errors import DataError, ModelError, RecipeError
from smolkit.manifest import Source
from smolkit.models import resolve
from smolkit.models.resolve import cache_dir, made_once
from smolkit.models.vision import is_vision_directory
from smolkit.recipe import Plan
from smolkit.train.prepare import Prepared, check_batches, keep_fitting, plan_run
from smolkit.train.recipe import FinetuneRecipe
from smolkit.train.samples import Prompt
from smolkit.train.tasks import Group, Measure, Objective, Task
from smolkit.train.vision_recipe import PartRates, VisionRecipe
from smolkit.train.vision_rows import Reader, VisionExample, read_source

if TYPE_CHECKING:
    import torch
    from rich.console import Console


class VisionTask(Task):
    title: ClassVar[str] = "Vision model"
    recipe: ClassVar[type[FinetuneRecipe]] = VisionRecipe
    best: ClassVar[tuple[str, bool]] = ("eval_score", True)
    pipeline: ClassVar[str] = "image-text-to-text"

    def base(self, recipe: VisionRecipe) -> str | Path:
        return _made(recipe) if recipe.init else recipe.model

    def prepare(self, recipe: VisionRecipe) -> Prepared:
        reader = Reader.open(recipe, resolve(self.base(recipe)))
        sources = [(source, read_source(source, recipe)) for source in recipe.data.train]
        rendered = [(row, reader.example(row, source.name)) for source, rows in sources for row in rows]
        _, examples, skipped = keep_fitting(rendered, recipe.data, remedy=partial(shorten, reader.layout))
        prepared = Prepared(
            recipe=recipe,
            tokenizer=reader.tokenizer,
            prompt_format=reader.prompt_format.id,
            images=reader.layout,
            examples=examples,
            skipped=skipped,
            rows_by_source={source.name: len(rows) for source, rows in sources},
            dev=[reader.dev(row, source.name) for source in recipe.data.dev for row in read_source(source, recipe)],
            steps=plan_run(shuffled_passes(len(examples), recipe.epochs, recipe.seed), examples, recipe, share=False),
        )
        check_batches(prepared)
        check_image_labels(prepared)
        return prepared

    def adapters(self, recipe: VisionRecipe, model: Any) -> list[str]:
        """The linear layers that LoRA adapts, by their whole names; the head is none of them."""
        import torch

        from smolkit.models.vision import part_of

        wanted = {"language", "connector", *(["vision"] if recipe.lora.vision else [])}
        linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
        linear.remove("lm_head")
        adaptable = [name for name in linear if part_of(f"{name}.") in wanted]
        if recipe.lora.targets == "all-linear":
            return adaptable
        targets = known_targets(recipe.lora.targets, adaptable, linear)
        return [name for name in adaptable if name.rpartition(".")[2] in targets]

    def groups(self, recipe: VisionRecipe, model: Any) -> list[Group]:
        return part_groups(recipe.optimizer, model)

    def objective(self, prepared: Prepared, model: Any, run_dir: Path, console: Console) -> Objective:
        from smolkit.train.losses import VisionObjective

        order = [micro for step in prepared.steps for micro in step]
        return VisionObjective(prepared.examples, prepared.pad_id, tile_loader(prepared, prepared.examples, order))

    def measure(self, prepared: Prepared, model: Any, run_dir: Path) -> Measure:
        from smolkit.train.vision_dev import measure_rows

        return measure_rows(prepared, model)

    def prompts(self, prepared: Prepared) -> list[Prompt]:
        recipe: Any = prepared.recipe
        reader = Reader.of(prepared)
        return [reader.sample(given, f"samples.prompts[{at}]") for at, given in enumerate(recipe.samples.prompts)]

    def extend_plan(self, prepared: Prepared, model: Any, plan: Plan) -> None:
        recipe: Any = prepared.recipe
        layout, examples = prepared.images, prepared.examples
        assert layout is not None
        images, tiles = sum(len(example.images) for example in examples), sum(example.tiles for example in examples)
        if images:
            how = f"longest edge {layout.longest_edge}, split" if layout.split else "not split"
            plan.add("images", images, f"tiles of {layout.tile} x {layout.tile} pixels; {how}")
            plan.add("tokens_per_image", round(tiles / images * layout.tokens, 1), _token_cost(layout, examples))
            share = tiles * layout.tokens / sum(prepared.lengths)
            plan.add("image_tokens_share", round(share, 3), "of all tokens; none of them has loss")
        plan.add("connector_lr", recipe.optimizer.connector_lr, "0 leaves it as it is")
        after = recipe.optimizer.language_after
        waits = f"the language model learns from {after:.0%} of the steps on" if after else "0 leaves it as it is"
        plan.add("vision_lr", recipe.optimizer.vision_lr, waits)
        tower = sum(p.numel() for name, p in model.named_parameters() if "vision_model" in name)
        patches = tiles * recipe.epochs * (layout.tile // _patch_size(model)) ** 2
        plan.add("vision_flops", float(6 * tower * patches), "6 N per patch of the tower, beside training_flops")
        if recipe.optimizer.vision_lr or recipe.optimizer.connector_lr:
            plan.add(
                "vision_memory_gib", round(_tower_memory(prepared, model) / 2**30, 1), "of its activations, beside"
            )

    def logits(self, prepared: Prepared, model: Any) -> torch.Tensor:
        """Of the first row with its images, through transformers' own forward."""
        import torch

        from smolkit.train.losses import causal_model

        example = prepared.examples[0]
        ids = torch.tensor([example.ids], device=model.device)
        pixels = [prepared.images.tiles(image.load()) for image in example.images]  # type: ignore[union-attr]
        if not pixels:
            return super().logits(prepared, model)
        tiles = torch.cat([torch.from_numpy(one) for one in pixels]).to(model.device)
        values = (tiles.float() * (1 / 255) - 0.5) / 0.5
        logits: torch.Tensor = causal_model(model)(input_ids=ids, pixel_values=values[None]).logits
        return logits

    def card(self, recipe: VisionRecipe, scores: Sequence[str]) -> tuple[str, str]:
        about = f"""Reads images. Fine-tuned ({recipe.method}) with smolkit {__version__}; the prompt format of
templates is in `smolkit.json`, the chat template of questions beside the weights.

    smolkit extract --model DIRECTORY --image receipt.jpg --template template.json
    smolkit extract --model DIRECTORY --image photo.jpg --question "What is in the picture?"
    smolkit export DIRECTORY --target webgpu --out DIRECTORY-webgpu"""
        if "dev_score" not in scores:
            return about, ""
        rows = f"the first {recipe.dev.rows} dev rows, or all where fewer"
        return about, f"`dev_f1` is micro F1 Levenshtein, `dev_anls` the ANLS of answers, on {rows}; "


def _made(recipe: VisionRecipe) -> Path:
    """The SmolVLM that the recipe has made of its language model, once for all runs with the same tower."""
    from smolkit.models.vision_init import layout_of, make_vision_model

    assert recipe.init is not None
    if is_vision_directory(resolve(recipe.model)):
        raise RecipeError(
            f"{recipe.model} has a tower of its own", where="init", fix="Leave it out, or name a text model"
        )
    shape = recipe.init.shape
    images = recipe.images.applied(layout_of(shape, split=recipe.images.split is not False))
    made_of = [str(Source.of("", resolve(recipe.model)).sha256), recipe.init.model_dump_json(), repr(images)]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
    target = cache_dir() / "models" / f"vision-{digest}"
    seed, tower_from = recipe.init.seed, recipe.init.tower_from
    make = partial(make_vision_model, seed=seed, tower_from=tower_from, overwrite=True)
    return made_once(target, lambda: make(recipe.model, target, shape, images))


def shorten(layout: ImageLayout, example: VisionExample) -> str:
    """How many of a row's tokens its images take, and what to change."""
    if not example.images:
        return "Raise it"
    said = f"{example.tiles * layout.tokens} of them stand for its images: raise it"
    if example.tiles == len(example.images):
        return said
    return f"{said}, lower images.longest_edge from {layout.longest_edge} or set images.split=false"


def known_targets(targets: Sequence[str], adaptable: Sequence[str], linear: Sequence[str]) -> Sequence[str]:
    """The targets. Raises RecipeError for one that names none of the layers which adapters are wanted for."""
    known, others = ({name.rpartition(".")[2] for name in names} for names in (adaptable, linear))
    for target in targets:
        if target in others - known:
            fix = "Set lora.vision=true to adapt it, too"
            raise RecipeError(f"{target!r} is a layer of the vision tower alone", where="lora.targets", fix=fix)
        if target not in known:
            raise RecipeError(f"no linear layer {target!r} to adapt", where="lora.targets", given=target, known=known)
    return targets


def part_groups(rates: PartRates, model: Any) -> list[Group]:
    """The trainable parameters by part, and by whether they decay; what has no rate is frozen."""
    from smolkit.models.vision import part_of
    from smolkit.optim.master import decay_groups

    parts = {id(parameter): part_of(name) for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        if not rates.of(parts[id(parameter)]):
            parameter.requires_grad_(False)
    groups = []
    for decaying in decay_groups(model, rates.weight_decay):
        for part in ("language", "connector", "vision"):
            own = [parameter for parameter in decaying["params"] if parts[id(parameter)] == part]
            after = rates.language_after if part == "language" else 0.0
            if own:
                groups.append(Group({**decaying, "params": own}, rates.of(part), after))
    if not groups:
        raise ModelError("nothing of this model would learn: its only adapters are where the rate is 0")
    return groups


def check_image_labels(prepared: Prepared) -> None:
    """Prove on every batch of the first step, images and all, that no image token carries a label.

    Raises DataError naming the row where one does, or where image tokens and the features of its tiles are not as many.
    """
    from smolkit.data.batches import collate
    from smolkit.data.images import IMAGE, MARKERS
    from smolkit.data.render import IGNORED

    layout = prepared.images
    assert layout is not None
    markers = set(prepared.tokenizer.convert_tokens_to_ids(list(MARKERS)))
    token = prepared.tokenizer.convert_tokens_to_ids(IMAGE)
    loader = tile_loader(prepared, prepared.examples, prepared.steps[0])
    for micro in prepared.steps[0]:
        where = prepared.examples[micro.rows[0]].row
        batch = collate(micro, prepared.examples, prepared.pad_id)
        learnt = batch["labels"][batch["labels"] != IGNORED].tolist()
        if markers & set(learnt):
            raise DataError("a label of this batch is a token of an image", where=where)
        places, tiles = int((batch["input_ids"] == token).sum()), len(loader.take(micro))
        if places != tiles * layout.tokens:
            raise DataError(f"{places} image tokens, and features of {tiles} tiles to stand there", where=where)
    loader.close()


def tile_loader(prepared: Prepared, examples: Sequence[VisionExample], order: Sequence[Any]) -> TileLoader:
    recipe: Any = prepared.recipe
    assert prepared.images is not None
    return TileLoader(order, lambda row: examples[row].images, prepared.images, workers=recipe.images.threads)


def _token_cost(layout: ImageLayout, examples: Sequence[VisionExample]) -> str:
    costs = [layout.count(*image.size) * layout.tokens for example in examples for image in example.images]
    return f"{min(costs)} to {max(costs)}, {layout.tokens} a tile"


def _patch_size(model: Any) -> int:
    return int(model.config.vision_config.patch_size)


def _tower_memory(prepared: Prepared, model: Any) -> float:
    """Bytes that the tower keeps of the most tiles that run at once: about 12 hidden-sized and 3 ffn-sized tensors."""
    tower, layout = model.config.vision_config, prepared.images
    assert layout is not None
    micros = (micro for step in prepared.steps for micro in step)
    tiles = max(sum(prepared.examples[row].tiles for row in micro.rows) for micro in micros)
    per_patch = tower.num_hidden_layers * (12 * tower.hidden_size + 3 * tower.intermediate_size)
    return float(tiles * (layout.tile // _patch_size(model)) ** 2 * per_patch * model.dtype.itemsize)
