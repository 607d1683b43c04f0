"""Runs inside the environment that `optimum_backend` makes, as a program of its own; it imports nothing of smolkit.

    python -P _optimum_runner.py list                        the model types that optimum exports with a cache
    python -P _optimum_runner.py export MODEL_DIR FILE OPSET  the model as ONNX, float32

One line of JSON on standard output says how it went: {"types": [...]}, {"file": ...} or {"error": ...}. Whatever the
libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

TASK = "text-generation-with-past"


def exportable_types() -> list[str]:
    """Decoders that optimum knows; encoder-decoders have the same task, for their decoder alone, and are left out."""
    seq2seq = import_module("optimum.exporters.onnx.config").TextSeq2SeqOnnxConfig
    manager = import_module("optimum.exporters.tasks").TasksManager
    import_module("optimum.exporters.onnx.model_configs")  # registers what the exporter knows
    types = []
    for name, libraries in manager._SUPPORTED_MODEL_TYPE.items():
        config = libraries.get("onnx", {}).get(TASK) if isinstance(libraries, dict) else None
        if config is not None and not issubclass(getattr(config, "func", config), seq2seq):
            types.append(name)
    return sorted(types)


def export(model_dir: str, file: str, opset: int) -> None:
    transformers = import_module("transformers")
    config = transformers.AutoConfig.from_pretrained(model_dir, local_files_only=True)
    # torch's own attention has no soft cap, and transformers leaves it out there without a word.
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        model_dir,
        dtype=import_module("torch").float32,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **({"attn_implementation": "eager"} if capped else {}),
    )
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if missing:
        raise ValueError(f"transformers {transformers.__version__} finds no weights for {missing[0]}")
    model.config.use_cache = True
    convert = import_module("optimum.exporters.onnx.convert")
    target = Path(file)
    convert.onnx_export_from_model(
        model=model,
        output=target.parent,
        opset=opset,
        task=TASK,
        do_validation=False,
        no_post_process=True,
        preprocessors=[],
    )
    produced = target.parent / "model.onnx"
    if produced != target:
        produced.rename(target)


def main(arguments: list[str]) -> dict[str, Any]:
    if arguments[0] == "list":
        return {"types": exportable_types()}
    _, model_dir, file, opset = arguments
    export(model_dir, file, int(opset))
    return {"file": file}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        result = main(sys.argv[1:])
    except Exception as exc:  # whatever the libraries raise, the caller gets one line
        result = {"error": " ".join(f"{type(exc).__name__}: {exc}".split())[:600]}
    print(json.dumps(result), file=answers, flush=True)
    sys.exit("error" in result)
