"""Documents per second on the CPU: smolkit's runtimes beside plain llama-cpp-python with its own grammar.

    python -m benchmarks.extraction [--documents 50] [--json]

Real SROIE receipts where `$SMOLKIT_DATA` has them, else synthetic documents. Every side runs the bundled
SmolLM2-135M-Instruct in a process of its own on the same prompts, greedily, held to the template. Plain
llama-cpp-python takes the Q4_1 file, its JSON-schema grammar and its own reuse of common beginnings; smolkit runs the
weights in torch and, as graphs in memory, in ONNX Runtime. `$SMOLKIT_ONNX` names an export of the bundled model with a
directory for each precision, as `smolkit export bundled --target onnx --quant fp32,q8,q4 --out DIR` writes it; without
it no export runs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks._sides import receipts, run_sides
from smolkit.cli._common import keep_threads_awake
from smolkit.data.rows import Row, read_rows, validate_rows
from smolkit.data.synth import generate
from smolkit.extraction.answer import parse_answer
from smolkit.extraction.metric import aggregate, score
from smolkit.extraction.schema import json_schema
from smolkit.models import bundled_gguf

MAX_NEW_TOKENS = 160


def load(documents: int) -> list[Row]:
    if file := receipts():
        return read_rows(file, limit=documents)
    return validate_rows(list(generate(documents, 0, "test")))


def plain_llama_cpp(rows: list[Row]) -> Iterator[Any]:
    from llama_cpp import Llama, LlamaGrammar

    from smolkit.data.render import encode_prompt
    from smolkit.extraction.prompt import get_format

    llama = Llama(str(bundled_gguf()), n_ctx=4096, n_threads=os.cpu_count(), verbose=False)

    def encode(text: str, *, special: bool) -> list[int]:
        return list(llama.tokenize(text.encode(), add_bos=False, special=special))

    grammars: dict[str, Any] = {}
    yield
    for row in rows:
        schema = json.dumps(json_schema(row.template))
        if schema not in grammars:
            grammars[schema] = LlamaGrammar.from_json_schema(schema, verbose=False)
        prompt = encode_prompt(get_format("smolkit-1"), row.template, row.text, encode)
        answer = llama.create_completion(prompt, grammar=grammars[schema], temperature=0.0, max_tokens=MAX_NEW_TOKENS)
        yield parse_answer(answer["choices"][0]["text"]).scored


def smolkit_runtime(runtime: str, model: str = "bundled", dtype: str = "auto") -> Callable[[list[Row]], Iterator[Any]]:
    def run(rows: list[Row]) -> Iterator[Any]:
        keep_threads_awake()  # as the commands do
        from smolkit.runtime import open_extractor
        from smolkit.runtime.extractor import Request

        with open_extractor(model, runtime=runtime, dtype=dtype) as extractor:
            yield
            requests = [Request(row.text, row.template) for row in rows]
            for answer in extractor.extract_many(requests, max_new_tokens=MAX_NEW_TOKENS):
                yield answer.output or {}

    return run


def exports() -> dict[str, str]:
    """The ONNX exports to run, by the name of their side."""
    files = Path(os.environ["SMOLKIT_ONNX"]).glob("*/model.onnx") if "SMOLKIT_ONNX" in os.environ else ()
    return {f"smolkit export {file.parent.name}": str(file) for file in sorted(files)}


SIDES: dict[str, Callable[[list[Row]], Iterator[Any]]] = {
    "llama-cpp-python": plain_llama_cpp,
    "smolkit torch": smolkit_runtime("torch"),
    "smolkit onnx in float32": smolkit_runtime("onnx", dtype="float32"),
    "smolkit onnx in int8": smolkit_runtime("onnx", dtype="int8"),
    "smolkit llama.cpp": smolkit_runtime("llama.cpp"),
    **{name: smolkit_runtime("onnx", model) for name, model in exports().items()},
}


def measure(side: Callable[[list[Row]], Iterator[Any]], rows: list[Row]) -> dict[str, float]:
    """Documents per second from the loaded model to the last answer, and micro F1."""
    answers = side(rows)
    next(answers)
    began = time.perf_counter()
    outputs = list(answers)
    seconds = time.perf_counter() - began
    scores = [score(row.output, output, template=row.template) for row, output in zip(rows, outputs, strict=True)]
    return {"documents_per_second": len(rows) / seconds, "micro_f1": aggregate(scores).micro.f1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(measure(SIDES[args.side], load(args.documents))))
        return
    results = run_sides("benchmarks.extraction", SIDES, "--documents", str(args.documents))
    if args.json:
        print(json.dumps(results, indent=2))
        return
    stock = results["llama-cpp-python"]["documents_per_second"]
    print(f"{'side':26} {'documents/s':>12} {'times plain':>12} {'micro F1':>9}")
    for name, found in results.items():
        rate = found["documents_per_second"]
        print(f"{name:26} {rate:12.2f} {rate / stock:12.2f} {found['micro_f1']:9.3f}")


if __name__ == "__main__":
    main()
