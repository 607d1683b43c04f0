"""What a model writes while it trains: greedy continuations of the recipe's prompts, in samples.jsonl.

Writing them changes nothing of the training: no random number is drawn, no weight touched, and every module is left in
the mode in which it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import DataError, SmolkitError
from smolkit.train.recipe import Samples
from smolkit.train.run_files import SAMPLES

if TYPE_CHECKING:
    from torch.nn import Module

    from smolkit.runtime.pictures import Picture


@dataclass(frozen=True)
class Prompt:
    """What is continued, as people read it and as tokens."""

    text: str
    ids: list[int]
    pictures: Sequence[Picture] = ()
    """What its image tokens stand for."""


def check_prompts(prompts: Sequence[Prompt], section: Samples, context: int) -> None:
    """Raise DataError for a prompt without tokens, or one that leaves no room in the model's context."""
    for number, prompt in enumerate(prompts):
        where = f"samples.prompts[{number}]"
        if not prompt.ids:
            raise DataError("has no tokens, so there is nothing to continue", where=where)
        if len(prompt.ids) + section.max_new_tokens > context:
            raise DataError(
                f"{len(prompt.ids)} tokens and max_new_tokens {section.max_new_tokens} are more than the model's "
                f"context, {context}",
                where=where,
                fix="Shorten it, or lower samples.max_new_tokens",
            )


class Sampler:
    """Samples of one model in one run directory. `model` is a transformers model whose weights are all here."""

    def __init__(self, section: Samples, prompts: Sequence[Prompt], model: Any, tokenizer: Any, run_dir: Path):
        from smolkit.runtime.torch_backend import TorchBackend

        self.section = section
        self.prompts = prompts
        self.backend = TorchBackend(model, tokenizer)
        self.path = run_dir / SAMPLES

    def is_due(self, step: int, steps: int) -> bool:
        """Whether there are samples after `step` of `steps`: at every so many, and after the last."""
        return self.section.every is not None and (step % self.section.every == 0 or step == steps)

    def write(self, step: int) -> None:
        """Append a line for each prompt, all at once. Raises SmolkitError where the file cannot be written."""
        with unchanged(self.backend.model):
            texts = self._texts()
        found = zip(self.prompts, texts, strict=True)
        lines = ({"step": step, "prompt": prompt.text, "text": text} for prompt, text in found)
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write("".join(json.dumps(line) + "\n" for line in lines))
        except OSError as exc:
            fix = "Make room, and go on with --resume"
            raise SmolkitError(f"cannot be written ({exc.strerror})", where=str(self.path), fix=fix) from exc

    def _texts(self) -> list[str]:
        from smolkit.runtime.decoding import Answer, decode

        answers = [Answer(prompt.ids, None, self.section.max_new_tokens, prompt.pictures) for prompt in self.prompts]
        self.backend.forget()
        for _ in decode(self.backend, answers):
            pass
        self.backend.forget()
        return [self.backend.decode(answer.tokens) for answer in answers]


@contextmanager
def unchanged(model: Module) -> Iterator[None]:
    """The model as it answers, dropout off; afterwards each module is again in the mode in which it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
