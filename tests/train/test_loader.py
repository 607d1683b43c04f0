from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smolkit.data.corpus import CorpusWriter, EndOfDocument
from smolkit.data.render import IGNORED
from smolkit.errors import DataError
from smolkit.train.loader import Loader, held_out_batches, open_sources
from smolkit.train.parallel import World


def opened(recipe, world: World = World()):  # noqa: B008
    return open_sources(recipe, recipe.spec(), world)


def loader(recipe, world: World) -> Loader:
    sources = opened(recipe)
    return Loader(recipe, sources.corpora, sources.held_out, recipe.mixture(), world)


def test_ranks_share_out_the_sequences_of_a_step_and_lose_none(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe()
    for step in (0, 3, 7):
        with loader(recipe, World()) as alone:
            whole = alone.load(step)
        parts = []
        for rank in range(4):
            with loader(recipe, World(rank=rank, size=4, device=torch.device("cpu"))) as shared:
                parts.append(shared.load(step))
        assert all(part.draws == whole.draws for part in parts)
        ids = [np.concatenate([batch.ids for batch in part.micro]) for part in (whole, *parts)]
        assert ids[0].tolist() == np.concatenate(ids[1:]).tolist()
        assert torch.equal(sum(part.counts for part in parts), whole.counts)


def test_batches_ahead_are_those_of_their_step(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe()
    with loader(recipe, World()) as ahead, loader(recipe, World()) as fresh:
        for step in (0, 1, 2, 5, 6, 7):
            data, waited = ahead.next(step)
            assert waited >= 0
            assert [batch.ids.tolist() for batch in data.micro] == [b.ids.tolist() for b in fresh.load(step).micro]


def test_the_worst_sequences_are_named_by_their_documents(make_pretrain_recipe) -> None:
    with loader(make_pretrain_recipe(), World()) as opened_loader:
        data = opened_loader.load(0)
        sums = torch.arange(len(data.draws), dtype=torch.float32) * data.counts
        worst = opened_loader.worst(data, sums, data.counts)
    assert [sequence["loss"] for sequence in worst] == [7.0, 6.0, 5.0]
    assert worst[0]["source"] == data.draws[7].source
    assert worst[0]["documents"]


def test_held_out_documents_stand_alone_and_are_cut_to_a_sequence(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe(validation={"every": 1, "tokens": 300})
    sources = opened(recipe)
    for name, corpus in sources.corpora.items():
        batches = held_out_batches(corpus, sources.held_out[name], 300, 32, 64)
        assert 2 <= sum(len(batch.ids) for batch in batches) <= 300
        assert all(len(batch.ids) <= 64 and max(batch.lengths) <= 32 for batch in batches)
        assert all((batch.targets == IGNORED).sum() == len(batch.lengths) for batch in batches)


def test_a_missing_corpus_is_named_or_made(make_pretrain_recipe, tmp_path: Path, two_corpora: Path) -> None:
    recipe = make_pretrain_recipe(
        sources={"prose": {"corpus": str(two_corpora / "prose")}, "code": {"corpus": str(tmp_path / "none")}}
    )
    with pytest.raises(DataError, match=r"none: the corpus of source code is not there\. Make it with smolkit data"):
        opened(recipe)
    made = []

    def make(name: str) -> None:
        made.append(name)
        (tmp_path / "none").symlink_to(two_corpora / "code")

    assert open_sources(recipe, recipe.spec(), World(), make).corpora["code"].documents == 24
    assert made == ["code"]


def write_corpus(folder: Path, *, sha256: str, end: EndOfDocument | None) -> None:
    folder.mkdir()
    with CorpusWriter(
        folder, tokenizer="other", tokenizer_sha256=sha256, vocab_size=49152, end_of_document=end
    ) as writer:
        writer.add(np.arange(100), np.array([50, 100]), ["a", "b"])
        writer.finish({})


def test_a_corpus_of_another_tokenizer_is_refused(make_pretrain_recipe, tmp_path: Path, two_corpora: Path) -> None:
    write_corpus(tmp_path / "code", sha256="0" * 64, end=None)
    sources = {"prose": {"corpus": str(two_corpora / "prose")}, "code": {"corpus": str(tmp_path / "code")}}
    with pytest.raises(DataError, match=r"made with the tokenizer of other, which is not that of bundled\. Tokenise"):
        opened(make_pretrain_recipe(sources=sources))


def test_corpora_must_agree_on_what_ends_a_document(make_pretrain_recipe, tmp_path: Path, two_corpora: Path) -> None:
    from smolkit.data.corpus import open_corpus

    digest = open_corpus(two_corpora / "prose").tokenizer_sha256
    write_corpus(tmp_path / "code", sha256=digest, end=None)
    sources = {"prose": {"corpus": str(two_corpora / "prose")}, "code": {"corpus": str(tmp_path / "code")}}
    with pytest.raises(DataError, match="do not agree on the token that ends a document: prose 0, code None"):
        opened(make_pretrain_recipe(sources=sources))


def test_a_branch_reads_on_from_the_trunk(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe()
    sources = opened(recipe)
    mixture = recipe.mixture()
    rest = mixture.after(6, mixture.position(6))
    with Loader(recipe, sources.corpora, sources.held_out, rest, World()) as branch:
        assert branch.first == 6
        data = branch.load(6)
    assert data.stage == "decay"
    assert all(draw.start >= mixture.position(6)[draw.source] for draw in data.draws)
    assert replace(data.draws[0], start=0).count == 64
