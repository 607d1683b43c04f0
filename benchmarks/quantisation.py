"""What every precision costs: perplexity, next-token agreement, F1, size and decoding speed, beside other quantisers.

    python -m benchmarks.quantisation [--model bundled] [--tokens 20000] [--documents 50] [--only q4] [--json]

Text is WikiText-2 below `$SMOLKIT_DATA`, in contexts of 512 tokens, every position but the first of each predicted;
receipts are SROIE's (`--data` for others, with a model that was trained for them). Peers: plain rounding in our own
graph, onnxruntime-genai's int4 builder, and llama.cpp's quantiser with and without our importance matrix. Ours is
calibrated on synthetic rows: neither the text nor the receipts were seen. Each side runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._sides import receipts

CONTEXT = 512
DECODED = 64
REFERENCE = "torch float32"


def text() -> str:
    file = Path(os.environ.get("SMOLKIT_DATA", "../shared/data")) / "benchmarks" / "wikitext2" / "valid.txt"
    if not file.is_file():
        sys.exit(f"{file} is not here: $SMOLKIT_DATA names the directory that benchmarks/wikitext2/valid.txt lies in")
    return file.read_text(encoding="utf-8")


def build(model: str, work: Path) -> dict[str, tuple[str, Path]]:
    """Every file to measure, written once: by name the runtime and the file."""
    from smolkit.export.onnx_file import write_graph
    from smolkit.export.run import export
    from smolkit.models import resolve

    ours = work / "ours"
    if not ours.is_dir():
        quants = ["fp32", "q8", "q4", "q4f16", "f16", "q8_0", "q4_0", "q4_k_m", "iq4_nl"]
        export(model, ours, ["onnx", "gguf"], quants=quants, progress=lambda line: print(line, file=sys.stderr))
    plain = work / "plain-q4"
    if not plain.is_dir():
        plain.mkdir(parents=True)
        write_graph(
            _plain_graph(model), plain / "model.onnx", part_name=lambda _: "model.onnx.data", last_logits_only=True
        )
        for name in ("tokenizer.json", "generation_config.json", "genai_config.json", "tokenizer_config.json"):
            shutil.copy(ours / "onnx" / "q4" / name, plain)
    genai = work / "genai-int4"
    if not genai.is_dir():
        subprocess.run(
            [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(resolve(model)), "-o", str(genai),
             "-p", "int4", "-e", "cpu", "-c", str(work / "cache"), "--extra_options", "int4_accuracy_level=4"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        shutil.copy(ours / "onnx" / "q4" / "generation_config.json", genai)
        _name_cache_sizes(genai / "model.onnx")
    sides: dict[str, tuple[str, Path]] = {}
    for precision in ("fp32", "q8", "q4", "q4f16"):
        sides[f"smolkit onnx {precision}"] = ("onnx", ours / "onnx" / precision / "model.onnx")
    sides["plain rounding onnx q4"] = ("onnx", plain / "model.onnx")
    sides["genai builder int4"] = ("onnx", genai / "model.onnx")
    (base,) = (ours / "gguf").glob("*-f16.gguf")
    for quant in ("f16", "q8_0", "q4_k_m", "q4_0", "iq4_nl"):
        sides[f"smolkit gguf {quant}"] = ("llama.cpp", base.with_name(base.name.replace("-f16", f"-{quant}")))
    (imatrix,) = (ours / "gguf").glob("*.imatrix")
    for quant in ("q4_k_m", "q4_0"):
        for kind in ("plain", "imatrix"):
            file = work / f"{kind}-{quant}.gguf"
            if not file.is_file():
                _llama_cpp_gguf(base, quant, file, imatrix if kind == "imatrix" else None)
            sides[f"llama.cpp {quant}{', imatrix' if kind == 'imatrix' else ''}"] = ("llama.cpp", file)
    return sides


def _name_cache_sizes(file: Path) -> None:
    """genai's builder leaves the sizes of the cache open, which only its own runtime fills in."""
    import onnx

    model = onnx.load(file, load_external_data=False)
    decoder = json.loads((file.parent / "genai_config.json").read_text())["model"]["decoder"]
    for value in (*model.graph.input, *model.graph.output):
        if value.name.startswith(("past_key_values", "present")):
            dims = value.type.tensor_type.shape.dim
            dims[1].dim_value, dims[3].dim_value = decoder["num_key_value_heads"], decoder["head_size"]
    onnx.save(model, file)


def _plain_graph(model: str) -> Any:
    import numpy as np

    from smolkit.export.graph import Shape, llama_graph
    from smolkit.export.onnx_model import layer_weights
    from smolkit.export.quantise import linears, round_nearest
    from smolkit.export.source import open_source

    source = open_source(model)
    blocks = {name: round_nearest(module.weight, 4) for name, module in linears(source.model).items()}
    blocks["model.embed_tokens"] = round_nearest(source.model.get_input_embeddings().weight, 8)
    return llama_graph(Shape.of(source.config), layer_weights(source.model, blocks), np.float32)


def _llama_cpp_gguf(base: Path, quant: str, file: Path, imatrix: Path | None) -> None:
    """llama.cpp's own choice of types, which for narrow models is not ours, as its users get it."""
    import llama_cpp
    from gguf import LlamaFileType

    from smolkit.export.gguf_file import imatrix_entries
    from smolkit.export.importance import read_imatrix

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = int(LlamaFileType[f"MOSTLY_{quant.upper()}"])
    if imatrix is not None:
        params.imatrix, _means = imatrix_entries(llama_cpp, read_imatrix(imatrix))
    assert llama_cpp.llama_model_quantize(str(base).encode(), str(file).encode(), params) == 0


def open_candidate(runtime: str, file: Path) -> Any:
    if runtime == "onnx":
        from smolkit.export.onnx_candidate import OnnxCandidate

        return OnnxCandidate(file, file.parent, threads=os.cpu_count() or 1)
    from smolkit.export.llama_candidate import LlamaCandidate

    return LlamaCandidate(file, tokens=CONTEXT, threads=os.cpu_count() or 1)


def contexts(model: str, tokens: int) -> list[list[int]]:
    from smolkit.models import load_tokenizer

    ids = load_tokenizer(model)(text())["input_ids"][:tokens]
    return [ids[start : start + CONTEXT] for start in range(0, len(ids), CONTEXT) if len(ids) - start > 1]


def reference(model: str, rows: list[list[int]], file: Path) -> dict[str, float]:
    """torch in float32; its choices go to `file`, for the agreement of the others."""
    import numpy as np
    import torch

    from smolkit.models import load_model

    loaded = load_model(model, dtype=torch.float32)
    with torch.inference_mode():
        logits = (loaded(torch.tensor([row]), use_cache=False).logits[0].numpy() for row in rows)
        found, choices = _loss(rows, logits)
    np.save(file, choices)
    return {"perplexity": found, "agreement": 1.0}


def measure(runtime: str, path: Path, rows: list[list[int]], choices_file: Path) -> dict[str, float]:
    import numpy as np

    candidate = open_candidate(runtime, path)
    found, choices = _loss(rows, (candidate.prefill(row) for row in rows))
    prompt, rest = rows[0][:32], rows[0][32 : 32 + DECODED]
    candidate.decode(prompt, rest[:4])
    began = time.perf_counter()
    candidate.decode(prompt, rest)
    size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
    return {
        "perplexity": found,
        "agreement": float((choices == np.load(choices_file)).mean()),
        "size": size / 1e6,
        "decode": DECODED / (time.perf_counter() - began),
    }


def _loss(rows: list[list[int]], logits: Iterator[Any]) -> tuple[float, Any]:
    import numpy as np
    import torch

    total, tokens, choices = 0.0, 0, []
    for row, found in zip(rows, logits, strict=True):
        for part, wanted in zip(torch.from_numpy(found[:-1]).split(32), torch.tensor(row[1:]).split(32), strict=True):
            total += float(torch.nn.functional.cross_entropy(part.double(), wanted, reduction="sum"))
        tokens += len(row) - 1
        choices.append(found.argmax(axis=-1))
    return math.exp(total / tokens), np.concatenate(choices)


def score(model: str, runtime: str, data: str, documents: int) -> dict[str, float]:
    command = [sys.executable, "-m", "smolkit", "eval", "extraction", "--model", model, "--runtime", runtime,
               "--dtype", "float32" if runtime == "torch" else "auto", "--data", data, "--limit", str(documents),
               "--max-new-tokens", "160", "--json"]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout)
    return {"f1": figures["micro_f1"], "documents_per_second": figures["documents_per_second"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--data", default=str(receipts() or ""))
    parser.add_argument("--only", default="", help="sides whose name holds this, and torch")
    parser.add_argument("--work", type=Path, default=Path("out/bench-quantisation"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    choices = args.work / "choices.npy"
    rows = contexts(args.model, args.tokens)
    if args.side:
        runtime, file = args.side
        of_torch = runtime == "torch"
        found = reference(args.model, rows, choices) if of_torch else measure(runtime, Path(file), rows, choices)
        print(json.dumps(found))
        return
    args.work.mkdir(parents=True, exist_ok=True)
    sides = {REFERENCE: ("torch", Path(args.model)), **build(args.model, args.work)}
    results = {}
    for name, (runtime, file) in sides.items():
        if args.only not in name and name != REFERENCE:
            continue
        command = [sys.executable, "-m", "benchmarks.quantisation", "--model", args.model, "--tokens", str(args.tokens),
                   "--work", str(args.work), "--side", runtime, str(file)]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
        if args.data and args.documents:
            results[name] |= score(str(file), runtime, args.data, args.documents)
        print(f"{name:24} {_line(results[name])}", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'side':24} {'ppl':>8} {'agree':>7} {'F1':>7} {'MB':>7} {'tok/s':>7} {'docs/s':>7}")
    for name, found in results.items():
        print(f"{name:24} {_line(found)}")


def _line(found: dict[str, float]) -> str:
    columns = (("perplexity", "8.3f"), ("agreement", "7.3f"), ("f1", "7.3f"), ("size", "7.0f"), ("decode", "7.1f"),
               ("documents_per_second", "7.2f"))  # fmt: skip
    return " ".join(
        format(found[name], shape) if name in found else " " * int(shape.split(".")[0]) for name, shape in columns
    )


if __name__ == "__main__":
    main()
