"""Reports, cards and the Modelfile: what people and other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from smolkit.errors import GateError
from smolkit.export.cards import card, modelfile, smallest
from smolkit.export.gate import Check
from smolkit.export.report import ExportReport, FileReport, gate_section, require_passed
from smolkit.extraction.prompt import FORMATS

CHATML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] }}{% endfor %}"


def report(*, kl: float = 0.004, prompt_format: str | None = "smolkit-1") -> ExportReport:
    """An export of two files, the larger of them written to prove the layout only."""

    def file(quant: str, size: int, checks: tuple[Check, ...], kept: bool) -> FileReport:
        return FileReport(quant, (f"mine-{quant}.gguf",), size, {"F32": 5, quant.upper(): 16}, checks, kept)

    loads = Check("loads", 1, 1, at_least=True)
    base = file("f16", 270_000_000, (loads, Check("prefill_kl", 6e-6, 1e-4)), False)
    small = file("q8_0", 145_000_000, (loads, Check("prefill_kl", kl, 0.02), Check("f1", 0.9)), True)
    large = file("f32", 540_000_000, (loads,), True)
    return ExportReport("gguf", "out/model", "mine", prompt_format, (base, large, small))


def test_the_gate_is_a_table_of_figures_before_their_limits() -> None:
    text = gate_section(report())
    assert "| figure | f16 (not kept) | f32 | q8_0 |" in text
    assert "| loads | 1 (≥ 1) | 1 (≥ 1) | 1 (≥ 1) |" in text
    assert "| prefill kl | 6e-06 (≤ 0.0001) |  | 0.004 (≤ 0.02) |" in text
    assert "| f1 |  |  | 0.9 |" in text
    assert "- `q8_0`: 8-bit activations too" in text


def test_the_card_has_front_matter_files_commands_and_the_gate() -> None:
    text = card(report(), license="apache-2.0", tags=["smolkit"])
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front) == {"license": "apache-2.0", "tags": ["gguf", "smolkit"]}
    assert body.startswith("\n# mine in GGUF\n\nExported from `out/model`")
    assert "| `mine-q8_0.gguf` | 145 MB | 5 F32, 16 Q8_0 |" in body
    assert "mine-f16.gguf" not in body
    assert "smolkit extract --model mine-q8_0.gguf --template template.json" in body
    assert "# Template:\n{ the template }\n# Text:\nthe text\n```" in body
    assert gate_section(report()).strip() in body
    assert "$" not in body
    assert "license" not in card(report()).split("---")[1]
    assert "name no prompt format" in card(report(prompt_format=None))


def test_the_smallest_kept_file_is_the_one_to_run() -> None:
    assert smallest(report()).files == ("mine-q8_0.gguf",)


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_ollama_gets_what_stands_around_the_user_s_turn(prompt_format: str) -> None:
    layout = FORMATS[prompt_format]
    text = modelfile(report(prompt_format=prompt_format), chat_template=CHATML, context=4096)
    assert "\nFROM ./mine-q8_0.gguf\n" in text
    assert f'TEMPLATE """{layout.opening}{{{{ .Prompt }}}}{layout.closing}"""\n' in text
    assert f'\nPARAMETER stop "{layout.end}"\n' in text
    assert text.endswith("\nPARAMETER temperature 0\nPARAMETER num_ctx 4096\n")


def test_ollama_gets_the_chat_turns_or_nothing_around_a_model_without_a_format() -> None:
    chat = modelfile(report(prompt_format=None), chat_template=CHATML, context=64)
    assert 'TEMPLATE """<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n"""' in chat
    plain = modelfile(report(prompt_format=None), chat_template=None, context=64)
    assert 'TEMPLATE """{{ .Prompt }}"""\nPARAMETER temperature 0' in plain


def test_a_refusal_names_the_figures_and_keeps_the_report_beside_the_destination(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bad = report(kl=0.31)
    with pytest.raises(GateError) as caught:
        require_passed(bad, out)
    assert str(caught.value) == (
        f"the export lost its numbers: q8_0: prefill_kl 0.31 is over 0.02. "
        f"Nothing was written to {out}; see {out}.gate.md."
    )
    assert caught.value.exit_code == 3
    assert json.loads((tmp_path / "out.gate.json").read_text()) == json.loads(json.dumps(bad.as_dict()))
    text = (tmp_path / "out.gate.md").read_text()
    assert text.startswith("# mine: refused by the gate\n\n| figure |")
    assert "**0.31** (≤ 0.02)" in text
    require_passed(report(), out)
    assert list(tmp_path.iterdir()) == []


def test_scores_are_bare_figures_of_kept_files_and_hold_no_nan() -> None:
    assert report().scores() == {"f32": {"loads": 1}, "q8_0": {"loads": 1, "prefill_kl": 0.004, "f1": 0.9}}
    assert report(kl=float("nan")).scores()["q8_0"]["prefill_kl"] is None
    assert not report(kl=float("nan")).passed
