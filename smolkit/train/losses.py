"""What training minimises: the cross-entropy of answers, and how much better a chosen answer does than a rejected one.

Losses are sums over a micro-batch, in float32; whoever takes a step divides by the terms of the whole step, so that
neither packing nor accumulation changes a loss. Batches are packed; logits exist at the positions that predict
something learnt and nowhere else: the vocabulary is a fifth of a small model's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import linear, logsigmoid

from smolkit.data.batches import MicroBatch, Packed, collate
from smolkit.data.pairs import PackedPairs, Pair, collate_pairs
from smolkit.data.render import IGNORED, Example
from smolkit.models.functions import cross_entropy_sum
from smolkit.models.packed import Rows, hidden_states
from smolkit.models.vision import embed, image_features, language_model

if TYPE_CHECKING:
    from smolkit.data.tiles import TileLoader
    from smolkit.train.dpo import Dpo


class AnswerObjective:
    """The mean cross-entropy per token of the answers."""

    names: tuple[str, ...] = ()

    def __init__(self, examples: Sequence[Example], pad_id: int):
        self.examples, self.pad_id = examples, pad_id

    def collate(self, micro: MicroBatch) -> Packed:
        return collate(micro, self.examples, self.pad_id)

    def weight(self, batch: Packed) -> int:
        return int((batch["labels"] != IGNORED).sum())

    def loss(self, model: torch.nn.Module, batch: Packed) -> torch.Tensor:
        return answer_loss(model, batch)

    def figures(self) -> dict[str, float]:
        return {}


class PreferenceObjective:
    """The mean DPO loss of pairs (`preference_losses`), and what the model thinks of their answers.

    `reference` holds the log-probabilities of each pair's answers, chosen and rejected, under the initial weights.
    """

    names: tuple[str, ...] = (
        "reward_chosen", "reward_rejected", "reward_margin", "reward_accuracy", "logprob_chosen", "logprob_rejected",
    )  # fmt: skip

    def __init__(
        self,
        pairs: Sequence[Pair],
        reference: Sequence[tuple[float, float]],
        pad_id: int,
        dpo: Dpo,
    ):
        self.pairs, self.pad_id = pairs, pad_id
        self.reference = torch.tensor(reference, dtype=torch.float32)
        self.dpo = dpo
        self._seen: list[torch.Tensor] = []

    def collate(self, micro: MicroBatch) -> dict[str, Any]:
        return {"pairs": collate_pairs(micro, self.pairs, self.pad_id), "reference": self.reference[list(micro.rows)]}

    def weight(self, batch: dict[str, Any]) -> int:
        return len(batch["reference"])

    def loss(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        found = answer_log_probs(model, batch["pairs"])
        rewards = self.dpo.beta * (found - batch["reference"])
        self._seen.append(torch.cat([rewards, found], dim=1).detach())
        return preference_losses(rewards, self.dpo.label_smoothing).sum()

    def figures(self) -> dict[str, float]:
        seen, self._seen = torch.cat(self._seen), []
        margins = seen[:, 0] - seen[:, 1]
        means = [*seen[:, :2].mean(0), margins.mean(), (margins > 0).float().mean(), *seen[:, 2:].mean(0)]
        return dict(zip(self.names, (float(mean) for mean in means), strict=True))


def answer_loss(model: torch.nn.Module, batch: Packed, embedded: torch.Tensor | None = None) -> torch.Tensor:
    """Sum of the cross-entropies at labelled positions, float32 scalar; `embedded` as in `hidden_states`."""
    causal = causal_model(model)
    labels = batch["labels"][1:]
    at = (labels != IGNORED).nonzero().squeeze(1)
    rows = Rows(batch["lengths"], batch["shared"])
    hidden = hidden_states(causal, batch["input_ids"], batch["position_ids"], rows, at, embedded)
    return cross_entropy_sum(causal.lm_head(hidden), labels[at])


class VisionObjective(AnswerObjective):
    """The mean cross-entropy per token of answers about images; its batches also hold the tiles of those."""

    def __init__(self, examples: Sequence[Any], pad_id: int, tiles: TileLoader):
        super().__init__(examples, pad_id)
        self.tiles = tiles
        self._language: tuple[torch.nn.Module, Any] | None = None

    def collate(self, micro: MicroBatch) -> Any:
        return {**super().collate(micro), "tiles": torch.from_numpy(self.tiles.take(micro))}

    def loss(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        whole = causal_model(model)
        if self._language is None or self._language[0] is not whole:
            self._language = whole, language_model(whole)
        ids = batch["input_ids"]
        seen = embed(whole, ids, image_features(whole, batch["tiles"])) if len(batch["tiles"]) else None
        return answer_loss(self._language[1], batch, seen)


def answer_log_probs(model: torch.nn.Module, batch: PackedPairs) -> torch.Tensor:
    """The log-probability of each whole answer given its prompt, float32 [pairs, 2]: chosen, rejected."""
    causal = causal_model(model)
    rows = Rows(batch["lengths"], after=batch["after"])
    hidden = hidden_states(causal, batch["input_ids"], batch["position_ids"], rows, batch["at"])
    logits = _accurate_logits(causal.lm_head, hidden)
    lengths = batch["answer_lengths"]
    answers = zip(logits.split(lengths), batch["targets"].split(lengths), strict=True)
    return -torch.stack([cross_entropy_sum(logits, targets) for logits, targets in answers]).view(-1, 2)


def _accurate_logits(head: torch.nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """In bfloat16 a logit is off by up to a sixteenth; summed over an answer that is more than what a step changes."""
    if type(head) is not torch.nn.Linear:  # adapters may sit on it
        return head(hidden).float()
    bias = None if head.bias is None else head.bias.float()
    return linear(hidden.float(), head.weight.float(), bias)


def preference_losses(rewards: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """The DPO loss of each pair, [pairs], from rewards [pairs, 2]: beta times how far the log-probabilities have moved.

    Source: arXiv:2305.18290, equation 7. With `label_smoothing`, the loss for labels of which that share is wrong
    (conservative DPO, https://ericmitchell.ai/cdpo.pdf).
    """
    margins = rewards[:, 0] - rewards[:, 1]
    return -(1 - label_smoothing) * logsigmoid(margins) - label_smoothing * logsigmoid(-margins)


def causal_model(model: torch.nn.Module) -> Any:
    """The language model itself, which adapters may wrap."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
