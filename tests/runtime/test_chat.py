from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.data.chat import ChatTemplate
from smolkit.data.render import TokenizerEncoder
from smolkit.errors import DataError, ModelError, SmolkitError
from smolkit.runtime import open_backend
from smolkit.runtime.chat import Chat, Sampling, choose

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from smolkit.runtime.decoding import Backend

GREEDY = Sampling(temperature=0, max_new_tokens=8)


class Scripted:
    """A backend that says given texts, one after the other, and remembers what it was fed."""

    name, computes, max_batch, max_batch_tokens, prompt_format = "scripted", "", 1, None, None
    ll_tokenizer: Any = None

    def __init__(self, tokenizer: PreTrainedTokenizerFast, *answers: str, context_length: int = 2048):
        self.encode = TokenizerEncoder(tokenizer)
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.vocab_size = len(tokenizer)
        self.end_ids = frozenset([tokenizer.eos_token_id])
        self.script = [token for text in answers for token in [*self.encode(text, special=False), 2]]
        self.fed: list[tuple[str, list[int]]] = []

    def _next(self, kind: str, tokens: list[int]) -> np.ndarray:
        self.fed.append((kind, tokens))
        logits = np.zeros((1, self.vocab_size), np.float32)
        logits[0, self.script.pop(0)] = 50
        return logits

    def prefill(self, prompts: Sequence[list[int]]) -> np.ndarray:
        return self._next("prefill", prompts[0])

    def append(self, tokens: Sequence[list[int]]) -> np.ndarray:
        return self._next("append", tokens[0])

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids))

    def chat_template(self) -> ChatTemplate | None:
        return ChatTemplate(self.tokenizer.chat_template, {})

    def close(self) -> None: ...


def test_answers_are_streamed_and_what_was_read_is_not_read_again(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, "Grüße 🙂!", "Anna")
    chat = Chat(backend)
    pieces = list(chat.ask("Hi, I am Anna"))
    assert len(pieces) > 2
    assert "".join(pieces) == "Grüße 🙂!"
    assert not chat.truncated
    first = len(backend.fed)
    assert "".join(chat.ask("What is my name?")) == "Anna"
    assert [message["content"] for message in chat.messages] == [
        "Hi, I am Anna",
        "Grüße 🙂!",
        "What is my name?",
        "Anna",
    ]
    kind, tokens = backend.fed[first]
    assert kind == "append"
    assert (
        tokenizer.decode(tokens) == "<|im_end|>\n<|im_start|>user\nWhat is my name?<|im_end|>\n<|im_start|>assistant\n"
    )
    chat.reset()
    backend.script = [2]
    assert list(chat.ask("Hi")) == []
    assert chat.messages == []
    assert backend.fed[-1][0] == "prefill"


def test_the_system_prompt_outlives_a_reset(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, "a", "b")
    chat = Chat(backend, system="Be brief")
    list(chat.ask("Hi"))
    chat.reset()
    list(chat.ask("Ho"))
    assert tokenizer.decode(backend.fed[-2][1]).startswith(
        "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nHo"
    )


def test_a_caller_that_stops_early_leaves_a_conversation_that_goes_on(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, "one two three four", "five")
    chat = Chat(backend)
    answer = chat.ask("Count")
    next(answer)
    answer.close()
    assert chat.messages[-1]["content"] == "one"
    backend.script = [*backend.encode("five", special=False), 2]
    assert "".join(chat.ask("Go on")) == "five"


def test_there_is_a_piece_for_every_token_so_that_a_caller_can_stop_at_each(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, "🙂!")
    chat = Chat(backend)
    counts = [(piece, chat.new_tokens) for piece in chat.ask("Hi")]
    assert [count for _, count in counts] == list(range(1, len(counts) + 1))
    assert counts[0][0] == ""  # the first byte of four
    assert "".join(piece for piece, _ in counts) == "🙂!"
    assert chat.prompt_tokens == len(backend.fed[0][1])


def test_one_chat_resumes_several_conversations_and_keeps_them_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, "Anna", "Bert", "Carl")
    chat = Chat(backend)
    list(chat.ask("I am Anna"))
    other = [{"role": "user", "content": "I am Bert"}, {"role": "assistant", "content": "Hello Bert"}]
    chat.resume(other, system="Be brief", sampling=Sampling(seed=7))
    first = len(backend.fed)
    assert "".join(chat.ask("My name?")) == "Bert"
    kind, tokens = backend.fed[first]
    assert kind == "prefill"
    assert tokenizer.decode(tokens) == chat.format.render(
        [{"role": "system", "content": "Be brief"}, *other, {"role": "user", "content": "My name?"}], open_turn=True
    )
    assert len(other) == 2
    assert chat.sampling.seed == 7
    held = chat.messages[1:]
    chat.resume(held, system="Be brief")
    list(chat.ask("And?"))
    assert [kind for kind, _ in backend.fed[first + 1 :]] == ["append"] * (len(backend.fed) - first - 1)
    chat.resume([])
    assert chat.messages == []


def test_a_seed_begins_again_with_each_conversation(backends: list[Backend]) -> None:
    chat = Chat(backends[0])
    answers = []
    for seed in (1, 1, 2):
        chat.resume([], sampling=Sampling(temperature=1, top_p=1, max_new_tokens=8, seed=seed))
        answers.append("".join(chat.ask("Hi")))
    assert answers[0] == answers[1] != answers[2]


def test_an_answer_ends_where_its_room_ends(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = Chat(Scripted(tokenizer, "one two three four"), Sampling(max_new_tokens=2))
    assert "".join(chat.ask("Count")) == "one two"
    assert chat.truncated


def test_the_oldest_turns_make_room(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer, *"abcd", context_length=96)
    chat = Chat(backend, system="Be brief")
    for number in range(4):
        list(chat.ask(f"{number} " + "word " * 15))
    assert chat.dropped == 2
    assert chat.messages[0] == {"role": "system", "content": "Be brief"}
    assert all(len(tokens) < 96 for kind, tokens in backend.fed if kind == "prefill")
    with pytest.raises(
        DataError, match=r"the question takes \d+ tokens, and the model's context is 96\. Ask a shorter one"
    ):
        list(chat.ask("word " * 200))


def test_a_model_without_a_template_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    backend = Scripted(tokenizer)
    backend.chat_template = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"no chat template, so it was not made to converse\. Take an instruct model"):
        Chat(backend)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": -1.0}, "temperature: must be from 0 to 100, got -1"),
        ({"top_p": 0.0}, "top_p: must be over 0 and at most 1, got 0"),
        ({"max_new_tokens": 0}, "max_new_tokens: must be at least 1, got 0"),
        ({"seed": -1}, "seed: must be at least 0, got -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SmolkitError, match=message):
        Sampling(**fields)


def test_tokens_are_drawn_from_the_nucleus() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    random = np.random.default_rng(0)

    def drawn(**fields: float) -> set[int]:
        return {choose(logits, Sampling(**fields), random) for _ in range(400)}  # type: ignore[arg-type]

    assert drawn(temperature=0) == {0}
    assert drawn(temperature=1, top_p=0.5) == {0}
    assert drawn(temperature=1, top_p=0.7) == {0, 1}
    assert drawn(temperature=1, top_p=1) == {0, 1, 2, 3}
    assert drawn(temperature=0.01, top_p=1) == {0}
    assert drawn(temperature=5e-324, top_p=1) == {0}
    counts = [choose(logits, Sampling(temperature=1, top_p=1), random) for _ in range(4000)].count(0)
    assert 1850 < counts < 2150


@pytest.fixture
def backends(tiny_model_dir: Path) -> Iterator[list[Backend]]:
    """The tiny model in torch and in ONNX Runtime, both in float32."""
    pytest.importorskip("onnxruntime")
    opened = [open_backend(tiny_model_dir, runtime=name, dtype="float32") for name in ("torch", "onnx")]
    yield opened
    for backend in opened:
        backend.close()


def test_every_runtime_says_the_same_over_several_turns(backends: list[Backend]) -> None:
    said = []
    for backend in backends:
        chat = Chat(backend, GREEDY)
        said.append(["".join(chat.ask(text)) for text in ("Hi", "And then?", "Why?")])
        assert chat.format.end_id == 2
    assert said[0] == said[1]
    fresh = Chat(backends[0], GREEDY)
    fresh.messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": said[0][0]}]
    assert "".join(fresh.ask("And then?")) == said[0][1]


def test_a_seed_draws_the_same_answer_again(backends: list[Backend]) -> None:
    answers = {seed: [] for seed in (1, 2)}
    for seed in (1, 1, 2):
        chat = Chat(backends[0], Sampling(temperature=1, top_p=1, max_new_tokens=8, seed=seed))
        answers[seed].append("".join(chat.ask("Hi")))
    assert answers[1][0] == answers[1][1] != answers[2][0]


@pytest.mark.parametrize("runtime", ["torch", "llama.cpp"])
def test_the_bundled_model_answers_and_stops(bundled: Path, runtime: str) -> None:
    if runtime == "llama.cpp":
        pytest.importorskip("llama_cpp")
    backend = open_backend("bundled", runtime=runtime)
    template = backend.chat_template()
    assert template is not None
    assert template.text == (bundled / "chat_template.jinja").read_text()
    assert template.tokens == {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    chat = Chat(backend, Sampling(temperature=0, max_new_tokens=32), system="You answer briefly.")
    answer = "".join(chat.ask("Say hello."))
    assert answer
    assert "<|" not in answer
    assert not chat.truncated
    backend.close()
