"""Models out: one Hugging Face directory that every reader of the format understands.

transformers 5 writes the rotary base only inside `rope_parameters`; readers that look for the older top-level
`rope_theta` fall back to 10000 and are silently wrong, so both are written. The same goes for the end-of-turn ids,
which config, generation config and tokenizer must agree on, and of a SmolVLM the configuration of its text model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from smolkit.data.images import ImageLayout


def save_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, directory: Path, images: ImageLayout | None = None
) -> None:
    """Write weights (safetensors, ties kept), tokenizer and configs into an existing directory.

    `images` says how a SmolVLM cuts images, which is written beside it. The caller stages the directory and adds the
    manifest, so that nothing half-written is ever seen under its name.
    """
    agree_on_end(model, tokenizer)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    _complete_config(directory / "config.json")
    if images is not None:
        images.write(directory)
    for file in directory.iterdir():
        if file.is_file():
            file.chmod(0o644)  # safetensors writes 0600, which a server under another user cannot read


def agree_on_end(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Make the configs say what the tokenizer says about beginning, end and padding."""
    text = getattr(model.config, "text_config", model.config)
    for config in (model.config, text, model.generation_config):
        config.bos_token_id = tokenizer.bos_token_id
        config.eos_token_id = tokenizer.eos_token_id
        config.pad_token_id = tokenizer.pad_token_id
    text.tie_word_embeddings = model.config.tie_word_embeddings
    # transformers refuses to save sampling settings that greedy decoding would ignore.
    if not model.generation_config.do_sample:
        for name in ("temperature", "top_p", "top_k"):
            setattr(model.generation_config, name, None)


def _complete_config(config_file: Path) -> None:
    """Write what transformers 5 leaves out of config.json, or writes under another name."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    text = config.get("text_config", config)
    rope = text.get("rope_parameters") or {}
    if "rope_theta" in rope:
        text["rope_theta"] = config["rope_theta"] = rope["rope_theta"]
    if "_pad_token_id" in config:  # of a SmolVLM
        config["pad_token_id"] = config.pop("_pad_token_id")
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
