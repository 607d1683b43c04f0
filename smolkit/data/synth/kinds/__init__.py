"""The kinds of documents. Adding one is a file here with `KIND`, and its line in the registry below."""

from __future__ import annotations

from functools import cache

from smolkit.data.synth.kind import Kind
from smolkit.registry import Registry


def _table(*names: str) -> dict[str, str]:
    return {name: f"smolkit.data.synth.kinds.{name}:KIND" for name in names}


SEEN = Registry(
    "kind of document",
    _table(
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
    ),
)
UNSEEN = Registry(
    "kind of document that only the test split holds",
    _table("book", "match", "support", "ticket", "traffic", "vehicle"),
)


@cache
def load(name: str) -> Kind:
    """A kind, with its wording parsed."""
    kind: Kind = (SEEN if name in SEEN else UNSEEN).load(name)
    return kind
