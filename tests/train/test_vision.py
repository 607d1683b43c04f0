"""Fine-tuning a SmolVLM: plan, labels, rates by part, adapters, resume, and that pixels reach the answers."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from smolkit.data.images import IMAGE, ImageLayout
from smolkit.data.render import IGNORED
from smolkit.errors import DataError, ModelError, RecipeError, RecipeErrors, RowErrors
from smolkit.manifest import read
from smolkit.models import load_model
from smolkit.models.vision import part_of
from smolkit.train import finetune
from smolkit.train.ledger import METRICS, read_metrics
from smolkit.train.prepare import prepare
from smolkit.train.tasks import default_recipe, load_task_recipe
from smolkit.train.vision import check_image_labels, part_groups
from smolkit.train.vision_recipe import PartRates, VisionRecipe

TEMPLATE = {"colour": ["red", "blue"], "size": "integer"}


def console() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight rows: questions about one or two images, and templates."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "images").mkdir()
    lines: list[dict[str, Any]] = []
    for number in range(8):
        name = f"images/{number}.png"
        colour, size = ("red", "blue")[number % 2], 24 + 8 * number
        pixels = np.random.default_rng(number).integers(0, 120, (size, 40, 3), dtype=np.uint8)
        pixels[..., 0 if colour == "red" else 2] += 120
        Image.fromarray(pixels).save(folder / name)
        if number < 5:
            images = [name] if number else [name, name]
            question = f"{IMAGE * len(images)}Which colour?"
            turns = [{"role": "user", "content": question}, {"role": "assistant", "content": colour}]
            lines.append({"images": images, "messages": turns})
        else:
            lines.append({"image": name, "template": TEMPLATE, "output": {"colour": colour, "size": size}})
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "rows.jsonl"


def recipe(model: Path, rows: Path, **changes: Any) -> VisionRecipe:
    content: dict[str, Any] = {
        "task": "vision",
        "model": str(model),
        "data": {"train": [{"path": str(rows)}], "dev": [{"path": str(rows)}], "max_length": 512},
        "optimizer": {"lr": 1e-3, "connector_lr": 1e-3, "vision_lr": 1e-3},
        "batch": {"rows": 4, "micro_tokens": 256},
        "dtype": "float32",
        "epochs": 2,
        "dev": {"every": 2, "rows": 8, "max_new_tokens": 16},
        **changes,
    }
    return VisionRecipe.model_validate_json(json.dumps(content))


def test_prompts_images_and_padding_carry_no_label(tiny_vlm: Path, rows: Path) -> None:
    prepared = prepare(recipe(tiny_vlm, rows))
    image = prepared.tokenizer.convert_tokens_to_ids(IMAGE)
    assert prepared.images is not None
    for example in prepared.examples:
        learnt = [token for token, label in zip(example.ids, example.labels, strict=True) if label != IGNORED]
        assert image not in learnt
        assert list(example.ids).count(image) == example.tiles * prepared.images.tokens > 0
        text = prepared.tokenizer.decode(learnt)
        assert text in {"red<|im_end|>", "blue<|im_end|>"} or text.startswith('{"colour": ')


def test_a_batch_whose_labels_are_image_tokens_is_refused(tiny_vlm: Path, rows: Path) -> None:
    prepared = prepare(recipe(tiny_vlm, rows))
    first = prepared.examples[prepared.steps[0][0].rows[0]]
    place = list(first.ids).index(prepared.tokenizer.convert_tokens_to_ids(IMAGE))
    object.__setattr__(first, "turns", ((place, place + 1), *first.turns))
    with pytest.raises(DataError, match="a label of this batch is a token of an image"):
        check_image_labels(prepared)


def test_a_batch_with_fewer_image_tokens_than_features_is_refused(tiny_vlm: Path, rows: Path) -> None:
    prepared = prepare(recipe(tiny_vlm, rows))
    first = prepared.examples[prepared.steps[0][0].rows[0]]
    image = prepared.tokenizer.convert_tokens_to_ids(IMAGE)
    ids = [*first.ids]
    ids[ids.index(image)] = prepared.pad_id
    object.__setattr__(first, "ids", ids)
    with pytest.raises(DataError, match="image tokens, and features of"):
        check_image_labels(prepared)


def test_conversations_without_images_learn_beside_those_with_some(tiny_vlm: Path, rows: Path, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Say yes."}, {"role": "assistant", "content": "yes"}]
    mixed = rows.with_name("mixed.jsonl")
    mixed.write_text(json.dumps({"images": [], "messages": turns}) + "\n" + rows.read_text())
    alone = recipe(tiny_vlm, mixed, batch={"rows": 1, "micro_tokens": 256}, epochs=1)
    run = finetune.open_run(alone)
    assert [example.tiles for example in run.prepared.examples].count(0) == 1
    finetune.train(run, tmp_path / "model", console=console())
    losses = [line["loss"] for line in read_metrics(tmp_path / "model" / METRICS) if "loss" in line]
    assert len(losses) == 9
    assert all(math.isfinite(loss) for loss in losses)


def test_the_plan_says_what_an_image_costs(tiny_vlm: Path, rows: Path) -> None:
    run = finetune.open_run(recipe(tiny_vlm, rows))
    plan = run.plan.as_dict()
    layout = ImageLayout.read(tiny_vlm)
    assert plan["images"] == 9
    assert plan["tokens_per_image"] >= layout.tokens
    assert 0.2 < plan["image_tokens_share"] < 1
    single = finetune.open_run(recipe(tiny_vlm, rows, images={"split": False})).plan.as_dict()
    assert single["tokens_per_image"] == layout.tokens


def test_each_part_has_its_rate_and_a_part_without_one_is_frozen(tiny_vlm: Path) -> None:
    model: Any = load_model(tiny_vlm, dtype=torch.float32)
    groups = part_groups(PartRates(lr=2e-5, connector_lr=1e-4, vision_lr=0.0, language_after=0.25), model)
    rate = {id(p): (group.lr, group.after) for group in groups for p in group.parameters["params"]}
    wanted = {"language": (2e-5, 0.25), "connector": (1e-4, 0.0)}
    for name, parameter in model.named_parameters():
        part = part_of(name)
        assert rate.get(id(parameter)) == wanted.get(part)
        assert parameter.requires_grad == (part != "vision")


def changed_parts(before: Path, after: Path) -> set[str]:
    first, second = (dict(load_model(path, dtype=torch.float32).named_parameters()) for path in (before, after))
    return {part_of(name) for name in first if not torch.equal(first[name], second[name])}


def test_the_language_model_waits_until_its_share_of_the_steps(tiny_vlm: Path, rows: Path, tmp_path: Path) -> None:
    rates = {"lr": 1e-3, "connector_lr": 1e-3, "vision_lr": 1e-3, "language_after": 1.0}
    waiting = recipe(tiny_vlm, rows, optimizer=rates, epochs=1, data={"train": [{"path": str(rows)}]})
    finetune.train(finetune.open_run(waiting), tmp_path / "a", console=console())
    assert changed_parts(tiny_vlm, tmp_path / "a") == {"connector", "vision"}


def test_a_run_writes_a_model_that_answers_and_says_how_it_cuts_images(
    tiny_vlm: Path, rows: Path, tmp_path: Path
) -> None:
    run = finetune.open_run(recipe(tiny_vlm, rows, images={"longest_edge": 64}))
    scores = finetune.train(run, tmp_path / "out", console=console())
    assert {"dev_loss", "dev_f1", "dev_anls", "dev_exact", "dev_score"} <= scores.keys()
    lines = read_metrics(tmp_path / "out" / METRICS)
    assert lines[0]["loss"] > lines[-2]["loss"]
    assert ImageLayout.read(tmp_path / "out").longest_edge == 64
    manifest = read(tmp_path / "out")
    assert manifest.prompt_format == "smolkit-1"
    assert "image-text-to-text" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("vision", [False, True])
def test_adapters_are_on_the_parts_that_are_asked_for_and_merge(
    tiny_vlm: Path, rows: Path, tmp_path: Path, vision: bool
) -> None:
    lora = {"r": 2, "alpha": 4, "vision": vision}
    run = finetune.open_run(recipe(tiny_vlm, rows, method="lora", lora=lora, epochs=1))
    names = {part_of(name) for name, parameter in run.model.named_parameters() if parameter.requires_grad}
    assert names == {"language", "connector"} | ({"vision"} if vision else set())
    finetune.train(run, tmp_path / "out", console=console())
    assert changed_parts(tiny_vlm, tmp_path / "out") == names
    assert (tmp_path / "out" / "adapter" / "adapter_config.json").is_file()


class Cut(RuntimeError):
    pass


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(
    tiny_vlm: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = recipe(tiny_vlm, rows, checkpoint={"every": 2}, dev={"every": 2, "rows": 2, "max_new_tokens": 4})
    finetune.train(finetune.open_run(steady), tmp_path / "whole", console=console())
    training_step = finetune.AnswerTrainer.training_step

    def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 3:
            raise Cut
        return training_step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(finetune.AnswerTrainer, "training_step", cut)
        with pytest.raises(Cut):
            finetune.train(finetune.open_run(steady), tmp_path / "cut", console=console())
    finetune.train(finetune.open_run(steady), tmp_path / "cut", console=console(), resume=True)
    assert changed_parts(tmp_path / "whole", tmp_path / "cut") == set()


def test_samples_of_images_are_written_while_training(tiny_vlm: Path, rows: Path, tmp_path: Path) -> None:
    image = str(rows.parent / "images" / "1.png")
    prompts = [{"image": image, "question": "Which colour?"}, {"image": image, "template": TEMPLATE}]
    samples = {"every": 2, "prompts": prompts, "max_new_tokens": 4}
    finetune.train(finetune.open_run(recipe(tiny_vlm, rows, samples=samples)), tmp_path / "out", console=console())
    lines = [json.loads(line) for line in (tmp_path / "out" / "samples.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 2, 4, 4]
    assert "Which colour?" in lines[0]["prompt"]


def test_a_vision_model_is_made_of_a_language_model_once(
    tiny_model_dir: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    init = {"tower": "tiny", "hidden": 32, "heads": 2, "ffn": 64, "layers": 1, "image_size": 32, "patch_size": 8}
    made = recipe(tiny_model_dir, rows, init=init, images={"split": False}, epochs=1)
    first = finetune.open_run(made)
    written = list((tmp_path / "cache" / "models").iterdir())
    assert finetune.open_run(made).plan.as_dict() == first.plan.as_dict()
    assert list((tmp_path / "cache" / "models").iterdir()) == written
    other = finetune.open_run(recipe(tiny_model_dir, rows, init={**init, "layers": 2}, images={"split": False}))
    assert other.plan.as_dict()["parameters"] > first.plan.as_dict()["parameters"]


def test_a_text_model_without_a_tower_is_refused(tiny_model_dir: Path, rows: Path) -> None:
    with pytest.raises(ModelError, match="reads text alone"):
        prepare(recipe(tiny_model_dir, rows))


def test_a_tower_for_a_model_that_has_one_is_refused(tiny_vlm: Path, rows: Path) -> None:
    with pytest.raises(RecipeError, match=r"^init: .*tiny-vlm has a tower of its own\. Leave it out"):
        finetune.open_run(recipe(tiny_vlm, rows, init={"tower": "tiny"}))


@pytest.mark.parametrize(("edge", "fix"), [(10, "32 is the smallest"), (100_000, "192 is the largest")])
def test_sizes_of_images_that_go_with_no_tile_are_said_by_field(
    tiny_vlm: Path, rows: Path, edge: int, fix: str
) -> None:
    with pytest.raises(RecipeError, match=rf"^images\.longest_edge: .* {fix} for this model\.$"):
        prepare(recipe(tiny_vlm, rows, images={"longest_edge": edge}))


def test_a_row_that_its_image_makes_too_long_says_so(tiny_vlm: Path, rows: Path) -> None:
    data = {"train": [{"path": str(rows)}], "max_length": 64}
    with pytest.raises(RowErrors, match=r"rows\.jsonl:1: \d+ tokens .* of them stand for its images") as caught:
        prepare(recipe(tiny_vlm, rows, data=data))
    assert "raise it, lower images.longest_edge from 96 or set images.split=false, or set" in str(caught.value)
    with pytest.raises(DataError, match=r"no row fits .* 32 tokens: the shortest has \d+\. \d+ of them stand for its"):
        prepare(recipe(tiny_vlm, rows, data={**data, "max_length": 32, "too_long": "skip"}))


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("q_prj", "lora.targets: no linear layer 'q_prj' to adapt. Did you mean 'q_proj'?"),
        ("fc1", "lora.targets: 'fc1' is a layer of the vision tower alone. Set lora.vision=true to adapt it, too."),
    ],
)
def test_adapters_for_no_layer_are_refused(tiny_vlm: Path, rows: Path, target: str, fault: str) -> None:
    with pytest.raises(RecipeError) as caught:
        finetune.open_run(recipe(tiny_vlm, rows, method="lora", lora={"targets": ["up_proj", target]}))
    assert str(caught.value).startswith(fault)


def test_every_broken_image_is_named_before_the_first_step(tiny_vlm: Path, rows: Path, tmp_path: Path) -> None:
    broken = tmp_path / "rows.jsonl"
    (tmp_path / "images").mkdir()
    for file in rows.parent.glob("images/*.png"):
        data = file.read_bytes()
        (tmp_path / "images" / file.name).write_bytes(data[: len(data) // 2] if file.stem in "25" else data)
    broken.write_text(rows.read_text())
    with pytest.raises(RowErrors) as caught:
        prepare(recipe(tiny_vlm, broken))
    assert "rows.jsonl:3:images[0]" in str(caught.value)
    assert "rows.jsonl:6:image" in str(caught.value)


def test_faults_of_a_recipe_are_said_by_field(tmp_path: Path) -> None:
    file = tmp_path / "vision.yaml"
    file.write_text(
        "task: vision\ndata: {train: [{path: rows.jsonl}]}\n"
        "optimizer: {lr: 0, connector_lr: 0, vision_lr: 0}\ninit: {tower: smal}\n"
    )
    with pytest.raises(RecipeErrors) as caught:
        load_task_recipe(str(file), "vision")
    assert "did you mean 'small'" in str(caught.value).lower()


def test_the_default_recipe_is_the_smallest_released_model() -> None:
    assert default_recipe("vision") == "finetune/vision-256m"
    assert load_task_recipe(None, "vision").model.startswith("smolvlm")
