"""The numeric gate: an exported file answers as the source model does in torch float32, or it is refused.

The reference is computed once and every file is compared with it, through whatever runtime the target is made for: the
runtime is a `Candidate` here, and this module knows neither its file format nor the task that the model learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from smolkit.export import probes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

GREEDY_TOKENS = 32
MIN_DOCUMENTS = 50
"""Fewer documents say too little about a drop of one or two hundredths of F1."""


@dataclass(frozen=True)
class Limits:
    """What one way of storing the weights may cost. `reason` says what was measured when the limits were chosen."""

    max_abs: float | None
    """Largest difference of a logit, prefill or cached decode; None where rounding alone makes it meaningless."""
    kl: float
    """Mean over positions of KL(torch || candidate), in nats; prefill and cached decode each."""
    top1: float
    """Least share of positions with the same most likely token."""
    decode_gap: float
    """Largest difference of a logit between prefill and cached decode, within the candidate."""
    greedy: float
    """Least share of equal choices over the greedy continuations."""
    f1_drop: float
    """Largest loss of the task's F1, where rows are given."""
    reason: str


# Measured on SmolLM2-135M-Instruct, whose weights had been rounded to four bits before, and on two models fine-tuned
# from it; the figures are the worst of the three.
# Faults are far outside in float16: an unpermuted query has a KL of 2.5, a rotary base of 10000 in place of 100000 one
# of 0.09, a layer without output 0.2, the last attention without it 0.04.
LIMITS: dict[str, Limits] = {
    "f32": Limits(0.01, 1e-5, 0.99, 0.01, 0.98, 0.01, "Same arithmetic, other order: max-abs 0.0002, KL under 1e-6."),
    "f16": Limits(0.5, 1e-4, 0.97, 0.5, 0.96, 0.01, "Activations are rounded to float16: max-abs 0.08, KL 6e-6."),
    "bf16": Limits(3.0, 2e-3, 0.96, 2.0, 0.95, 0.01, "Eight bits of mantissa: max-abs 0.6, KL 2.3e-4, top-1 0.989."),
    "q8_0": Limits(12.0, 0.02, 0.90, 5.0, 0.90, 0.01, "8-bit activations too: max-abs 3.4, KL 0.006, top-1 0.954."),
    "q6_k": Limits(None, 0.05, 0.87, 5.0, 0.88, 0.02, "KL 0.015, top-1 0.926, greedy 0.958; F1 0.014 lower."),
    "q5_k_m": Limits(None, 0.12, 0.80, 5.0, 0.85, 0.02, "KL 0.031, top-1 0.903, greedy 0.958."),
    "q4_k_m": Limits(None, 0.2, 0.72, 5.0, 0.80, 0.02, "KL 0.037, top-1 0.884, greedy 0.948."),
    "iq4_nl": Limits(None, 0.3, 0.70, 5.0, 0.75, 0.03, "KL 0.085, top-1 0.859, greedy 0.885."),
    "q4_0": Limits(None, 0.2, 0.72, 5.0, 0.80, 0.02, "The codes of q4f16: KL 0.09, top-1 0.845, greedy 0.927."),
}

# ONNX. At 8 and 4 bits the CPU's kernels round activations to 8 bits as well.
LIMITS |= {
    "fp32": Limits(0.01, 1e-5, 0.99, 0.01, 0.98, 0.01, "Same arithmetic, other order: max-abs 0.0002, KL under 1e-6."),
    "fp16": Limits(0.5, 1e-4, 0.97, 0.5, 0.96, 0.01, "Weights, activations and cache in float16: max-abs 0.12."),
    "q8": Limits(
        12.0, 0.02, 0.90, 5.0, 0.90, 0.01, "8-bit weights and activations: max-abs 3.4, KL 0.006, top-1 0.954."
    ),
    "q4": Limits(
        None, 0.2, 0.72, 5.0, 0.80, 0.02, "Calibrated, within its budget: KL 0.056, top-1 0.896, greedy 0.979."
    ),
    "q4f16": Limits(
        None, 0.2, 0.72, 5.0, 0.80, 0.02, "The same in a smaller budget: KL 0.092, top-1 0.855, greedy 0.948."
    ),
}


class Candidate(Protocol):
    """An exported file, opened by the runtime that it is made for."""

    def encode(self, text: str, *, special: bool) -> list[int]:
        """Token ids by the file's own tokenizer; `special` says whether markers in the text mean special tokens."""

    def ends(self, token: int) -> bool:
        """Whether the runtime stops at this token."""

    def prefill(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Logits after every token of a sequence run at once, float32 [tokens, vocabulary]."""

    def decode(self, prompt: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float32]:
        """Logits that predict each token of `continuation`, float32 [tokens, vocabulary].

        The prompt runs at once, the continuation token by token on its cache.
        """

    def close(self) -> None: ...


class TaskScore(NamedTuple):
    """Micro F1 of a model on a task's rows, and how many there were."""

    f1: float
    documents: int


TaskScorer = Callable[[Path, str | None], TaskScore]
"""Scores a model directory in torch float32, or an exported file in its own runtime, on the same rows."""


@dataclass(frozen=True)
class Check:
    """One figure against its limit; without a limit it is only reported. A figure that is no number fails."""

    name: str
    value: float
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def passed(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_dict(self) -> dict[str, Any]:
        value = self.value if math.isfinite(self.value) else None
        bound = {} if self.limit is None else {"at_least" if self.at_least else "at_most": self.limit}
        return {"value": value, **bound, "passed": self.passed, **({"note": self.note} if self.note else {})}

    def __str__(self) -> str:
        side = "under" if self.at_least else "over"
        return f"{self.name} {self.value:.4g} is {side} {self.limit:.4g}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Case:
    """One prompt with its greedy continuation and the reference's logits after every token but the last."""

    name: str
    prompt: list[int]
    continuation: list[int]
    logits: NDArray[np.float32]
    """[len(prompt) + len(continuation) - 1, vocabulary]."""

    @property
    def sequence(self) -> list[int]:
        return self.prompt + self.continuation[:-1]

    @property
    def predictions(self) -> slice:
        """The rows of `logits` that predict the continuation."""
        return slice(len(self.prompt) - 1, None)


@dataclass(frozen=True)
class Reference:
    """What the source model answers, and how its tokenizer cuts text."""

    cases: list[Case]
    encodings: Sequence[tuple[str, bool, list[int]]]
    end_ids: frozenset[int]

    @property
    def longest(self) -> int:
        return max(len(case.sequence) for case in self.cases)

    def surest(self, least: int, count: int = 8) -> tuple[list[int], list[int]]:
        """A beginning of at least `least` tokens and the `count` greedy ones after it, chosen for their margin.

        The least of the margins between best and second best logit is the largest there is: rounding does not turn
        these choices over, a fault does.
        """
        found: tuple[float, list[int], list[int]] = (-math.inf, [], [])
        for case in self.cases:
            best = np.sort(case.logits, axis=-1)[:, -2:]
            margins = best[:, 1] - best[:, 0]
            for start in range(max(len(case.prompt), least), len(case.sequence) - count + 2):
                margin = float(margins[start - 1 : start - 1 + count].min())
                whole = case.prompt + case.continuation
                found = max(found, (margin, whole[:start], whole[start : start + count]))
        return found[1], found[2]


def make_reference(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, prompt_format: str | None, end_ids: frozenset[int]
) -> Reference:
    """Run the float32 source model on the three prompts; it goes on greedily, past an end token if one comes."""
    prompts = probes.prompts(tokenizer, prompt_format)
    cases = [Case(name, ids, *run(model, ids)) for name, ids in prompts.items()]
    return Reference(cases, probes.encodings(tokenizer), end_ids)


def check_candidate(candidate: Candidate, reference: Reference, limits: Limits) -> list[Check]:
    """Every figure of one opened file: tokenizer, end tokens, logits, greedy choices."""
    return [
        *_check_tokens(candidate, reference),
        *check_logits([Compared.of(candidate, case) for case in reference.cases], limits),
    ]


def check_task(source: TaskScore, exported: TaskScore, limits: Limits) -> list[Check]:
    """The task's F1 in the file's runtime against the source model's."""
    return [
        Check("documents", exported.documents, MIN_DOCUMENTS, at_least=True),
        Check("f1", exported.f1, note=f"source {source.f1:.4f}"),
        Check("f1_drop", source.f1 - exported.f1, limits.f1_drop),
    ]


def run(model: PreTrainedModel, prompt: list[int], **seen: Any) -> tuple[list[int], NDArray[np.float32]]:
    """The greedy continuation of a prompt, and the logits of both but the last token.

    `seen` are the images that stand in the prompt, as the model's forward takes them.
    """
    import torch
    from transformers import DynamicCache

    from smolkit.models import cache_argument

    continuation: list[int] = []
    with torch.inference_mode():
        cache, ids, images = {cache_argument(model): DynamicCache(config=model.config)}, torch.tensor([prompt]), seen
        for _ in range(GREEDY_TOKENS):
            step = model(ids, use_cache=True, logits_to_keep=1, **cache, **images)
            continuation.append(int(step.logits[0, -1].argmax()))
            ids, images = torch.tensor([continuation[-1:]]), {}
        # All logits come from one pass without a cache, which has no rounding of its own to explain.
        logits = model(torch.tensor([prompt + continuation[:-1]]), use_cache=False, **seen).logits[0].float().numpy()
    return continuation, logits


def _check_tokens(candidate: Candidate, reference: Reference) -> list[Check]:
    wrong = [text for text, special, ids in reference.encodings if candidate.encode(text, special=special) != ids]
    unknown = [token for token in sorted(reference.end_ids) if not candidate.ends(token)]
    return [
        Check("tokenizer_differences", len(wrong), 0, note=f"first {wrong[0]!r}" if wrong else ""),
        Check("end_tokens_missed", len(unknown), 0, note=f"ids {unknown}" if unknown else ""),
    ]


@dataclass(frozen=True)
class Compared:
    """One case, run by the candidate at once and token by token, as figures per position."""

    prefill_abs: float
    decode_abs: float
    decode_gap: float
    prefill_kl: NDArray[np.float64]
    decode_kl: NDArray[np.float64]
    top1: NDArray[np.bool_]
    greedy: NDArray[np.bool_]
    misses: NDArray[np.float32]
    """Where the greedy choices differ: the reference's best logit less its logit of the candidate's choice."""

    @classmethod
    def of(cls, candidate: Candidate, case: Case) -> Compared:
        prefill = candidate.prefill(case.sequence)
        decoded = candidate.decode(case.prompt, case.continuation)
        wanted = case.logits[case.predictions]
        chosen = decoded.argmax(axis=-1)
        greedy = chosen == np.array(case.continuation)
        lost = wanted.max(axis=-1) - np.take_along_axis(wanted, chosen[:, None], axis=-1)[:, 0]
        return cls(
            prefill_abs=float(np.abs(prefill - case.logits).max()),
            decode_abs=float(np.abs(decoded - wanted).max()),
            decode_gap=float(np.abs(decoded - prefill[case.predictions]).max()),
            prefill_kl=kl_divergence(case.logits, prefill),
            decode_kl=kl_divergence(wanted, decoded),
            top1=prefill.argmax(axis=-1) == case.logits.argmax(axis=-1),
            greedy=greedy,
            misses=lost[~greedy],
        )


def check_logits(cases: Sequence[Compared], limits: Limits) -> list[Check]:
    def mean(name: str) -> float:
        return float(np.concatenate([getattr(case, name) for case in cases]).mean())

    misses = np.concatenate([case.misses for case in cases])
    note = f"{len(misses)} other choices, at most {misses.max():.3f} below the best logit" if len(misses) else ""
    return [
        # Not max(): it would pass over a NaN.
        Check("prefill_max_abs", float(np.max([case.prefill_abs for case in cases])), limits.max_abs),
        Check("decode_max_abs", float(np.max([case.decode_abs for case in cases])), limits.max_abs),
        Check("prefill_decode_gap", float(np.max([case.decode_gap for case in cases])), limits.decode_gap),
        Check("prefill_kl", mean("prefill_kl"), limits.kl),
        Check("decode_kl", mean("decode_kl"), limits.kl),
        Check("top1_agreement", mean("top1"), limits.top1, at_least=True),
        Check("greedy_agreement", mean("greedy"), limits.greedy, at_least=True, note=note),
    ]


def kl_divergence(reference: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(softmax(reference) || softmax(other)) of every row of logits, in nats."""
    import torch

    found = []
    # Some rows at a time, for which the processor's cache has room; in float64, where equal rows give zero.
    for p, q in zip(torch.from_numpy(reference).split(8), torch.from_numpy(other).split(8), strict=True):
        log_p, log_q = p.double().log_softmax(dim=-1), q.double().log_softmax(dim=-1)
        found.append((log_p.exp() * (log_p - log_q)).sum(dim=-1))
    divergence: NDArray[np.float64] = torch.cat(found).numpy()
    return divergence
