"""Two processes with gloo, started by torchrun as a user would: what they compute, and a checkpoint that moves between
world sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from smolkit.errors import SmolkitError
from smolkit.recipe import resolved
from smolkit.train import parallel
from smolkit.train.ledger import METRICS, read_metrics
from smolkit.train.parallel import World, check_start, open_world
from smolkit.train.run_files import SAMPLES


def smolkit(recipe: Any, folder: Path, out: str, *options: str, ranks: int = 1) -> subprocess.CompletedProcess[str]:
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(resolved(recipe)))))
    start = [sys.executable, "-m"]
    if ranks > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "-m"]
    command = [*start, "smolkit", "pretrain", str(file), "--out", str(folder / out), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)


def losses(folder: Path, out: str) -> list[float]:
    return [line["loss"] for line in read_metrics(folder / f"{out}.run" / METRICS) if "loss" in line]


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_train_as_one_and_their_checkpoints_go_both_ways(
    make_pretrain_recipe, tmp_path: Path, kind: str
) -> None:
    recipe = make_pretrain_recipe(
        checkpoint={"every": 4, "keep": 8},
        validation={"every": 4, "tokens": 200},
        parallel={"kind": kind},
        optimizer={"lr": 1e-3},
        samples={"every": 4, "prompts": ["The function", "import os"], "max_new_tokens": 6},
    )
    for out, ranks in (("one", 1), ("two", 2)):
        done = smolkit(recipe, tmp_path, out, ranks=ranks)
        assert done.returncode == 0, done.stderr
    equal, sharded = (20, 0) if kind == "ddp" else (0, 20)
    shared = f"start-up check: {equal} tensors equal on all ranks, {sharded} sharded"
    assert shared in done.stderr
    whole = losses(tmp_path, "one")
    assert losses(tmp_path, "two") == pytest.approx(whole, abs=1e-4)
    written = [read_metrics(tmp_path / f"{out}.run" / SAMPLES) for out in ("one", "two")]
    assert written[0] == written[1]
    assert [line["step"] for line in written[1]] == [4, 4, 8, 8]
    assert all(line["text"] for line in written[1])
    for out, ranks in (("one", 2), ("two", 1)):
        last = tmp_path / f"{out}.run" / "checkpoints" / "step-00000008"
        for file in last.iterdir():
            file.unlink()
        last.rmdir()
        done = smolkit(recipe, tmp_path, out, "--resume", ranks=ranks)
        assert done.returncode == 0, done.stderr
        assert "resuming from step-00000004" in done.stderr
        assert losses(tmp_path, out) == pytest.approx(whole, abs=1e-4)
        assert read_metrics(tmp_path / f"{out}.run" / SAMPLES) == written[0]


def test_sequences_that_cannot_be_shared_out_are_refused(make_pretrain_recipe) -> None:
    from smolkit.train.pretrain import open_run

    with pytest.raises(SmolkitError, match=r"stage decay has 4 sequences per step, which 8 processes cannot share"):
        open_run(make_pretrain_recipe(), World(size=8, rank=0, device=torch.device("cpu")))


def test_a_world_size_without_torchrun_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(SmolkitError, match=r"RANK is not set\. Start with torchrun"), open_world():
        pass


class _Ranks:
    """The second rank's fingerprints beside those of the first, as an exchange would give them."""

    def __init__(self, other: dict[str, Any]):
        self.other = other

    def gather(self, mine: dict[str, Any]) -> list[dict[str, Any]]:
        return [mine, {name: self.other.get(name, value) for name, value in mine.items()}]


def test_replicated_parameters_that_differ_are_found() -> None:
    causal = torch.nn.Linear(4, 4, bias=False)
    other = parallel._Fingerprint((), "another digest", False)
    model: Any = SimpleNamespace(causal=causal)
    with pytest.raises(SmolkitError, match="weight is replicated, and differs between ranks"):
        check_start(model, _Ranks({"weight": other}))  # type: ignore[arg-type]
    assert check_start(model, World()) == {"replicated": 1, "sharded": 0}


def test_shards_drawn_from_one_seed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = torch.nn.Linear(4, 4, bias=False)
    mine = parallel._fingerprint(causal.weight)
    monkeypatch.setattr(parallel, "_fingerprint", lambda p: parallel._Fingerprint((0,), mine.digest, mine.constant))
    model: Any = SimpleNamespace(causal=causal)
    same = parallel._Fingerprint((1,), mine.digest, False)
    with pytest.raises(SmolkitError, match="shards of weight are equal on different ranks"):
        check_start(model, _Ranks({"weight": same}))  # type: ignore[arg-type]
    different = parallel._Fingerprint((1,), "another digest", False)
    assert check_start(model, _Ranks({"weight": different})) == {"replicated": 0, "sharded": 1}  # type: ignore[arg-type]


def test_constant_shards_may_be_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = torch.nn.LayerNorm(4, bias=False)
    mine = parallel._fingerprint(causal.weight)
    assert mine.constant
    monkeypatch.setattr(parallel, "_fingerprint", lambda p: parallel._Fingerprint((0,), mine.digest, mine.constant))
    same = parallel._Fingerprint((1,), mine.digest, True)
    model: Any = SimpleNamespace(causal=causal)
    assert check_start(model, _Ranks({"weight": same})) == {"replicated": 0, "sharded": 1}  # type: ignore[arg-type]


def test_empty_shards_may_be_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor with fewer rows than there are ranks leaves some without any."""
    causal = torch.nn.Linear(4, 4, bias=False)
    mine = parallel._fingerprint(causal.weight)
    nothing = parallel._fingerprint(torch.zeros(0))
    monkeypatch.setattr(parallel, "_fingerprint", lambda p: parallel._Fingerprint((0,), mine.digest, False))

    class Three(_Ranks):
        def gather(self, found: dict[str, Any]) -> list[dict[str, Any]]:
            others = [{"weight": parallel._Fingerprint((place,), nothing.digest, nothing.constant)} for place in (1, 2)]
            return [found, *others]

    model: Any = SimpleNamespace(causal=causal)
    assert check_start(model, Three({})) == {"replicated": 0, "sharded": 1}  # type: ignore[arg-type]


def test_what_the_first_rank_cannot_do_is_said_by_it_and_told_to_the_others() -> None:
    def fail() -> None:
        raise SmolkitError("no such thing")

    with pytest.raises(SmolkitError, match="no such thing"):
        World().lead(fail)

    class Follower(World):
        def agree(self, value: Any) -> Any:
            return "no such thing.", None

    with pytest.raises(parallel.ToldByTheFirst, match="no such thing"):
        Follower(rank=1, size=2).lead(fail)


def test_groups_of_processes_must_fit(make_pretrain_recipe) -> None:
    from smolkit.train.pretrain import plan_run

    recipe = make_pretrain_recipe(parallel={"kind": "fsdp", "shard": 3})
    with pytest.raises(SmolkitError, match=r"4 processes cannot be grouped by parallel\.shard 3"):
        plan_run(recipe, World(size=4))
