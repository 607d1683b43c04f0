from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smolkit.data.corpus import Corpus, CorpusWriter, EndOfDocument, open_corpus
from smolkit.data.mixture import Draw
from smolkit.data.packing import Stream, held_out, pack, pack_documents
from smolkit.data.render import IGNORED

MakeCorpus = Callable[..., Corpus]


@pytest.fixture
def make_corpus(tmp_path: Path) -> MakeCorpus:
    """A corpus of documents, each of which is its number again and again, several shards of them."""

    def make(documents: int = 60, longest: int = 9, shard_tokens: int = 100) -> Corpus:
        rng = np.random.default_rng(0)
        lengths = rng.integers(1, longest, documents)
        with CorpusWriter(
            tmp_path,
            tokenizer="none",
            tokenizer_sha256="0",
            vocab_size=1000,
            end_of_document=EndOfDocument("<end>", 0),
            shard_tokens=shard_tokens,
        ) as writer:
            ids = np.repeat(np.arange(documents), lengths)
            writer.add(ids, lengths.cumsum(), [f"document {number}" for number in range(documents)])
            writer.finish({})
        return open_corpus(tmp_path)

    return make


def test_a_pass_holds_every_document_once_in_an_order_of_its_own(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    assert len(corpus.shards) > 1
    stream = Stream(corpus, "web", seed=1)
    first, second = (stream.read(turn * stream.tokens, stream.tokens)[0] for turn in (0, 1))
    everything = np.concatenate([shard.tokens for shard in corpus.shards])
    assert sorted(first) == sorted(second) == sorted(everything)
    assert first.tolist() != second.tolist() != everything.tolist()
    assert Stream(corpus, "web", seed=2).read(0, 50)[0].tolist() != first[:50].tolist()
    assert Stream(corpus, "code", seed=1).read(0, 50)[0].tolist() != first[:50].tolist()


def test_any_position_is_read_as_if_everything_before_it_had_been(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    whole, _ = Stream(corpus, "web", seed=1).read(0, 700)
    fresh = Stream(corpus, "web", seed=1)
    for start in (699, 0, 350, 7, 133):
        count = min(40, 700 - start)
        assert fresh.read(start, count)[0].tolist() == whole[start : start + count].tolist()


def test_fragments_say_which_documents_a_sequence_holds(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    ids, fragments = Stream(corpus, "web", seed=1).read(3, 50)
    assert sum(fragment.length for fragment in fragments) == 50
    names = [corpus.shards[fragment.shard].document_name(fragment.document) for fragment in fragments]
    shown = np.concatenate(
        [np.full(fragment.length, int(name.split()[1])) for fragment, name in zip(fragments, names, strict=True)]
    )
    assert ids.tolist() == shown.tolist()


def test_documents_held_out_are_never_read(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    count = held_out(corpus.shards[-1], 12)
    stream = Stream(corpus, "web", seed=1, held_out=count)
    read = set(stream.read(0, 3 * stream.tokens)[0].tolist())
    assert read == set(range(corpus.documents - count))
    lengths = np.diff(corpus.shards[-1].ends.astype(int), prepend=0)
    assert lengths[-count:].sum() >= 12 > lengths[len(lengths) - count + 1 :].sum()


def test_no_more_than_half_of_a_shard_is_held_out(make_corpus: MakeCorpus) -> None:
    shard = make_corpus().shards[-1]
    assert held_out(shard, int(shard.ends[-1]) // 3) > 0
    assert held_out(shard, 10**9) == 0
    one = replace(shard, ends=shard.ends[:1])
    assert held_out(one, 1) == 0


def test_targets_are_the_next_token_of_the_same_document(make_corpus: MakeCorpus) -> None:
    stream = Stream(make_corpus(), "web", seed=1)
    batch = pack([(4, Draw("web", 3, 16)), (5, Draw("web", 19, 16))], {"web": stream})
    assert sum(batch.lengths) == len(batch.ids) == 32
    assert batch.sequences.tolist() == [4] * 16 + [5] * 16
    ends = np.cumsum(batch.lengths)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        assert batch.positions[start:end].tolist() == list(range(end - start))
        assert set(batch.ids[start:end].tolist()) == {batch.ids[start]}  # one document
        assert (batch.targets[start : end - 1] == batch.ids[start + 1 : end]).all()
    following = stream.read(35, 1)[0][0]
    assert batch.targets[-1] == (following if following == batch.ids[-1] else IGNORED)
    assert batch.labels == (batch.targets != IGNORED).sum() < 32


def test_documents_may_run_on_through_a_sequence(make_corpus: MakeCorpus) -> None:
    stream = Stream(make_corpus(), "web", seed=1)
    batch = pack([(0, Draw("web", 3, 16)), (1, Draw("web", 19, 16))], {"web": stream}, isolate=False)
    assert batch.lengths == (16, 16)
    assert batch.targets.tolist() == stream.read(4, 32)[0].tolist()
    assert batch.positions.tolist() == [*range(16), *range(16)]


def test_whole_documents_are_packed_alone(make_corpus: MakeCorpus) -> None:
    batches = pack_documents([np.array([1, 2, 3]), np.array([4, 5]), np.array([6, 7, 8, 9])], max_tokens=6)
    assert [batch.lengths for batch in batches] == [(3, 2), (4,)]
    assert batches[0].targets.tolist() == [2, 3, IGNORED, 5, IGNORED]


def test_no_document_sees_another(make_corpus: MakeCorpus, tiny_llama) -> None:
    """Changing one document of a packed sequence changes no other document's loss, not by a bit."""
    from smolkit.train.language_model import LanguageModel, TokenBatch

    model = LanguageModel(tiny_llama)
    stream = Stream(make_corpus(longest=30), "web", seed=1)
    batch = pack([(0, Draw("web", 0, 64)), (1, Draw("web", 64, 64))], {"web": stream})
    assert len(batch.lengths) > 4

    def losses(ids: np.ndarray) -> torch.Tensor:
        changed = type(batch)(ids, batch.positions, batch.targets, batch.lengths, batch.sequences)
        tokens = TokenBatch.of(changed, torch.device("cpu"), torch.float32)
        whole = torch.full((128,), torch.nan)
        whole[tokens.at] = model(tokens, 1.0)[1]
        return whole

    before = losses(batch.ids)
    start, end = batch.lengths[0], batch.lengths[0] + batch.lengths[1]
    ids = batch.ids.copy()
    ids[start:end] = (ids[start:end] + 17) % 256
    after = losses(ids)
    outside = torch.ones(128, dtype=torch.bool)
    outside[start:end] = False
    assert torch.equal(before[outside].nan_to_num(), after[outside].nan_to_num())
    assert not torch.equal(before[~outside].nan_to_num(), after[~outside].nan_to_num())


def test_packed_documents_have_the_loss_and_the_gradient_of_documents_run_alone(
    make_corpus: MakeCorpus, tiny_llama
) -> None:
    """Against transformers' own forward pass, one document at a time; its norms are float32 also in float64."""
    from smolkit.train.language_model import LanguageModel, TokenBatch

    causal = tiny_llama.double()
    stream = Stream(make_corpus(longest=30), "web", seed=1)
    batch = pack([(0, Draw("web", 0, 64)), (1, Draw("web", 64, 64))], {"web": stream})
    alone = []
    for part in np.split(np.arange(128), np.cumsum(batch.lengths)[:-1]):
        logits = causal(input_ids=torch.from_numpy(batch.ids[part])[None]).logits[0]
        targets = torch.from_numpy(batch.targets[part])
        alone.append(torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
    torch.stack(alone).sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in causal.named_parameters()}
    causal.zero_grad()
    loss, each = LanguageModel(causal)(TokenBatch.of(batch, torch.device("cpu"), torch.float64), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(torch.stack(alone).sum().item(), rel=1e-7)
    assert each.sum().item() == pytest.approx(loss.item(), rel=1e-12)
    for name, parameter in causal.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-5)
