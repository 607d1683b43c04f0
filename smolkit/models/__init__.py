"""The zoo, and models in and out: bundled, Hub, directory or GGUF file to one Hugging Face directory."""

from smolkit.models.load import cache_argument, load_model, load_tokenizer
from smolkit.models.resolve import BUNDLED, bundled_gguf, cache_dir, resolve
from smolkit.models.save import save_model
from smolkit.models.vision_zoo import MODELS, VISION_ZOO, VisionLedger, VisionSpec
from smolkit.models.zoo import ZOO, Ledger, ModelSpec

__all__ = [
    "BUNDLED",
    "MODELS",
    "VISION_ZOO",
    "ZOO",
    "Ledger",
    "ModelSpec",
    "VisionLedger",
    "VisionSpec",
    "bundled_gguf",
    "cache_argument",
    "cache_dir",
    "load_model",
    "load_tokenizer",
    "resolve",
    "save_model",
]
