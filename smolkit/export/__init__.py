"""Models out of the toolkit: one file per target, each proven against the source model by the gate."""

from smolkit.registry import Registry

TARGETS = Registry(
    "export target",
    {
        "onnx": "smolkit.export.onnx:TARGET",
        "webgpu": "smolkit.export.webgpu:TARGET",
        "gguf": "smolkit.export.gguf:TARGET",
    },
)

__all__ = ["TARGETS"]
