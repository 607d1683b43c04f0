"""Weights and tokenizer of a resolved model, with the errors of transformers turned into ours."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.models.resolve import resolve
from smolkit.models.trust import ALLOWED

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

# What transformers raises for configs and weights that are broken, pickles among them, and for code that does not load.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, EOFError, RuntimeError, ImportError, SyntaxError, pickle.UnpicklingError,
)  # fmt: skip


def load_model(name: str | Path, *, dtype: torch.dtype) -> PreTrainedModel:
    """A causal language model, or a SmolVLM, in evaluation mode on the CPU, in `dtype`.

    Raises ModelError when the directory's weights do not fill the architecture that its config names: a model with
    missing tensors would start from random numbers in their place.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    from smolkit.models.vision import is_vision_directory

    quiet_transformers()
    directory = resolve(name)
    kind = AutoModelForImageTextToText if is_vision_directory(directory) else AutoModelForCausalLM
    with _errors_of_transformers(directory):
        model, report = kind.from_pretrained(
            directory,
            dtype=dtype,
            trust_remote_code=ALLOWED.remote_code,
            use_safetensors=None if ALLOWED.pickle else True,
            output_loading_info=True,
        )
    check_filled(report, directory)
    return model.eval()


def load_config(name: str | Path) -> PreTrainedConfig:
    """The configuration of a resolved model, without its weights."""
    from transformers import AutoConfig

    quiet_transformers()
    directory = resolve(name)
    with _errors_of_transformers(directory):
        return AutoConfig.from_pretrained(directory, trust_remote_code=ALLOWED.remote_code)


@contextmanager
def _errors_of_transformers(directory: Path) -> Iterator[None]:
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (*_UNREADABLE, SafetensorError, StrictDataclassError) as exc:
        line = str(exc).strip().partition("\n")[0] or type(exc).__name__
        raise ModelError(f"this model cannot be loaded ({line})", where=str(directory)) from exc


def check_filled(report: dict[str, Any], source: Path) -> None:
    """Raise ModelError where transformers' loading report names tensors that `source` did not fill."""
    lost = sorted(report["missing_keys"]) + sorted(str(key[0]) for key in report["mismatched_keys"])
    if lost:
        raise ModelError(
            f"{len(lost)} tensors are missing or of another shape, first {lost[0]!r}",
            where=str(source),
            fix="The file is incomplete or belongs to another architecture",
        )


def quiet_transformers() -> None:
    """Keep transformers' progress bars and remarks out of our output; its errors still come as exceptions."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def load_tokenizer(name: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a resolved model; raises ModelError when the directory has none."""
    from transformers import AutoTokenizer

    quiet_transformers()
    directory = resolve(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=ALLOWED.remote_code)
    except (OSError, ValueError, KeyError) as exc:
        line = str(exc).strip().partition("\n")[0]
        raise ModelError(f"the tokenizer cannot be loaded ({line})", where=str(directory)) from exc
    if not tokenizer.is_fast:
        raise ModelError("the tokenizer has no tokenizer.json, which constrained decoding needs", where=str(directory))
    return tokenizer


def cache_argument(model: Any) -> str:
    """What this model's forward calls its key-value cache: transformers 5.24 renamed `past_key_values` to `cache`."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
