"""A run's corpora, opened and checked, and its batches, made one step ahead of the training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from smolkit.data.corpus import Corpus, check_tokenizer, open_corpus
from smolkit.data.mixture import Draw, Mixture
from smolkit.data.packing import Batch, Stream, held_out, pack, pack_documents
from smolkit.data.render import IGNORED
from smolkit.errors import DataError
from smolkit.manifest import sha256_file
from smolkit.models import load_tokenizer, resolve
from smolkit.models.zoo import ModelSpec
from smolkit.train.pretrain_recipe import PretrainRecipe

if TYPE_CHECKING:
    from smolkit.train.parallel import World

_NAMED = 3
"""Sequences of a spike that are named."""


@dataclass(frozen=True)
class Sources:
    """The corpora of a run by source."""

    corpora: dict[str, Corpus]
    held_out: dict[str, int]
    """Documents of each, its last, that are not trained on."""
    available: dict[str, int]
    """Tokens of each that one pass trains on."""
    tokenizer: Any


def open_sources(
    recipe: PretrainRecipe,
    spec: ModelSpec,
    world: World,
    make: Callable[[str], None] | None = None,
    *,
    verify: bool = True,
) -> Sources:
    """Open every corpus, proven by its hashes if `verify`; one that is not there is made by `make(source)` on the
    leading rank.

    Raises DataError for a corpus that is missing, damaged or of another tokenizer.
    """
    tokenizer = load_tokenizer(recipe.tokenizer)
    digest = sha256_file(resolve(recipe.tokenizer) / "tokenizer.json")
    world.lead(lambda: _make_and_prove(recipe, make, verify=verify))
    corpora = {}
    for name in recipe.sources:
        corpus = open_corpus(recipe.corpus_of(name), verify=False)
        check_tokenizer(corpus, digest, spec.vocab, recipe.tokenizer)
        corpora[name] = corpus
    _check_ends(corpora)
    _be_a_base_model(tokenizer, next(iter(corpora.values())))
    kept = {name: _hold_out(recipe, corpus) for name, corpus in corpora.items()}
    available = {name: Stream(corpus, name, 0, kept[name]).tokens for name, corpus in corpora.items()}
    return Sources(corpora, kept, available, tokenizer)


def _make_and_prove(recipe: PretrainRecipe, make: Callable[[str], None] | None, *, verify: bool) -> None:
    for name in recipe.sources:
        directory = recipe.corpus_of(name)
        if not directory.is_dir():
            if make is None:
                raise DataError(
                    f"the corpus of source {name} is not there",
                    where=str(directory),
                    fix=f"Make it with smolkit data tokenize, or set sources.{name}.text",
                )
            make(name)
        elif verify:
            open_corpus(directory)


def _hold_out(recipe: PretrainRecipe, corpus: Corpus) -> int:
    """How many of the last documents of a corpus are for validation alone."""
    if recipe.validation.every is None:
        return 0
    count = held_out(corpus.shards[-1], recipe.validation.tokens)
    if not count or not held_out_batches(corpus, count, recipe.validation.tokens, recipe.sequence, recipe.sequence):
        raise DataError(
            f"too small to hold out {recipe.validation.tokens:,} tokens of whole documents for validation "
            f"({corpus.documents:,} documents, {corpus.tokens:,} tokens)",
            where=str(corpus.directory),
            fix="Set validation.tokens lower, or validation.every to null",
        )
    return count


def _check_ends(corpora: Mapping[str, Corpus]) -> None:
    ends = {corpus.end_of_document for corpus in corpora.values()}
    if len(ends) > 1:
        said = ", ".join(f"{name} {corpus.end_of_document}" for name, corpus in corpora.items())
        raise DataError(
            f"the corpora do not agree on the token that ends a document: {said}", fix="Tokenise them alike"
        )


def _be_a_base_model(tokenizer: Any, corpus: Corpus) -> None:
    """Documents end with one token, and so does what the model generates; there is no chat yet."""
    tokenizer.chat_template = None
    if corpus.end_of_document is not None:
        token = tokenizer.convert_ids_to_tokens(corpus.end_of_document)
        tokenizer.eos_token = tokenizer.bos_token = token


@dataclass(frozen=True)
class StepData:
    """What one rank trains on in one step."""

    stage: str
    draws: list[Draw]
    """All sequences of the step, over all ranks."""
    micro: list[Batch]
    """This rank's share, as it runs through the model."""
    counts: torch.Tensor
    """Targets of every sequence of the step, float32 [sequences]; zero for those of other ranks."""

    @property
    def labels(self) -> int:
        """Targets of this rank."""
        return sum(batch.labels for batch in self.micro)


class Loader:
    """Batches in order, the next one made in a thread while the last one is trained on."""

    def __init__(
        self,
        recipe: PretrainRecipe,
        corpora: Mapping[str, Corpus],
        kept: Mapping[str, int],
        mixture: Mixture,
        world: World,
    ):
        self.recipe, self.corpora, self.mixture, self.world = recipe, corpora, mixture, world
        self.first = recipe.steps - mixture.steps
        self.streams = {name: Stream(corpus, name, recipe.seed, kept[name]) for name, corpus in corpora.items()}
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self.ahead: tuple[int, Future[StepData]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.shutdown(wait=True, cancel_futures=True)

    def next(self, step: int) -> tuple[StepData, float]:
        """The batches of a step, and the seconds that it took until they were there."""
        began = time.perf_counter()
        if self.ahead is None or self.ahead[0] != step:
            self.ahead = (step, self.thread.submit(self.load, step))
        data = self.ahead[1].result()
        waited = time.perf_counter() - began
        following = step + 1
        self.ahead = (following, self.thread.submit(self.load, following)) if following < self.recipe.steps else None
        return data, waited

    def load(self, step: int) -> StepData:
        """The batches of a step: a pure function of it, of the seed and of the rank."""
        local = step - self.first
        stage, draws = self.mixture.stage_of(local), self.mixture.step(local)
        share = len(draws) // self.world.size
        mine = list(enumerate(draws))[self.world.rank * share : (self.world.rank + 1) * share]
        width = max(1, self.recipe.batch.micro_tokens // stage.sequence)
        micro = [
            pack(mine[at : at + width], self.streams, isolate=self.recipe.isolate_documents)
            for at in range(0, share, width)
        ]
        counts = torch.zeros(len(draws))
        for batch in micro:
            labelled = batch.sequences[batch.targets != IGNORED]
            counts += torch.from_numpy(np.bincount(labelled, minlength=len(draws)).astype(np.float32))
        return StepData(stage.name, draws, micro, counts)

    def worst(self, data: StepData, sums: torch.Tensor, counts: torch.Tensor) -> list[dict[str, Any]]:
        """The sequences of a step whose mean losses are the highest, with the names of their documents."""
        means = sums / counts.clamp(min=1)
        found = []
        for number in means.argsort(descending=True)[:_NAMED].tolist():
            draw = data.draws[number]
            _, fragments = self.streams[draw.source].read(draw.start, draw.count)
            shards = self.corpora[draw.source].shards
            names = [shards[fragment.shard].document_name(fragment.document) for fragment in fragments]
            found.append({"source": draw.source, "loss": round(float(means[number]), 4), "documents": names})
        return found


def held_out_batches(corpus: Corpus, documents: int, tokens: int, sequence: int, micro_tokens: int) -> list[Batch]:
    """The last documents of a corpus in pieces of up to `sequence` tokens, each alone, `tokens` in all at most."""
    shard = corpus.shards[-1]
    last = len(shard.ends)
    texts, left = [], tokens
    for index in range(last - documents, last):
        ids = np.asarray(shard.document(index)[:left]).astype(np.int64)
        left -= len(ids)
        pieces = (ids[at : at + sequence] for at in range(0, len(ids), sequence))
        texts += [piece for piece in pieces if len(piece) > 1]
    return pack_documents(texts, max(micro_tokens, sequence))
