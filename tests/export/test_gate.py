"""The gate, with torch itself as the runtime under test: what passes, and that every kind of fault is seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from smolkit.data.render import TokenizerEncoder
from smolkit.export.gate import (
    GREEDY_TOKENS,
    LIMITS,
    MIN_DOCUMENTS,
    Check,
    Reference,
    TaskScore,
    check_candidate,
    check_task,
    kl_divergence,
    make_reference,
)
from smolkit.export.gguf_file import QUANTS
from smolkit.export.precisions import PRECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class TorchCandidate:
    """A transformers model as a candidate; the faults that a runtime could have are switched on by name."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, fault: str = ""):
        self.model = model
        self.tokenizer = tokenizer
        self.fault = fault

    def encode(self, text: str, *, special: bool) -> list[int]:
        return TokenizerEncoder(self.tokenizer)(text.strip() if self.fault == "strips" else text, special=special)

    def ends(self, token: int) -> bool:
        return token == self.tokenizer.eos_token_id and self.fault != "never ends"

    def prefill(self, ids: Sequence[int]) -> NDArray[np.float32]:
        logits = self._run(ids).copy()
        if self.fault == "not a number":
            logits[3, 5] = np.nan
        return logits

    def decode(self, prompt: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float32]:
        if self.fault == "forgets the prompt":
            return self._run([*prompt[-1:], *continuation[:-1]])
        return self._run([*prompt, *continuation[:-1]])[len(prompt) - 1 :]

    def close(self) -> None: ...

    def _run(self, ids: Sequence[int]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            logits: NDArray[np.float32] = self.model(torch.tensor([list(ids)])).logits[0].float().numpy()
        return logits


@pytest.fixture(scope="module")
def model(tiny: Path) -> PreTrainedModel:
    import torch

    from smolkit.models import load_model

    return load_model(tiny, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Reference:
    ends = frozenset({tokenizer.eos_token_id})
    return make_reference(model, tokenizer, prompt_format="smolkit-1", end_ids=ends)


def failures(candidate: TorchCandidate, reference: Reference, quant: str) -> set[str]:
    return {check.name for check in check_candidate(candidate, reference, LIMITS[quant]) if not check.passed}


def test_the_reference_is_three_prompts_in_the_format_with_greedy_continuations(
    reference: Reference, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    import torch

    assert [case.name for case in reference.cases] == ["note", "invoice", "rental"]
    assert max(len(case.prompt) for case in reference.cases) > 64
    for case in reference.cases:
        assert tokenizer.decode(case.prompt).startswith("<|im_start|>system\nFill the JSON template")
        assert case.logits.shape == (len(case.prompt) + GREEDY_TOKENS - 1, len(tokenizer))
        generated = model.generate(
            torch.tensor([case.prompt]),
            max_new_tokens=GREEDY_TOKENS,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert generated[0, len(case.prompt) :].tolist() == case.continuation
        assert case.logits[case.predictions].argmax(axis=-1).tolist() == case.continuation


@pytest.mark.parametrize("prompt_format", [None, "nuextract-1.5"])
def test_a_model_without_our_format_is_asked_in_its_own_way(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt_format: str | None
) -> None:
    made = make_reference(model, tokenizer, prompt_format=prompt_format, end_ids=frozenset())
    opening = {None: "<|im_start|>system\nYou are a helpful AI assistant", "nuextract-1.5": "<|input|>\n### Template:"}
    assert tokenizer.decode(made.cases[0].prompt).startswith(opening[prompt_format])


def test_the_same_weights_pass_the_tightest_limits(
    reference: Reference, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    checks = check_candidate(TorchCandidate(model, tokenizer), reference, LIMITS["f32"])
    assert all(check.passed for check in checks)
    assert {check.name for check in checks} == {
        "tokenizer_differences", "end_tokens_missed", "prefill_max_abs", "decode_max_abs", "prefill_decode_gap",
        "prefill_kl", "decode_kl", "top1_agreement", "greedy_agreement",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("strips", {"tokenizer_differences"}),
        ("never ends", {"end_tokens_missed"}),
        ("forgets the prompt", {"decode_max_abs", "prefill_decode_gap", "decode_kl", "greedy_agreement"}),
        ("not a number", {"prefill_max_abs", "prefill_kl"}),
    ],
)
def test_a_fault_of_the_runtime_is_seen_by_the_figures_that_it_touches(
    reference: Reference, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, fault: str, seen: set[str]
) -> None:
    assert failures(TorchCandidate(model, tokenizer, fault), reference, "f32") == seen


def test_rounding_to_bfloat16_passes_its_own_limits_and_not_those_of_float32(
    reference: Reference, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tiny: Path
) -> None:
    import torch

    from smolkit.models import load_model

    rounded = TorchCandidate(load_model(tiny, dtype=torch.bfloat16), tokenizer)
    assert "prefill_max_abs" in failures(rounded, reference, "f32")
    assert not {"prefill_max_abs", "prefill_kl", "decode_kl"} & failures(rounded, reference, "bf16")


def test_a_greedy_miss_says_how_near_the_tie_was(
    reference: Reference, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    case = reference.cases[0]
    logits = case.logits[: len(case.prompt)].copy()
    logits[-1, 17] = logits[-1].max() + 0.25  # what the reference would have chosen, had it been this
    one = replace(reference, cases=[replace(case, logits=logits, continuation=[17])])
    checks = {check.name: check for check in check_candidate(TorchCandidate(model, tokenizer), one, LIMITS["q4_0"])}
    assert checks["greedy_agreement"].value == 0
    assert checks["greedy_agreement"].note == "1 other choices, at most 0.250 below the best logit"


def test_divergence_is_zero_for_shifted_logits_and_right_for_two_known_distributions() -> None:
    logits = np.array([[0.0, 1.0, 2.0]], dtype=np.float32)
    assert kl_divergence(logits, logits + 5) == pytest.approx(0, abs=1e-12)
    p, q = np.array([[0.5, 0.5]], dtype=np.float32), np.array([[0.9, 0.1]], dtype=np.float32)
    expected = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    assert kl_divergence(np.log(p), np.log(q)) == pytest.approx(expected, rel=1e-6)


def test_a_figure_passes_at_its_limit_and_a_missing_number_never_does() -> None:
    assert Check("kl", 0.2, 0.2).passed
    assert not Check("kl", 0.2001, 0.2).passed
    assert Check("top1", 0.9, 0.9, at_least=True).passed
    assert not Check("top1", 0.89, 0.9, at_least=True).passed
    assert Check("max_abs", 1e9).passed
    for at_least in (False, True):
        lost = Check("kl", float("nan"), 0.2, at_least=at_least)
        assert not lost.passed
        assert json.loads(json.dumps(lost.as_dict(), allow_nan=False))["value"] is None


def test_every_quant_has_limits_that_widen_with_what_it_drops() -> None:
    assert LIMITS.keys() == {*QUANTS, *PRECISIONS}
    gguf = ("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_nl")
    for order in (gguf, ("fp32", "fp16", "q8", "q4")):
        for tight, loose in pairwise(LIMITS[quant] for quant in order):
            assert tight.kl < loose.kl
            assert tight.top1 >= loose.top1
            assert tight.greedy >= loose.greedy
            assert tight.f1_drop <= loose.f1_drop
    assert all(limits.reason for limits in LIMITS.values())


@pytest.mark.parametrize(
    ("f1", "documents", "failed"),
    [(0.90, 50, []), (0.881, 50, []), (0.95, 50, []), (0.87, 50, ["f1_drop"]), (0.90, 49, ["documents"])],
)
def test_the_task_may_lose_two_hundredths_at_four_bits_on_enough_documents(
    f1: float, documents: int, failed: list[str]
) -> None:
    checks = check_task(TaskScore(0.90, documents), TaskScore(f1, documents), LIMITS["q4_k_m"])
    assert [check.name for check in checks if not check.passed] == failed
    assert MIN_DOCUMENTS == 50
