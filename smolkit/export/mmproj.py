"""A SmolVLM's vision tower and connector as one GGUF file, which llama.cpp's libmtmd reads beside the language model.

Its graph is llama.cpp's `idefics3`: a SigLIP tower, squares of patches folded into one feature, one matrix. What that
graph does not compute is refused; whether a file is right is the gate's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.export.gguf_file import QUANTS, type_of, write_tensors
from smolkit.runtime.mtmd import PROJECTOR, WHOLE_IMAGE_KEY, mmproj_name

if TYPE_CHECKING:
    import torch

    from smolkit.data.images import ImageLayout

MMPROJ_QUANTS = ("f32", "f16", "q8_0")
"""How a tower can be stored: types that need no importance of inputs."""
POSITIONS = "v.position_embd.weight"

_TOWER, _FOLD = "model.vision_model.", "mm.model.fc.weight"
_TENSORS = {
    "embeddings.patch_embedding": "v.patch_embd",
    "embeddings.position_embedding": "v.position_embd",
    "post_layernorm": "v.post_ln",
}
_LAYER_TENSORS = {
    "layer_norm1": "ln1",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}


def write_mmproj(
    model: Any, images: ImageLayout, quant: str, directory: Path, *, name: str, license: str | None = None
) -> Path:
    """Write the tower and the connector of a SmolVLM in float32 as `mmproj-<name>-<quant>.gguf`.

    Raises ModelError for a tower that llama.cpp does not compute.
    """
    from gguf import GGML_QUANT_VERSION, GGUFWriter, LlamaFileType, quants

    check_tower(model.config, images)
    path = directory / mmproj_name(name, quant)
    types = {name: _type_of(name, tensor, quant) for name, tensor in _tensors(model, images)}
    writer = GGUFWriter(path, "clip")
    _add_header(writer, model.config, images)
    writer.add_name(name)
    if license:
        writer.add_license(license)
    writer.add_file_type(LlamaFileType[QUANTS[quant].file_type])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    write_tensors(
        writer,
        path,
        lambda: _tensors(model, images),
        types,
        lambda name, tensor: quants.quantize(tensor.contiguous().numpy(), types[name]),
    )
    return path


def check_tower(config: Any, images: ImageLayout) -> None:
    """Raise ModelError unless llama.cpp's graph computes exactly what this configuration does."""
    vision, scale = config.vision_config, config.scale_factor
    patches = images.tile // vision.patch_size
    fault = None
    if vision.hidden_act != "gelu_pytorch_tanh":
        fault = f"the activation {vision.hidden_act!r}, and gelu_pytorch_tanh is what llama.cpp computes"
    elif vision.num_channels != 3:
        fault = f"{vision.num_channels} colours, and llama.cpp reads 3"
    elif vision.intermediate_size == vision.hidden_size:
        fault = f"feed-forward layers as wide as the rest ({vision.hidden_size}), which llama.cpp takes for swapped"
    elif scale < 2:
        fault = f"a scale factor of {scale}, and llama.cpp folds at least 2 x 2 patches"
    elif patches % scale:
        fault = f"{patches} patches a side, which are no whole squares of {scale}"
    if fault:
        raise ModelError(f"GGUF export cannot write a vision tower with {fault}", fix="Export it to webgpu or onnx")


def tile_positions(embeddings: Any, tile: int) -> torch.Tensor:
    """The row of the position table that each patch of a full tile reads, int64 [patches], as transformers looks it up.

    It looks for the place of a patch among boundaries in float32. Even where the table has a row for each patch,
    rounding puts some into the row before: which, depends on the count and on transformers' version, so it is asked.
    """
    import torch

    read: list[torch.Tensor] = []
    hook = embeddings.position_embedding.register_forward_hook(lambda module, given, output: read.append(given[0][0]))
    side = tile // embeddings.patch_size
    try:
        with torch.inference_mode():
            embeddings(torch.zeros(1, 3, tile, tile), torch.ones(1, side, side, dtype=torch.bool))
    finally:
        hook.remove()
    return read[0]


def _add_header(writer: Any, config: Any, images: ImageLayout) -> None:
    vision = config.vision_config
    writer.add_type("mmproj")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(PROJECTOR)
    writer.add_vision_projection_dim(config.text_config.hidden_size)
    writer.add_vision_image_size(images.tile)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.num_hidden_layers)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(vision.layer_norm_eps)
    writer.add_vision_projector_scale_factor(config.scale_factor)
    writer.add_vision_use_gelu(True)
    writer.add_vision_image_mean(images.settings["image_mean"])
    writer.add_vision_image_std(images.settings["image_std"])
    # llama.cpp always cuts; where the model does not, one tile is the least that it can be given.
    writer.add_vision_preproc_image_size(images.longest_edge if images.split else images.tile)
    if not images.split:
        writer.add_uint32(WHOLE_IMAGE_KEY, images.longest_edge)


def _tensors(model: Any, images: ImageLayout) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the file with its GGUF name."""
    tower = model.model.vision_model
    for parameter, tensor in tower.state_dict().items():
        name = _tensor_name(parameter)
        if name == POSITIONS:
            tensor = tensor[tile_positions(tower.embeddings, images.tile)]
        yield name, tensor
    yield _FOLD, model.model.connector.modality_projection.proj.weight.detach()


def _tensor_name(parameter: str) -> str:
    """The GGUF name of a parameter of the tower by transformers' name."""
    module, _, last = parameter.rpartition(".")
    known = _TENSORS.get(module)
    if module.startswith("encoder.layers."):
        number, _, inner = module.removeprefix("encoder.layers.").partition(".")
        if inner in _LAYER_TENSORS:
            known = f"v.blk.{number}.{_LAYER_TENSORS[inner]}"
    if known is None:
        raise ModelError(f"tensor {_TOWER + parameter!r} has no place in a SigLIP tower")
    return f"{known}.{last}"


def _type_of(name: str, tensor: torch.Tensor, quant: str) -> Any:
    """Patches and positions stay float32, as all that is a vector: they are few, and their errors go through all."""
    return type_of(name, tensor, QUANTS["f32" if name.startswith(("v.patch_embd", POSITIONS)) else quant])
