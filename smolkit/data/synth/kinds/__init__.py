"""The kinds of documents. Adding one is a file here with `KIND`, and its line in one of the two lists below."""

from __future__ import annotations

from functools import cache

from smolkit.data.synth.kind import Kind
from smolkit.registry import Registry

SEEN = (
    "appointment",
    "command",
    "contract",
    "cv",
    "datasheet",
    "dialogue",
    "event",
    "hotel",
    "invoice",
    "issue",
    "job",
    "mail",
    "news",
    "product",
    "receipt",
    "recipe",
    "rental",
    "restaurant",
    "shipping",
    "transfer",
)
"""Kinds of every split."""

UNSEEN = (
    "book",
    "match",
    "support",
    "ticket",
    "traffic",
    "vehicle",
)
"""Kinds of the test split only."""

REGISTRY = Registry("kind of document", {name: f"smolkit.data.synth.kinds.{name}:KIND" for name in SEEN + UNSEEN})


@cache
def load(name: str) -> Kind:
    """A kind, with its wording parsed."""
    kind: Kind = REGISTRY.load(name)
    return kind
