from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from smolkit import cli
from smolkit.models import load_model, trust


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["models", *arguments]) == 0
    return capsys.readouterr().out


def test_the_list_names_the_bundled_model_first_and_counts_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "list", "--json"))
    assert [row["name"] for row in rows][:2] == ["bundled", "smollm2-135m"]
    assert len(rows) == 16
    assert {row["parameters"] for row in rows[:7]} == {134_515_008, 361_821_120, 1_711_376_384}
    assert rows[7]["source"] == "HuggingFaceTB/SmolVLM-256M-Instruct"
    assert rows[7]["parameters"] == 256_484_928
    assert "134,515,008" in printed(capsys, "list")


def test_the_parts_of_the_ledger_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "ledger", "--json"))
    assert [row["name"] for row in rows] == ["smollm2-135m", "smollm2-360m", "smollm2-1.7b"]
    for row in rows:
        parts = sum(row[part] for part in ("embedding", "head", "attention", "mlp", "norms"))
        assert parts == row["total"] == row["non_embedding"] + row["embedding"] + row["head"]


def test_a_model_that_reads_images_is_counted_by_part_beside_one_that_reads_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seeing, text = json.loads(printed(capsys, "ledger", "smolvlm-256m-instruct", "smollm2-135m", "--json"))
    assert sum(seeing[part] for part in ("language", "head", "connector", "vision")) == seeing["total"] == 256_484_928
    assert seeing["tokens_per_tile"] == 64
    assert seeing["flops_per_tile"] == pytest.approx(6.50e11, rel=0.001)
    assert "flops_per_tile" not in text
    shown = printed(capsys, "ledger", "smolvlm-256m-instruct", "smollm2-135m")
    assert [line.split()[1:] for line in shown.splitlines() if line.startswith(("vision", "mlp"))] == [
        ["86,433,024"],
        ["79,626,240"],
    ]


def test_the_flops_grow_with_the_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    def flops(sequence: str) -> float:
        return json.loads(printed(capsys, "ledger", "smollm2-135m", "--sequence", sequence, "--json"))[0][
            "flops_per_token"
        ]

    assert flops("2048") == pytest.approx(1.23e9, rel=0.005)
    assert flops("4096") - flops("2048") == 12 * 30 * 576 * 2048


def test_an_unknown_model_of_the_ledger_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "ledger", "smollm-135m"]) == 2
    assert "Did you mean 'smollm2-135m'?" in capsys.readouterr().err


def test_the_path_of_a_model_is_its_directory(
    capsys: pytest.CaptureFixture[str], bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(capsys, "path", "bundled").strip() == str(bundled)
    monkeypatch.chdir(bundled.parent)
    assert printed(capsys, "path", f"./{bundled.name}").strip() == bundled.name


def test_pickled_weights_are_read_where_the_command_line_allows_them(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "remote_code"):
        monkeypatch.setattr(trust.ALLOWED, name, False)
    pickled = Path(shutil.copytree(tiny_model_dir, tmp_path / "pickled"))
    torch.save(load_file(pickled / "model.safetensors"), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    (pickled / "manifest.json").unlink(missing_ok=True)

    assert cli.run(["models", "path", str(pickled)]) == 2
    assert "give smolkit --allow-pickle" in capsys.readouterr().err
    assert cli.run(["--allow-pickle", "models", "path", str(pickled)]) == 0
    assert capsys.readouterr().out == f"{pickled}\n"
    model = load_model(pickled, dtype=torch.float32)
    assert torch.equal(model.lm_head.weight, load_model(tiny_model_dir, dtype=torch.float32).lm_head.weight)
