"""Models out of the toolkit: one file per target, each proven against the source model by the gate."""

from smolkit.registry import Registry

TARGETS = Registry("export target", {"gguf": "smolkit.export.gguf:write"})

__all__ = ["TARGETS"]
