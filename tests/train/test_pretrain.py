"""Whole runs of a very small model: what they write, that they resume to the bit, and that they equal plain loops."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from smolkit.errors import SmolkitError
from smolkit.manifest import read
from smolkit.train import engine
from smolkit.train.checkpoints import read_trainer
from smolkit.train.language_model import TokenBatch
from smolkit.train.ledger import METRICS, read_metrics
from smolkit.train.loader import Loader
from smolkit.train.parallel import World
from smolkit.train.pretrain import open_run, train
from smolkit.train.run_directory import Branch, read_branch, run_directory

CHECKPOINTED = {"every": 2, "keep": 8}
SHORT = {
    "steps": 2,
    "stages": [{"name": "all", "mixture": {"prose": 0.5, "code": 0.5}}],
    "schedule": {"warmup_steps": 1},
}


def run_recipe(recipe: Any, out: Path, *, branch: Branch | None = None, **options: bool) -> dict[str, Any]:
    world = World()
    run = open_run(recipe, world, branch=branch, resume=options.get("resume", False))
    return train(run, out, world, console=Console(file=StringIO()), **options)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def lines(out: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl says of the training itself, times and memory left out."""
    kept = ("step", "stage", "loss", "loss_by_source", "learning_rate", "gradient_norm", "tokens", "validation_loss")
    found = read_metrics(run_directory(out) / METRICS)
    return [{key: line[key] for key in kept if key in line} for line in found]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Killed(Exception):
    pass


def cut_off(monkeypatch: pytest.MonkeyPatch, recipe: Any, out: Path, step: int, **options: bool) -> None:
    """Run until `step` is to be trained, and die there; checkpoints under way are finished, as they would be."""
    trained = engine.Engine._train_step

    def until(self: Any, number: int, ledger: Any) -> None:
        if number == step:
            self.checkpoints.finish()
            raise Killed
        trained(self, number, ledger)

    with monkeypatch.context() as patch:
        patch.setattr(engine.Engine, "_train_step", until)
        with pytest.raises(Killed):
            run_recipe(recipe, out, **options)


def test_a_run_writes_a_model_that_transformers_loads(make_pretrain_recipe, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    scores = run_recipe(make_pretrain_recipe(validation={"every": 4, "tokens": 200}), out)
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.config.rope_parameters["rope_theta"] == 20000.0  # of the last stage
    assert model.config.max_position_embeddings == 64
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.generation_config.eos_token_id == 0
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer.chat_template is None
    manifest = read(out)
    assert manifest.scores == scores
    assert manifest.recipe is not None
    assert {"final_loss", "validation_loss", "tokens_per_second", "mfu", "tokens"} <= scores.keys()
    assert {source.role for source in manifest.sources} == {"corpus prose", "corpus code"}
    assert (out / "curves.png").stat().st_size > 1000
    found = lines(out)
    assert [line["step"] for line in found if "loss" in line] == list(range(1, 9))
    assert [line["step"] for line in found if "validation_loss" in line] == [4, 8]
    assert [line["stage"] for line in found if "loss" in line] == ["stable"] * 6 + ["decay"] * 2
    assert found[-2]["loss"] < found[0]["loss"] - 0.5


def test_it_is_the_loss_curve_of_a_plain_loop(make_pretrain_recipe, tmp_path: Path) -> None:
    """Same weights, batches and AdamW in a loop over transformers' own forward pass and torch's own optimizer."""
    recipe = make_pretrain_recipe(
        stages=[{"name": "all", "mixture": {"prose": 0.5, "code": 0.5}}],
        steps=100,
        isolate_documents=False,
        schedule={"warmup_steps": 10, "decay_steps": 20},
    )
    world = World()
    run = open_run(recipe, world)
    model = engine.open_model(run, world).causal
    for layer in model.model.layers:
        del layer.forward  # transformers' own again
    groups = [
        {"params": [p for n, p in model.named_parameters() if p.ndim > 1 and "embed" not in n], "weight_decay": 0.01},
        {"params": [p for n, p in model.named_parameters() if p.ndim < 2 or "embed" in n], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95), eps=1e-8)
    schedule = recipe.schedule.build(recipe.steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    losses = []
    with Loader(recipe, run.corpora, run.held_out, run.mixture, world) as loader:
        for step in range(recipe.steps):
            micro = loader.load(step).micro
            ids = torch.cat([torch.from_numpy(batch.ids) for batch in micro]).view(-1, recipe.sequence)
            targets = torch.cat([torch.from_numpy(batch.targets) for batch in micro])
            loss = torch.nn.functional.cross_entropy(model(input_ids=ids).logits.flatten(0, 1), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    out = tmp_path / "model"
    run_recipe(recipe, out)
    ours = [line["loss"] for line in lines(out)]
    assert max(abs(one - other) for one, other in zip(ours, losses, strict=True)) < 1e-3
    assert losses[-1] < losses[0] - 3


@pytest.mark.parametrize("micro_tokens", [64, 256])
def test_micro_batches_change_nothing_but_rounding(make_pretrain_recipe, tmp_path: Path, micro_tokens: int) -> None:
    for name, tokens in (("one", micro_tokens), ("other", 128)):
        run_recipe(make_pretrain_recipe(batch={"tokens": 256, "micro_tokens": tokens}), tmp_path / name)
    one, other = (lines(tmp_path / name) for name in ("one", "other"))
    for line, same in zip(one, other, strict=True):
        assert line["loss"] == pytest.approx(same["loss"], abs=2e-5)
        assert line["gradient_norm"] == pytest.approx(same["gradient_norm"], rel=1e-3)


def test_a_step_weighs_every_token_alike_however_documents_fall(make_pretrain_recipe) -> None:
    """Micro-batches with few targets do not count as much as those with many."""
    world = World()
    recipe = make_pretrain_recipe()
    run = open_run(recipe, world)
    model = engine.open_model(run, world)
    with Loader(recipe, run.corpora, run.held_out, run.mixture, world) as loader:
        data = loader.load(0)
    assert len({batch.labels for batch in data.micro}) > 1
    batches = [TokenBatch.of(batch, world.device, torch.float32) for batch in data.micro]
    total = sum(model(batch, 1 / data.labels)[0] for batch in batches)
    each = torch.cat([model(batch, 1.0)[1] for batch in batches])
    assert total.item() == pytest.approx(each.mean().item(), rel=1e-5)
    assert int(data.counts.sum()) == data.labels == len(each)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_run_that_was_cut_off_twice_ends_in_the_same_weights(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED, validation={"every": 4, "tokens": 200}, seed=turn)
    run_recipe(recipe, tmp_path / "whole")
    cut_off(monkeypatch, recipe, tmp_path / "cut", 3)
    cut_off(monkeypatch, recipe, tmp_path / "cut", 7, resume=True)
    run_recipe(recipe, tmp_path / "cut", resume=True)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


def test_a_bfloat16_run_resumes_with_its_float32_masters(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED, dtype="bfloat16")
    run_recipe(recipe, tmp_path / "whole")
    cut_off(monkeypatch, recipe, tmp_path / "cut", 5)
    run_recipe(recipe, tmp_path / "cut", resume=True)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert weights(tmp_path / "cut")["model.norm.weight"].dtype == torch.bfloat16


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED)
    run_recipe(recipe, tmp_path / "whole")
    cut_off(monkeypatch, recipe, tmp_path / "cut", 7)
    damaged = tmp_path / "cut.run" / "checkpoints" / "step-00000006"
    shard = next(damaged.glob("*.distcp"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    console = Console(file=StringIO(), width=500)
    world = World()
    train(open_run(recipe, world), tmp_path / "cut", world, console=console, resume=True)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "step-00000006 is damaged" in said
    assert "resuming from step-00000004" in said
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_a_checkpoint_is_written_while_training_goes_on_and_holds_its_own_step(
    make_pretrain_recipe, tmp_path: Path
) -> None:
    """Weights move on while a copy is written: what was saved must be what the step left."""
    for wait in (True, False):
        recipe = make_pretrain_recipe(checkpoint={**CHECKPOINTED, "wait": wait})
        run_recipe(recipe, tmp_path / str(wait))
    one, other = (tmp_path / f"{wait}.run" / "checkpoints" / "step-00000004" for wait in (True, False))
    hashes = [{name: entry.sha256 for name, entry in read(place).files.items()} for place in (one, other)]
    assert hashes[0]["__0_0.distcp"] == hashes[1]["__0_0.distcp"]


def test_the_last_checkpoints_stay_and_the_best_and_those_to_branch_from(make_pretrain_recipe, tmp_path: Path) -> None:
    recipe = make_pretrain_recipe(
        checkpoint={"every": 1, "keep": 1, "keep_every": 3},
        validation={"every": 1, "tokens": 200},
        schedule={"warmup_steps": 0, "kind": "cosine"},
    )
    run_recipe(recipe, tmp_path / "model")
    kept = sorted((tmp_path / "model.run" / "checkpoints").glob("step-*"))
    losses = {line["step"]: line["validation_loss"] for line in lines(tmp_path / "model") if "validation_loss" in line}
    best = min(losses, key=losses.__getitem__)
    assert [int(path.name[5:]) for path in kept] == sorted({3, 6, 8, best})


def test_a_decay_is_branched_from_a_stable_checkpoint(make_pretrain_recipe, tmp_path: Path) -> None:
    stages = [{"name": "all", "mixture": {"prose": 0.5, "code": 0.5}}]
    trunk = make_pretrain_recipe(
        stages=stages, checkpoint={"every": 4, "keep": 8}, schedule={"warmup_steps": 1, "decay_steps": 0}
    )
    run_recipe(trunk, tmp_path / "trunk")
    branch = Branch.of(tmp_path / "trunk.run" / "checkpoints" / "step-00000004")
    decay = make_pretrain_recipe(
        stages=[{"name": "all", "mixture": {"prose": 0.1, "code": 0.9}}],
        steps=7,
        schedule={"warmup_steps": 1, "decay_steps": 3},
    )
    run_recipe(decay, tmp_path / "branch", branch=branch)
    found = lines(tmp_path / "branch")
    assert [line["step"] for line in found] == [5, 6, 7]
    assert [round(line["learning_rate"], 6) for line in found] == [0.01, 0.006667, 0.003333]
    assert found[0]["tokens"] == 5 * 256
    assert read_branch(tmp_path / "branch.run") == branch
    assert branch.data["seed"] == 0
    assert read(tmp_path / "branch").details["branch"]["step"] == 4
    # What the trunk has read is not read again.
    run = open_run(decay, World(), branch=branch)
    assert all(
        draw.start >= branch.position[draw.source]
        for step in range(run.mixture.steps)
        for draw in run.mixture.step(step)
    )


def test_a_branch_that_ends_before_it_begins_is_refused(make_pretrain_recipe) -> None:
    branch = Branch("checkpoint", 8, {"prose": 10})
    with pytest.raises(SmolkitError, match=r"the checkpoint is of step 8, and the recipe ends at 8\. .*steps=10"):
        open_run(make_pretrain_recipe(), World(), branch=branch)


def test_training_can_go_on_from_a_models_weights(make_pretrain_recipe, tmp_path: Path) -> None:
    run_recipe(make_pretrain_recipe(), tmp_path / "base")
    more = make_pretrain_recipe(initialization={"weights": str(tmp_path / "base")}, steps=4)
    run_recipe(more, tmp_path / "more")
    assert lines(tmp_path / "more")[0]["loss"] < lines(tmp_path / "base")[0]["loss"] - 0.5


def test_weights_of_another_size_are_refused(make_pretrain_recipe, tmp_path: Path, tiny_model_dir: Path) -> None:
    recipe = make_pretrain_recipe(initialization={"weights": str(tiny_model_dir)})
    with pytest.raises(SmolkitError, match=r"initialization\.weights: model\.embed_tokens\.weight is \(49152, 64\)"):
        run_recipe(recipe, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_checkpointed_activations_change_nothing(make_pretrain_recipe, tmp_path: Path) -> None:
    for name, choice in (("kept", False), ("again", True)):
        run_recipe(make_pretrain_recipe(activation_checkpointing=choice), tmp_path / name)
    assert equal(weights(tmp_path / "kept"), weights(tmp_path / "again"))


def test_z_loss_keeps_the_partition_near_one(make_pretrain_recipe, tmp_path: Path) -> None:
    for name, weight in (("without", 0.0), ("with", 0.1)):
        run_recipe(make_pretrain_recipe(optimizer={"lr": 1e-2, "z_loss": weight}), tmp_path / name)
    without, with_it = (lines(tmp_path / name) for name in ("without", "with"))
    assert without[0]["loss"] == with_it[0]["loss"]  # reported without it
    assert without[0]["gradient_norm"] != with_it[0]["gradient_norm"]


@pytest.mark.parametrize("existing", ["run", "other"])
def test_what_stands_in_the_way_is_not_overwritten_unasked(make_pretrain_recipe, tmp_path: Path, existing: str) -> None:
    recipe = make_pretrain_recipe(**SHORT)
    if existing == "run":
        run_recipe(recipe, tmp_path / "model")
    else:
        (tmp_path / "model.run").mkdir()
        (tmp_path / "model.run" / "diary.txt").write_text("mine")
    with pytest.raises(SmolkitError, match=r"an earlier run stands here|holds something else than a run"):
        run_recipe(recipe, tmp_path / "model")
    if existing == "run":
        run_recipe(recipe, tmp_path / "model", overwrite=True)
        return
    with pytest.raises(SmolkitError, match="holds something else than a run"):
        run_recipe(recipe, tmp_path / "model", overwrite=True)
    assert (tmp_path / "model.run" / "diary.txt").read_text() == "mine"


def test_resuming_needs_a_run_of_the_same_recipe(make_pretrain_recipe, tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match="no run to resume"):
        run_recipe(make_pretrain_recipe(), tmp_path / "model", resume=True)
    run_recipe(make_pretrain_recipe(), tmp_path / "model")
    with pytest.raises(SmolkitError, match="started with another recipe or other corpora"):
        run_recipe(make_pretrain_recipe(seed=1), tmp_path / "model", resume=True)
    # How it is computed may change.
    run_recipe(make_pretrain_recipe(hardware={"mfu": 0.5}), tmp_path / "model", resume=True)


def test_silent_repetition_is_refused(make_pretrain_recipe, two_corpora: Path) -> None:
    sources = {name: {"corpus": str(two_corpora / name)} for name in ("prose", "code")}
    recipe = make_pretrain_recipe(sources=sources, steps=2000)
    with pytest.raises(SmolkitError, match=r"sources\.prose\.passes: the run would go \d+\.\d+ times through prose"):
        open_run(recipe, World())


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_no_model(make_pretrain_recipe, tmp_path: Path) -> None:
    recipe = make_pretrain_recipe(
        optimizer={"lr": 1.0, "clip": None, "eps": 1e-30, "betas": [0.0, 0.0]},
        schedule={"warmup_steps": 0},
        initialization={"std": 1e38},
    )
    with pytest.raises(SmolkitError, match="the loss of step 1 is nan, so the run is lost"):
        run_recipe(recipe, tmp_path / "model")
    assert not list(tmp_path.iterdir())  # not even the run: there is nothing to go on from


def test_a_spike_names_the_documents_of_its_batch(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train import pretrain_ledger

    monkeypatch.setattr(pretrain_ledger.SpikeDetector, "is_spike", lambda self, loss, stage: True)
    run_recipe(make_pretrain_recipe(**SHORT), tmp_path / "model")
    spikes = [json.loads(line) for line in (tmp_path / "model.run" / "spikes.jsonl").read_text().splitlines()]
    assert [spike["step"] for spike in spikes] == [1, 2]
    worst = spikes[0]["sequences"]
    assert worst[0]["loss"] >= worst[1]["loss"] >= worst[2]["loss"]
    assert all(name.strip() for sequence in worst for name in sequence["documents"])
    assert all(line["spike"] for line in read_metrics(tmp_path / "model.run" / METRICS))


def test_a_checkpoint_says_where_it_stands(make_pretrain_recipe, tmp_path: Path) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED)
    run_recipe(recipe, tmp_path / "model")
    trainer = read_trainer(tmp_path / "model.run" / "checkpoints" / "step-00000006")
    assert trainer["step"] == 6
    assert trainer["tokens"] == 6 * 256 == sum(trainer["position"].values())
    with pytest.raises(SmolkitError, match="is no checkpoint of a pretraining run"):
        read_trainer(tmp_path)


def test_a_branch_is_not_made_over_its_own_trunk(make_pretrain_recipe, tmp_path: Path) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED)
    run_recipe(recipe, tmp_path / "model")
    branch = Branch.of(tmp_path / "model.run" / "checkpoints" / "step-00000004")
    with pytest.raises(SmolkitError, match=r"lies in .*model\.run, which is to be written anew"):
        run_recipe(recipe, tmp_path / "model", branch=branch, overwrite=True)
    assert (tmp_path / "model.run" / "checkpoints" / "step-00000004").is_dir()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seed": 5}, "the trunk has seed 0 and the branch 5, so documents would be read again"),
        ({"validation": {"every": 2, "tokens": 200}}, "source .* holds out other documents for validation than in"),
        (
            {"model": {"hidden": 32, "ffn": 64, "layers": 1, "heads": 4, "kv_heads": 2}},
            "is of another model: model.layers.1",
        ),
        (
            {"steps": 6, "schedule": {"warmup_steps": 1, "decay_steps": 3}},
            "the decay of 3 steps would have begun before",
        ),
    ],
)
def test_a_branch_must_fit_its_trunk(make_pretrain_recipe, tmp_path: Path, fields: Any, message: str) -> None:
    run_recipe(make_pretrain_recipe(checkpoint=CHECKPOINTED), tmp_path / "trunk")
    branch = Branch.of(tmp_path / "trunk.run" / "checkpoints" / "step-00000004")
    with pytest.raises(SmolkitError, match=message):
        run_recipe(make_pretrain_recipe(**fields), tmp_path / "branch", branch=branch)
    assert not list(tmp_path.glob("branch*"))


def test_a_run_whose_checkpoints_are_all_damaged_is_not_begun_again_unasked(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_pretrain_recipe(checkpoint=CHECKPOINTED)
    cut_off(monkeypatch, recipe, tmp_path / "model", 5)
    for shard in (tmp_path / "model.run" / "checkpoints").glob("*/*.distcp"):
        shard.write_bytes(b"")
    with pytest.raises(SmolkitError, match="no checkpoint is whole: step-00000004, step-00000002 are damaged"):
        run_recipe(recipe, tmp_path / "model", resume=True)
    names = sorted(path.name for path in (tmp_path / "model.run" / "checkpoints").iterdir())
    assert names == ["damaged-step-00000002", "damaged-step-00000004"]
    assert len(lines(tmp_path / "model")) == 5  # its record is still there


def test_what_a_kill_left_of_a_removed_checkpoint_does_not_matter(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_pretrain_recipe(checkpoint={"every": 1, "keep": 2})
    cut_off(monkeypatch, recipe, tmp_path / "model", 5)
    places = tmp_path / "model.run" / "checkpoints"
    (places / "step-00000001").mkdir()
    (places / ".removing-step-00000002").mkdir()
    run_recipe(recipe, tmp_path / "model", resume=True)
    assert sorted(path.name for path in places.iterdir()) == ["step-00000007", "step-00000008"]


def test_too_little_memory_is_said_before_anything_is_written(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train import pretrain

    monkeypatch.setattr(pretrain, "memory_available", lambda: 2.0**20)
    with pytest.raises(SmolkitError, match=r"the run needs about 0\.\d GiB"):
        run_recipe(make_pretrain_recipe(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_description_that_cannot_be_read_is_one_line(make_pretrain_recipe, tmp_path: Path) -> None:
    run_recipe(make_pretrain_recipe(**SHORT), tmp_path / "model")
    (tmp_path / "model.run" / "run.json").write_text("{")
    with pytest.raises(SmolkitError, match=r"run\.json: does not describe a run"):
        run_recipe(make_pretrain_recipe(**SHORT), tmp_path / "model", resume=True)
