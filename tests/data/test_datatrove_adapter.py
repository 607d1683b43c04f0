"""datatrove's MinHash through our door: its values, its duplicates, and nothing on the terminal."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import numpy as np
import pytest

pytest.importorskip("datatrove", reason="pip install 'smolkit[data]'")

from smolkit.data.corpus import CorpusWriter
from smolkit.data.datatrove_adapter import MinHasher, white_space_words
from smolkit.data.quality import find_repetition, near_duplicates
from smolkit.data.text import MinHash, Repetition


def prose(words: int, seed: int) -> list[str]:
    rng = Random(seed)
    return ["".join(rng.choices("abcdefghijkl", k=rng.randint(2, 9))) for _ in range(words)]


def changed(words: list[str], count: int) -> list[str]:
    rng = Random(7)
    return [f"x{n}" if n in rng.sample(range(len(words)), count) else word for n, word in enumerate(words)]


TEXTS = [" ".join(prose(400, seed)) for seed in range(12)]
TEXTS += [" ".join(changed(TEXTS[seed].split(), 4)) for seed in (2, 5, 9)] + [TEXTS[2].upper() + "!", "too short"]


def test_texts_with_a_few_changed_words_are_near_duplicates():
    hasher = MinHasher(MinHash())
    later = near_duplicates(np.stack([hasher(text) for text in TEXTS]))
    assert np.flatnonzero(later).tolist() == [12, 13, 14, 15]


def test_hashing_in_pieces_changes_no_value():
    hasher = MinHasher(MinHash())
    shingles = hasher._step.get_shingles(" ".join(prose(5000, 1)))
    assert hasher.signature(shingles).tolist() == hasher._step.get_signature(shingles)


def test_the_same_documents_are_dropped_as_by_the_stages_of_datatrove(tmp_path):
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets, MinhashDedupCluster

    settings = MinHash(buckets=6, hashes_per_bucket=4)
    hasher = MinHasher(settings)
    step = hasher._step
    step.output_folder = step.output_folder.__class__(str(tmp_path / "signatures"))
    step.run([Document(text=text, id=str(n)) for n, text in enumerate(TEXTS)])
    for rank in range(settings.buckets):
        MinhashDedupBuckets(str(tmp_path / "signatures"), str(tmp_path / "pairs"), config=step.config).run(
            rank=rank, world_size=settings.buckets
        )
    MinhashDedupCluster(str(tmp_path / "pairs"), str(tmp_path / "remove"), config=step.config).run()
    theirs = np.frombuffer((tmp_path / "remove" / "000000.remove").read_bytes(), "<u4")
    ours = np.flatnonzero(near_duplicates(np.stack([hasher(text) for text in TEXTS])))
    assert len(ours) == len(theirs)


def test_repetition_is_judged_as_by_datatrove():
    from datatrove.data import Document
    from datatrove.pipeline.filters import GopherRepetitionFilter

    theirs = GopherRepetitionFilter(language=white_space_words())
    paragraph = " ".join(prose(20, 3))
    texts = [
        TEXTS[0],
        "\n".join([paragraph] * 5 + TEXTS[1].split()[:3]),
        f"{TEXTS[0]} {TEXTS[0]}",
        " ".join(f"of course {word}" for word in prose(90, 4)),
        " ".join(f"{paragraph} {' '.join(prose(60, n))}" for n in range(5)),
        "\n\n".join(prose(60, 5)),
    ]
    for text in texts:
        kept = theirs.filter(Document(text=text, id=""))
        assert (find_repetition(text, Repetition()) is None) == (kept is True)


def test_datatrove_reads_our_shards(tmp_path):
    pytest.importorskip("torch")
    from datatrove.utils.dataset import DatatroveFileDataset

    writer = CorpusWriter(tmp_path, tokenizer="t", tokenizer_sha256="", vocab_size=99, end_of_document=None)
    writer.add(np.arange(12), np.array([5, 12]), ["a", "b"])
    writer.finish({})
    read = DatatroveFileDataset(str(tmp_path / "00000.ds"), seq_len=3, token_size=2)
    assert [read[place]["input_ids"].tolist() for place in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_nothing_of_datatrove_reaches_the_terminal():
    code = (
        "from smolkit.data.datatrove_adapter import MinHasher\n"
        "from smolkit.data.text import MinHash\n"
        "MinHasher(MinHash())('a b c d e f g')\n"
        "from datatrove.utils.logging import logger\n"
        "import datatrove.utils.logging as inside\n"
        "exec(\"logger.warning('loud')\", {'logger': logger, '__name__': 'datatrove.x'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
