"""Greedy decoding of many answers side by side, each held to its own grammar, over any backend.

What the grammar forces (keys, quotes, commas) is fed to the model together with the next chosen token, so it costs no
step of its own. A matcher that has reached the end of its grammar ends the answer without asking the model. This
module knows tokens, masks and logits; it knows neither templates nor how a backend computes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from smolkit.errors import RuntimeUnavailable

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from numpy.typing import NDArray

    from smolkit.data.chat import ChatTemplate
    from smolkit.runtime.pictures import Picture

_ENDS_IN_FOUR = re.compile(r"(.{1,300}?)\1{3}\Z", re.DOTALL)


class Backend(Protocol):
    """A model that continues several token sequences at once."""

    name: str
    computes: str
    """With what: the type of the weights, or the file that says it."""
    context_length: int
    """Most tokens, prompt and answer together, that one sequence may hold."""
    vocab_size: int
    max_batch: int
    """Most sequences that run side by side."""
    max_batch_tokens: int | None
    """Most tokens of all of them together, answers included; None where nothing but memory ends it."""
    end_ids: frozenset[int]
    prompt_format: str | None
    """Id of the format that the model was trained with, if it says."""
    ll_tokenizer: LLTokenizer

    def encode(self, text: str, *, special: bool) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def prefill(self, prompts: Sequence[list[int]]) -> NDArray[np.float32]:
        """Start one sequence per prompt; the logits after each prompt, float32 [prompts, vocab_size]."""

    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        """Continue every sequence by its tokens; the logits after them, float32 [sequences, vocab_size].

        An empty list leaves a finished sequence alone; its row of the result means nothing.
        """

    def chat_template(self) -> ChatTemplate | None:
        """How the model's files say that conversations are written; None where they do not."""

    def close(self) -> None: ...


@dataclass
class Answer:
    """One answer while and after it is decoded."""

    prompt: list[int]
    matcher: LLMatcher | None
    max_new_tokens: int
    pictures: Sequence[Picture] = ()
    """What the image tokens of the prompt stand for, in their order."""
    tokens: list[int] = field(default_factory=list)
    chosen: dict[int, float] = field(default_factory=dict)
    """The log probability that the model gave each token that it chose, by index in `tokens`; forced ones have none."""
    forced: int = 0
    truncated: bool = False
    done: bool = False


def decode(backend: Backend, answers: Sequence[Answer]) -> Iterator[None]:
    """Run the answers of one batch to their end, yielding after each step so that a caller can look at `tokens`."""
    openings = [_take_forced(answer) for answer in answers]
    prompts = [answer.prompt + opening for answer, opening in zip(answers, openings, strict=True)]
    seen = {"pictures": [answer.pictures for answer in answers]} if any(answer.pictures for answer in answers) else {}
    logits = backend.prefill(prompts, **seen)
    closers = _Closers(backend)
    while True:
        following = [
            [] if answer.done else _advance(answer, row, backend, closers)
            for answer, row in zip(answers, logits, strict=True)
        ]
        yield
        if not any(following):
            return
        logits = backend.append(following)


def matcher_for(backend: Backend, grammar: str) -> LLMatcher:
    """A matcher at the start of a Lark grammar. Raises RuntimeUnavailable when llguidance refuses the grammar."""
    from llguidance import LLMatcher

    matcher = LLMatcher(backend.ll_tokenizer, LLMatcher.grammar_from_lark(grammar))
    if matcher.is_error():
        reason = matcher.get_error().strip().partition("\n")[0]
        raise RuntimeUnavailable(f"this template and text make a grammar that llguidance refuses ({reason})")
    return matcher


def _advance(answer: Answer, logits: NDArray[np.float32], backend: Backend, closers: _Closers) -> list[int]:
    """Choose the next token, take what is then forced; the tokens that the model has yet to read."""
    if answer.matcher is None:
        token = int(logits.argmax())
        if token in backend.end_ids or len(answer.tokens) >= answer.max_new_tokens:
            answer.truncated = token not in backend.end_ids
            answer.done = True
            return []
        _take(answer, token, logits)
        return [token]
    allowed = _allowed(answer.matcher, backend.vocab_size)
    answer.truncated = answer.truncated or len(answer.tokens) >= answer.max_new_tokens
    token = int(np.where(allowed, logits, -np.inf).argmax())
    closing = closers.choose if answer.truncated else functools.partial(closers.end_loop, token)
    chosen = closing(allowed, answer.tokens)
    token = token if chosen is None else chosen
    answer.matcher.consume_token(token)
    if token in backend.end_ids:
        answer.done = True
        return []
    _take(answer, token, logits)
    forced = _take_forced(answer)
    answer.done = answer.matcher.is_stopped()
    return [] if answer.done else [token, *forced]


def _take(answer: Answer, token: int, logits: NDArray[np.float32]) -> None:
    """Add a chosen token, with its share of the softmax over the whole vocabulary, whatever the grammar allows."""
    top = logits.max()
    answer.chosen[len(answer.tokens)] = float(logits[token] - top - np.log(np.exp(logits - top).sum()))
    answer.tokens.append(token)


def _take_forced(answer: Answer) -> list[int]:
    """Tokens that the grammar leaves no choice about, taken at once."""
    if answer.matcher is None or answer.matcher.is_stopped():
        return []
    forced = answer.matcher.compute_ff_tokens()
    answer.matcher.consume_tokens(forced)
    answer.tokens += forced
    answer.forced += len(forced)
    return forced


def _allowed(matcher: LLMatcher, vocab_size: int) -> NDArray[np.bool_]:
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    bitmask = allocate_token_bitmask(1, vocab_size)
    fill_next_token_bitmask(matcher, bitmask)
    return np.unpackbits(bitmask.view(np.uint8), bitorder="little")[:vocab_size].view(np.bool_)


class _Closers:
    """Ends an answer that has used up its tokens, at the first place where the grammar lets it end.

    Inside a string that is the quote; elsewhere a missing value or a closing bracket, in this order, so that every
    key still stands in the answer and it parses.
    """

    OUTSIDE = (" null", "null", " []", "[]", ' ""', '""', "]", "\n", "}", ",", ", ")
    LIST_ENDS = ('"}]', '"]', "}]", "]", "\n", '"')

    def __init__(self, backend: Backend):
        self.backend = backend
        self.quote = self._ids(('"',))
        self.outside = self._ids(self.OUTSIDE)
        self.list_ends = self._ids(self.LIST_ENDS)

    def choose(self, allowed: NDArray[np.bool_], tokens: list[int]) -> int | None:
        wanted = self.quote if _inside_string(self.backend.decode(tokens)) else self.outside
        return next((token for token in wanted if allowed[token]), None)

    def end_loop(self, token: int, allowed: NDArray[np.bool_], tokens: list[int]) -> int | None:
        """The end of a list, in place of a token that would add to the same item over and over.

        Greedy decoding falls into such loops, and then spends all its tokens on one field.
        """
        ending = next((end for end in self.list_ends if allowed[end]), None)
        if ending is None or ending == token or not self.backend.decode([token]).lstrip(' "}').startswith(","):
            return None
        return ending if _is_loop(self.backend.decode(tokens)) else None

    def _ids(self, texts: Sequence[str]) -> list[int]:
        encoded = (self.backend.encode(text, special=False) for text in texts)
        return [ids[0] for ids in encoded if len(ids) == 1]


def _is_loop(text: str) -> bool:
    """Whether an answer so far ends in the same item four times, with what stands between them."""
    found = _ENDS_IN_FOUR.search(text)
    return found is not None and ('"' in found[1] or ("," in found[1] and not _inside_string(text)))


def _inside_string(text: str) -> bool:
    inside = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = inside
        elif char == '"':
            inside = not inside
    return inside
