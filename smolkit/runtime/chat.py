"""A conversation with one model, its answers streamed, over any backend.

Tokens are drawn here, from the logits that a backend gives, so sampling is the same in torch, llama.cpp and ONNX
Runtime. What a turn has in common with what the backend has read already is not read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from smolkit.data.chat import ChatFormat
from smolkit.data.messages import Message
from smolkit.errors import DataError, ModelError, SmolkitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from smolkit.runtime.decoding import Backend

_ROOM = 4
"""Old turns are dropped so that an answer has all it may take, or one part in so many of the context."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. Temperature and top_p are by default those of the example on SmolLM2's card."""

    temperature: float = 0.2
    """0 takes the likeliest token."""
    top_p: float = 0.9
    """Tokens are drawn from the fewest that have so much probability together (arXiv:1904.09751)."""
    max_new_tokens: int = 512
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise SmolkitError(f"temperature: must be from 0 to 100, got {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise SmolkitError(f"top_p: must be over 0 and at most 1, got {self.top_p:g}")
        if self.max_new_tokens < 1:
            raise SmolkitError(f"max_new_tokens: must be at least 1, got {self.max_new_tokens}")
        if self.seed is not None and self.seed < 0:
            raise SmolkitError(f"seed: must be at least 0, got {self.seed}")


class Chat:
    """One conversation at a time. Raises ModelError for a model that has no chat template, or one that ends no turn.

    It knows what its backend has read, so a backend that several conversations share has one Chat, which `resume`s
    each of them in turn.
    """

    def __init__(self, backend: Backend, sampling: Sampling | None = None, system: str | None = None):
        source = backend.chat_template()
        if source is None:
            raise ModelError(
                "this model has no chat template, so it was not made to converse",
                fix="Take an instruct model, or teach it: smolkit finetune --task chat --set model=MODEL",
            )
        self.backend = backend
        self.sampling = sampling or Sampling()
        self.system = system
        self.format = ChatFormat(source.text, backend.encode, source.tokens)
        self.end_ids = backend.end_ids | {self.format.end_id}
        self.random = np.random.default_rng(self.sampling.seed)
        self.messages: list[Message] = []
        self.dropped = 0
        """Turns at the beginning that were left out so that the latest question fits."""
        self.truncated = False
        """Whether the latest answer had no more room."""
        self.prompt_tokens = 0
        """Tokens of the latest question with all that stands before it."""
        self.new_tokens = 0
        """Tokens of the latest answer, up to date while it grows."""
        self._read: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Forget the conversation, but not the system prompt."""
        self.messages = [] if self.system is None else [{"role": "system", "content": self.system}]

    def resume(
        self, messages: Sequence[Message], *, system: str | None = None, sampling: Sampling | None = None
    ) -> None:
        """Go on with another conversation: the turns of user and assistant so far, its system prompt, its sampling.

        What the backend has read of the one before counts only as far as both are the same.
        """
        self.system = system
        self.reset()
        self.messages += messages
        self.sampling = sampling or self.sampling
        self.random = np.random.default_rng(self.sampling.seed)

    def ask(self, text: str) -> Iterator[str]:
        """The answer in growing pieces; question and answer are remembered, also where the caller stops early.

        There is a piece for every token, so that a caller can stop at each; it is empty where the bytes of a character
        have not all come. Raises DataError for a question that the model's context does not hold.
        """
        self.truncated = False
        question: Message = {"role": "user", "content": text}
        self.messages, prompt = self._fit([*self.messages, question])
        self.messages.pop()
        room = min(self.sampling.max_new_tokens, self.backend.context_length - len(prompt))
        self.prompt_tokens, self.new_tokens = len(prompt), 0
        tokens: list[int] = []
        try:
            yield from self._decode(prompt, tokens, room)
        finally:
            if tokens:
                answer = self.backend.decode(tokens)
                if self.format.takes_parts:
                    answer = answer.strip()  # such a template writes the space before an answer itself
                self.messages += [question, {"role": "assistant", "content": answer}]

    def _decode(self, prompt: list[int], tokens: list[int], room: int) -> Iterator[str]:
        logits = self._feed(prompt)
        shown = 0
        while True:
            token = choose(logits, self.sampling, self.random)
            over = token in self.end_ids or len(tokens) == room
            if over:
                self.truncated = token not in self.end_ids
            else:
                tokens.append(token)
                self.new_tokens = len(tokens)
            whole = self.backend.decode(tokens)
            # The mark at the end is a character whose bytes have not all come, unless the answer is over.
            if len(whole) > shown and (over or not whole.endswith("\ufffd")):
                yield whole[shown:]
                shown = len(whole)
            elif not over:
                yield ""
            if over:
                return
            logits = self._feed([*self._read, token])

    def _feed(self, ids: list[int]) -> NDArray[np.float32]:
        """The logits after these tokens, of which those that the backend has read already are not read again."""
        known = len(self._read)
        more = 0 < known < len(ids) and ids[:known] == self._read
        self._read = []  # of a call that is interrupted nothing is known
        logits = self.backend.append([ids[known:]]) if more else self.backend.prefill([ids])
        self._read = ids
        return logits[0]

    def _fit(self, messages: Sequence[Message]) -> tuple[list[Message], list[int]]:
        """The messages without as many of the oldest turns as is needed, and their prompt."""
        limit = self.backend.context_length
        wanted = min(self.sampling.max_new_tokens, limit // _ROOM)
        start = 1 if messages[0]["role"] == "system" else 0
        head, turns = list(messages[:start]), list(messages[start:])
        self.dropped = 0
        while True:
            prompt = self.format.prompt([*head, *turns])
            if len(prompt) + wanted <= limit:
                return [*head, *turns], prompt
            if len(turns) == 1:
                break
            turns = turns[2:]
            self.dropped += 2
        if len(prompt) >= limit:
            raise DataError(
                f"the question takes {len(prompt)} tokens, and the model's context is {limit}", fix="Ask a shorter one"
            )
        return [*head, *turns], prompt


def choose(logits: NDArray[np.float32], sampling: Sampling, random: np.random.Generator) -> int:
    """One token from logits [vocabulary]: the likeliest, or drawn from the nucleus of `top_p`."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # next to 0, whatever is not the likeliest is infinitely far from it
        weights = np.exp((logits.astype(np.float64) - logits.max()) / sampling.temperature)
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable")
    nucleus = order[: int(np.searchsorted(weights[order].cumsum(), sampling.top_p)) + 1]
    return int(random.choice(nucleus, p=weights[nucleus] / weights[nucleus].sum()))
