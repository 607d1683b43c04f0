"""Graphs of architectures that our own does not cover, through the ONNX exporter of optimum.

optimum-onnx needs transformers 4, and we have 5. So its packages lie in a directory of their own, made on demand in
the cache, and a process that has this directory before ours runs the exporter; torch, numpy and onnx come from here.
The graph comes back through `optimum_graph`, for the same writers and the same gate as any other.

A trace follows one path: a rotary embedding that changes with the length of the text (`dynamic`, `longrope`) stays as
it is for texts up to the original length. Code that comes with a model is never run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smolkit.errors import ModelError, RuntimeUnavailable, nearest
from smolkit.export.onnx_graph import Graph
from smolkit.export.optimum_graph import load_graph
from smolkit.models.resolve import cache_dir

PINS = (
    "optimum-onnx==0.1.0",
    "optimum==2.1.0",
    "transformers==4.57.6",
    "tokenizers==0.22.2",
    "huggingface-hub==0.36.2",
)
"""What has to differ from our own environment; installed without dependencies, which ours has."""
OPSET = 18
"""The exporter's own default. Up to 21, which our files declare, these operators only gain types; the exporter ends at
20, where it writes a Gelu that not every WebGPU runtime has, in place of its parts, which all of them fuse."""

_RUNNER = Path(__file__).with_name("_optimum_runner.py")
_TYPES = "types.json"
_OLDER_NAMES = {
    "gpt_neox": {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"},
    "qwen3_moe": {"num_local_experts": "num_experts"},
}
"""What transformers 4 calls a setting, where it is another name than in 5, by model type."""

Progress = Callable[[str], None]


def export_graph(model_dir: Path, *, progress: Progress = lambda line: None) -> Graph:
    """The float32 graph of a local model directory, with `num_logits_to_keep`; under a minute for 135M weights.

    The first call also makes the environment, for which pip must reach an index. Raises ModelError where optimum does
    not know the architecture, or the exporter or the graph fails; RuntimeUnavailable where there is no environment.
    """
    check_known(model_dir, progress=progress)
    with tempfile.TemporaryDirectory(prefix="smolkit-optimum-") as directory:
        work = Path(directory)
        progress("optimum: tracing the model")
        onnx_file = export_onnx(model_dir, work)
        progress("optimum: reading its graph")
        return load_graph(onnx_file, modules=_modules(model_dir))


def check_known(model_dir: Path, *, progress: Progress = lambda line: None) -> None:
    """Raise ModelError where optimum does not export this architecture; nothing of the model is loaded."""
    kind = str(_read_config(model_dir).get("model_type", ""))
    known = architectures(progress=progress)
    if kind not in known:
        near = nearest(kind, known)
        raise ModelError(
            f"optimum does not know the architecture {kind!r}" + (f"; nearest is {near!r}" if near else ""),
            where=str(model_dir),
            fix=f"It exports {', '.join(known)}",
        )


def architectures(*, progress: Progress = lambda line: None) -> list[str]:
    """The model types that optimum exports as decoders with a cache."""
    types: list[str] = json.loads((environment(progress=progress) / _TYPES).read_text(encoding="utf-8"))
    return types


def environment(*, progress: Progress = lambda line: None) -> Path:
    """The directory with optimum's packages, made once per set of pins and Python version (16 MB to fetch).

    It has been tried before it gets its name: its exporter has listed what it knows. Two processes wait for each other.
    """
    from filelock import FileLock

    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    key = hashlib.sha256("\n".join((*PINS, _RUNNER.read_text(encoding="utf-8"))).encode()).hexdigest()[:12]
    target = cache_dir() / "optimum" / f"{python}-{key}"
    if (target / _TYPES).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(target.name + ".lock")):
        if not (target / _TYPES).is_file():
            progress(f"optimum: installing {', '.join(PINS)} beside our own packages, once")
            staging = Path(tempfile.mkdtemp(prefix=target.name + "-", dir=target.parent))
            try:
                _install(staging)
                types = _run(staging, "list")["types"]
                (staging / _TYPES).write_text(json.dumps(types), encoding="utf-8")
                staging.chmod(0o755)
                staging.rename(target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return target


def export_onnx(model_dir: Path, work: Path) -> Path:
    """Let optimum write the model into the directory `work`; returns the .onnx, with its weights in it or beside it."""
    staged = work / "model"
    stage_model(model_dir, staged)
    output = work / "onnx" / "model.onnx"
    _run(environment(), "export", str(staged), str(output), str(OPSET), about=model_dir)
    return output


def stage_model(model_dir: Path, target: Path) -> None:
    """A directory that transformers 4 reads: the weights by link, and a config in its words. No tokenizer is needed."""
    target.mkdir(parents=True)
    config = readable_config(_read_config(model_dir))
    (target / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    weights = [*model_dir.glob("*.safetensors"), *model_dir.glob("*.safetensors.index.json")]
    for file in weights:
        _link(file.resolve(), target / file.name)


def readable_config(config: dict[str, Any]) -> dict[str, Any]:
    """A config of transformers 5 as 4 reads it: the rotary settings at the top level, `torch_dtype`.

    Without the first, 4 takes a rotary base of 10000 and is wrong without a word.
    """
    names = _OLDER_NAMES.get(config.get("model_type", ""), {})
    older = {names.get(key, key): value for key, value in config.items() if key not in ("rope_parameters", "dtype")}
    if "dtype" in config:
        older["torch_dtype"] = config["dtype"]
    if "rope_parameters" not in config:
        return older
    rope = config["rope_parameters"] or {}
    if "sliding_attention" in rope or "full_attention" in rope:  # by kind of layer, as in Gemma 3
        local = rope.get("sliding_attention") or {}
        if "rope_theta" in local:
            older["rope_local_base_freq"] = local["rope_theta"]
        rope = rope.get("full_attention") or {}
    for key in ("rope_theta", "partial_rotary_factor"):
        if key in rope:
            older[names.get(key, key)] = rope[key]
    scaling = {key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")}
    # None where there is no scaling: some classes of transformers 4 scale unless they are told not to.
    older["rope_scaling"] = scaling if rope.get("rope_type", "default") != "default" else None
    return older


def _modules(model_dir: Path) -> set[str]:
    """The modules that have weights, by the names in the files."""
    from safetensors import safe_open

    names: set[str] = set()
    for file in model_dir.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as tensors:
            names.update(name.rpartition(".")[0] for name in tensors.keys())  # noqa: SIM118
    return names


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source, target)
    except OSError:  # Windows, without the privilege
        shutil.copyfile(source, target)


def _read_config(model_dir: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ModelError(f"config.json cannot be read ({exc})", where=str(model_dir)) from exc
    return config


def _install(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(
        [*command, "--no-deps", "--target", str(target), *PINS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeUnavailable(
            f"pip could not install optimum's packages ({_last_line(done.stderr)})",
            fix=f"Connect to a package index, and see that this works: pip download --no-deps {' '.join(PINS)}",
        )


def _run(packages: Path, *arguments: str, about: Path | None = None) -> dict[str, Any]:
    """Run the exporter among optimum's packages. `-P` keeps the runner's own directory from being imported from."""
    paths = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-P", str(_RUNNER), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    answer: dict[str, Any] = {}
    if done.stdout.strip():
        answer = json.loads(done.stdout.splitlines()[-1])
    error = answer.get("error") or (done.returncode and f"exit {done.returncode}: {_last_line(done.stderr)}")
    if error and about:
        raise ModelError(f"optimum cannot export this model ({error})", where=str(about))
    if error:
        raise RuntimeUnavailable(
            f"optimum's packages do not run beside ours ({error})", fix="Take --backend smolkit, or another torch"
        )
    return answer


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["no output"])[-1].removeprefix("ERROR: ")
