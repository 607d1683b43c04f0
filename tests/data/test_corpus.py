"""A corpus: what was written comes back, in datatrove's format, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smolkit.data.corpus import CorpusWriter, EndOfDocument, check_tokenizer, open_corpus, token_dtype
from smolkit.errors import DataError, ManifestError
from smolkit.manifest import MANIFEST, Manifest, staged, write

END = EndOfDocument("<end>", 0)


def make(directory: Path, documents, *, vocab_size=1000, shard_tokens=100, at_once=True, end=END):
    """A corpus of documents, lists of ids, which are called d0, d1, ..."""
    with (
        staged(directory) as aside,
        CorpusWriter(
            aside,
            tokenizer="tiny",
            tokenizer_sha256="ab",
            vocab_size=vocab_size,
            end_of_document=end,
            shard_tokens=shard_tokens,
        ) as writer,
    ):
        names = [f"d{number}" for number in range(len(documents))]
        groups = (
            [(documents, names)] if at_once else [([one], [name]) for one, name in zip(documents, names, strict=True)]
        )
        for some, called in groups:
            writer.add(np.concatenate(some), np.cumsum([len(one) for one in some]), called)
        writer.finish({"dropped": {}})
    return directory


def read_back(corpus):
    return [shard.document(index).tolist() for shard in corpus.shards for index in range(len(shard.ends))]


def rewrite(directory: Path, **details):
    """Another manifest over the files that lie there."""
    said = json.loads((directory / MANIFEST).read_text())["details"] | details
    write(directory, Manifest(kind="corpus", details=said))


DOCUMENTS = [[7, 8, 0], [9, 0], [1, 2, 3, 4, 0], [5, 0], [6, 6, 6, 0]]


def test_documents_come_back_in_order_with_their_names(tmp_path):
    corpus = open_corpus(make(tmp_path / "c", DOCUMENTS))
    assert read_back(corpus) == DOCUMENTS
    assert (corpus.tokens, corpus.documents, corpus.vocab_size, corpus.end_of_document) == (16, 5, 1000, 0)
    assert (corpus.tokenizer, corpus.tokenizer_sha256) == ("tiny", "ab")
    assert corpus.lengths().tolist() == [3, 2, 5, 2, 4]
    assert [corpus.shards[0].document_name(index) for index in (4, 0, 2)] == ["d4", "d0", "d2"]


def test_files_are_as_datatrove_writes_them(tmp_path):
    directory = make(tmp_path / "c", DOCUMENTS)
    assert np.fromfile(directory / "00000.ds", "<u2").tolist() == [one for document in DOCUMENTS for one in document]
    assert np.fromfile(directory / "00000.ds.index", "<u8").tolist() == [3, 5, 10, 12, 16]


@pytest.mark.parametrize("at_once", [True, False])
def test_shards_end_between_documents_and_a_long_document_has_one_of_its_own(tmp_path, at_once):
    corpus = open_corpus(make(tmp_path / "c", DOCUMENTS, shard_tokens=4, at_once=at_once))
    assert [(shard.name, len(shard.tokens)) for shard in corpus.shards] == [
        ("00000", 3), ("00001", 2), ("00002", 5), ("00003", 2), ("00004", 4)
    ]  # fmt: skip
    assert read_back(corpus) == DOCUMENTS
    assert corpus.shards[3].document_name(0) == "d3"


def test_how_documents_are_handed_over_makes_no_difference(tmp_path):
    one, other = (make(tmp_path / str(flag), DOCUMENTS, shard_tokens=7, at_once=flag) for flag in (True, False))
    for file in sorted(one.glob("*.ds*")):
        assert file.read_bytes() == (other / file.name).read_bytes()


def test_large_vocabularies_take_32_bits(tmp_path):
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    corpus = open_corpus(make(tmp_path / "c", [[70_000, 0]], vocab_size=100_000, end=None))
    assert read_back(corpus) == [[70_000, 0]]
    assert corpus.shards[0].tokens.dtype == np.dtype("<u4")
    assert corpus.end_of_document is None


def test_names_may_hold_anything(tmp_path):
    directory = tmp_path / "c"
    with staged(directory) as aside:
        writer = CorpusWriter(aside, tokenizer="t", tokenizer_sha256="", vocab_size=9, end_of_document=None)
        writer.add(np.array([1, 2]), np.array([1, 2]), ["two\nlines", "é\u2028"])
        writer.finish({})
    shard = open_corpus(directory).shards[0]
    assert [shard.document_name(0), shard.document_name(1)] == ["two\nlines", "é\u2028"]


def test_a_directory_that_is_no_corpus_is_refused(tmp_path):
    with pytest.raises(ManifestError, match=r"no such directory"):
        open_corpus(tmp_path / "none")
    write(tmp_path, Manifest(kind="model"))
    with pytest.raises(DataError, match=r"holds a model, not a tokenised corpus\. Name a directory that smolkit data"):
        open_corpus(tmp_path)
    write(tmp_path, Manifest(kind="corpus"))
    with pytest.raises(ManifestError, match=r"its manifest does not describe a corpus: KeyError\('vocab_size'\)"):
        open_corpus(tmp_path)


def test_a_damaged_shard_is_found(tmp_path):
    directory = make(tmp_path / "c", DOCUMENTS)
    tokens = np.memmap(directory / "00000.ds", "<u2", mode="r+")
    tokens[3] = 77
    tokens.flush()
    with pytest.raises(ManifestError, match=r"00000\.ds: changed since written: its SHA-256 is not the manifest's"):
        open_corpus(directory)
    assert open_corpus(directory, verify=False).documents == 5


def test_an_id_outside_the_vocabulary_is_found(tmp_path):
    directory = make(tmp_path / "c", [[5, 1000, 0]])
    with pytest.raises(DataError, match=r"00000\.ds: holds id 1,000, the vocabulary ends at 999"):
        open_corpus(directory)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([3, 5, 10, 12], r"holds 16 tokens of 4 documents, not 16 of 5\. Make the corpus again"),
        ([3, 5, 10, 12, 15], r"index: its last document ends at 15, the tokens at 16"),
        ([3, 5, 4, 12, 16], r"index: the ends of its documents do not increase"),
        ([0, 5, 6, 12, 16], r"index: the ends of its documents do not increase"),
    ],
)
def test_ends_that_do_not_fit_are_found(tmp_path, index, message):
    directory = make(tmp_path / "c", DOCUMENTS)
    np.array(index, "<u8").tofile(directory / "00000.ds.index")
    rewrite(directory)
    with pytest.raises(DataError, match=message):
        open_corpus(directory, verify=False)


def test_a_file_that_is_gone_or_cut_is_found(tmp_path):
    directory = make(tmp_path / "c", DOCUMENTS)
    (directory / "00000.ds.index").write_bytes(b"123")
    with pytest.raises(DataError, match=r"index: 3 bytes are no whole number of uint64"):
        open_corpus(directory, verify=False)
    (directory / "00000.ds").unlink()
    with pytest.raises(DataError, match=r"00000\.ds: no such file\. Make the corpus again"):
        open_corpus(directory, verify=False)


def test_a_dtype_that_does_not_hold_the_vocabulary_is_found(tmp_path):
    directory = make(tmp_path / "c", DOCUMENTS)
    rewrite(directory, vocab_size=100_000)
    with pytest.raises(DataError, match=r"its ids are uint16, but 100,000 of them are uint32"):
        open_corpus(directory)


def test_the_tokenizer_of_another_model_is_refused(tmp_path):
    corpus = open_corpus(make(tmp_path / "c", DOCUMENTS))
    check_tokenizer(corpus, "ab", 1000, "other")
    with pytest.raises(DataError, match=r"made with the tokenizer of tiny, .* Tokenise .* with --model other"):
        check_tokenizer(corpus, "cd", 1000, "other")
    with pytest.raises(DataError, match=r"its vocabulary has 1,000 ids, the embeddings of other only 999"):
        check_tokenizer(corpus, "ab", 999, "other")
