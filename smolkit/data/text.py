"""What a recipe says of text: where documents come from, and which of them are good enough to be tokenised.

`Text` names one origin, `Filters` what is dropped. Reading them is `smolkit.data.documents`, judging them
`smolkit.data.quality`; this module only holds and checks the fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from smolkit.recipe import Section

PYTHON_PARTS = ("library", "tests", "topics", "docstrings")
"""What ships with Python itself: modules, their tests, its help texts, what its modules say of themselves."""


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _numbered(value: Any) -> Any:
    """JSON knows no keys but strings."""
    if not isinstance(value, dict):
        return value
    return {int(key) if isinstance(key, str) and key.isdigit() else key: share for key, share in value.items()}


def _switched(value: Any) -> Any:
    """`true` takes the defaults of a section, `false` leaves it out."""
    if isinstance(value, bool):
        return {} if value else None
    return value


Paths = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_Share = Annotated[float, Field(gt=0, le=1)]
_SharesByWords = Annotated[dict[int, _Share], BeforeValidator(_numbered)]


class Text(Section):
    """Documents of one origin: files, a Hub data set, or the text that comes with Python."""

    path: Paths | None = Field(None, min_length=1)
    """Files, directories or patterns: .jsonl, .jsonl.gz, .parquet, or plain text, where a file is a document."""
    hub: str | None = None
    """A data set, as owner/name; it is streamed."""
    config: str | None = None
    """Of the Hub data set, such as sample-10BT."""
    split: str = "train"
    """Of the Hub data set."""
    revision: str | None = None
    """Of the Hub data set: a commit or a tag; with none, what is newest."""
    python: Literal["library", "tests", "topics", "docstrings"] | None = None
    """A part of what ships with Python: real text on every machine, for runs that have no other."""
    text_field: str = "text"
    """Where a row has its text."""
    id_field: str = "id"
    """Where a row has its name; rows without one are called by their file and number."""
    documents: int | None = Field(None, ge=1)
    """Read so many at most: the first, or with a seed any."""
    seed: int | None = Field(None, ge=0)
    """Which documents are taken where not all are; of a Hub data set, from a buffer of 10,000."""

    @model_validator(mode="after")
    def _check_origin(self) -> Text:
        origins = [name for name in ("path", "hub", "python") if getattr(self, name) is not None]
        if len(origins) != 1:
            given = " and ".join(origins) or "none"
            raise ValueError(f"text comes from path, hub or python, exactly one of them; given: {given}")
        if self.hub is None:
            for name in ("config", "revision"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} belongs to hub, and the text comes from {origins[0]}")
            if self.split != "train":
                raise ValueError(f"split belongs to hub, and the text comes from {origins[0]}")
        if self.seed is not None and self.documents is None:
            raise ValueError("a seed chooses documents, and all are taken: give documents as well, or leave it out")
        return self


class Repetition(Section):
    """Texts that repeat themselves: the largest shares that are let through. Source: arXiv:2112.11446, table A1."""

    duplicate_lines: _Share | None = 0.3
    duplicate_line_characters: _Share | None = 0.2
    duplicate_paragraphs: _Share | None = 0.3
    duplicate_paragraph_characters: _Share | None = 0.2
    top_ngrams: _SharesByWords = Field({2: 0.20, 3: 0.18, 4: 0.16})
    """Of the characters, by words in a row: what the most frequent one may take."""
    duplicate_ngrams: _SharesByWords = Field({5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10})
    """Of the characters, by words in a row: what may stand in repetitions of earlier ones."""

    @model_validator(mode="after")
    def _check_lengths(self) -> Repetition:
        for name in ("top_ngrams", "duplicate_ngrams"):
            for words in getattr(self, name):
                if not 1 <= words <= 20:
                    raise ValueError(f"{name}: between 1 and 20 words in a row, got {words}")
        return self


class MinHash(Section):
    """Near duplicates: texts that agree in all hashes of some bucket, of which the first is kept.

    The chance for two texts of similarity s is 1 - (1 - s ** hashes_per_bucket) ** buckets: 92 % at 0.8, 5 % at 0.5.
    """

    ngram_words: int = Field(5, ge=1)
    """Words in a row that are compared as one."""
    buckets: int = Field(14, ge=1, le=1000)
    hashes_per_bucket: int = Field(8, ge=1, le=100)
    seed: int = Field(1, ge=0)


class Educational(Section):
    """Only documents whose educational value reaches a threshold, as FineWeb-Edu does."""

    field: str | None = None
    """Rows have their score here."""
    model: str | None = None
    """A directory that `smolkit data educational` wrote; it scores every document."""
    threshold: float = 3.0
    """The least score that is kept."""

    @model_validator(mode="after")
    def _check_scorer(self) -> Educational:
        if (self.field is None) == (self.model is None):
            raise ValueError("scores come from a field of the rows or from a model: give one of the two")
        return self


class Filters(Section):
    """What is dropped; nothing by default, but empty documents always are. Duplicates are looked for among the rest."""

    min_chars: int | None = Field(None, ge=1)
    max_chars: int | None = Field(None, ge=1)
    min_words: int | None = Field(None, ge=1)
    """Words are what white space separates."""
    repetition: Annotated[Repetition | None, BeforeValidator(_switched)] = None
    """`true`, or limits of your own."""
    educational: Educational | None = None
    exact_dedup: bool = False
    """Documents equal to an earlier one, case and white space apart."""
    minhash: Annotated[MinHash | None, BeforeValidator(_switched)] = None
    """`true`, or figures of your own."""

    @model_validator(mode="after")
    def _check_bounds(self) -> Filters:
        if self.min_chars is not None and self.max_chars is not None and self.min_chars > self.max_chars:
            raise ValueError(
                f"min_chars is {self.min_chars:,} and max_chars {self.max_chars:,}: nothing is let through"
            )
        return self
