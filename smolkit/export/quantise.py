"""Four bits that a small model survives: rounding that knows what the weights are multiplied with.

1. `sensitivities`: what rounding each matrix alone would cost, from one pass forward and back over calibration rows.
   To second order the loss in nats is half the Fisher information along the rounding error (Fisher as the Hessian of
   the KL divergence: Martens, arXiv:1412.1193), with labels drawn from the model itself.
2. `choose_bits`: 8 bits where they save most nats per byte, until the size budget is used up.
3. `compensate`: layer by layer, each column's rounding error is made up for by the columns still to come (GPTQ,
   arXiv:2210.17323, without reordering), on the inputs that the layers before, quantised already, really give. The
   scale of each block is searched for first, each weight counting as much as its input is driven.

The result is `Blocks`, which the ONNX files and llama.cpp's Q4_0 and Q8_0 store alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from smolkit.errors import ModelError
from smolkit.export.blocks import SIZE, Blocks
from smolkit.models.device import rough_products

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOW, HIGH = 4, 8
DAMPING = 0.01
"""Added to the diagonal of the inputs' second moments, as a part of its mean: what was not seen is not certain."""
_PIECE = 128
_FACTORS = tuple(0.72 + 0.04 * step for step in range(8))
"""Scales that are tried for a block of four bits, as parts of the one that just holds its largest weight."""


@dataclass(frozen=True)
class Sensitivity:
    """One matrix: expected loss in nats per token when it alone is rounded, and what it takes, by bits."""

    loss: Mapping[int, float]
    bytes: Mapping[int, int]


def linears(model: PreTrainedModel) -> dict[str, torch.nn.Linear]:
    """The matrices of the decoder layers with rows of whole blocks, by module name; embedding and head are not."""
    layers = getattr(model.get_decoder(), "layers", None)
    if layers is None:
        raise ModelError(
            f"the matrices of the architecture {model.config.model_type!r} are not found, to store them in fewer bits",
            fix="Take fp32 or fp16",
        )
    prefix = next(name for name, module in model.named_modules() if module is layers)
    found = {
        f"{prefix}.{name}": module
        for name, module in layers.named_modules()
        if isinstance(module, torch.nn.Linear) and module.in_features % SIZE == 0
    }
    if not found:
        raise ModelError(f"no matrix has rows of whole blocks of {SIZE}, to store them in fewer bits", fix="Take f16")
    return found


def round_nearest(weight: torch.Tensor, bits: int, importance: torch.Tensor | None = None) -> Blocks:
    """Every weight of [out, in] to its nearest code; block scales by weighted search where `importance` [in] is given.

    Without importance it is the plain rounding of other exporters, the base line of our measurements.
    """
    weight = weight.detach().float()
    blocked = weight.unflatten(1, (-1, SIZE))
    driven = torch.ones_like(weight[0]) if importance is None else importance.float()
    scales = _scales(blocked, bits, driven.unflatten(0, (-1, SIZE)), search=importance is not None)
    return _blocks(_numbers(blocked, scales[..., None], bits).flatten(1), scales, bits)


def choose_bits(found: Mapping[str, Sensitivity], groups: Sequence[Sequence[str]], budget: int) -> dict[str, int]:
    """Bits by matrix: 8 where they save most per byte, as long as all matrices together stay within `budget` bytes.

    The matrices of one of `groups` are stored as one and get the same.
    """
    together = {name: tuple(group) for group in groups for name in group}
    units = {together.get(name, (name,)) for name in found}

    def gain(unit: tuple[str, ...]) -> float:
        return sum(found[name].loss[LOW] - found[name].loss[HIGH] for name in unit) / added(unit)

    def added(unit: tuple[str, ...]) -> int:
        return sum(found[name].bytes[HIGH] - found[name].bytes[LOW] for name in unit)

    bits = dict.fromkeys(found, LOW)
    room = budget - sum(one.bytes[LOW] for one in found.values())
    for unit in sorted(units, key=gain, reverse=True):
        if added(unit) <= room:
            room -= added(unit)
            bits |= dict.fromkeys(unit, HIGH)
    return bits


def sensitivities(
    model: PreTrainedModel, sequences: Sequence[Sequence[int]], *, scale_bytes: int = 2, seed: int = 0
) -> dict[str, Sensitivity]:
    """What rounding costs each matrix of `linears`, on token sequences; a block's scale has `scale_bytes`."""
    modules = linears(model)
    errors = {name: _rounding_error(module.weight, LOW) for name, module in modules.items()}
    losses = dict.fromkeys(modules, 0.0)
    inputs: dict[str, torch.Tensor] = {}

    def remember(name: str) -> Callable[..., None]:
        return lambda module, given, output: inputs.__setitem__(name, given[0].detach().flatten(0, 1))

    def add_up(name: str) -> Callable[..., None]:
        def hook(module: Any, _: Any, gradients: tuple[torch.Tensor, ...]) -> None:
            gradient = gradients[0].detach().flatten(0, 1)
            # Of the whole sequence, then squared: errors of many tokens meet again in attention and add up there.
            along = (gradient * (inputs.pop(name) @ errors[name].T)).sum()
            losses[name] += 0.5 * float(along.square())

        return hook

    handles = [module.register_forward_hook(remember(name)) for name, module in modules.items()]
    handles += [module.register_full_backward_hook(add_up(name)) for name, module in modules.items()]
    draw = torch.Generator().manual_seed(seed)
    tokens = 0
    try:
        with _without_parameter_gradients(model), rough_products():
            for ids in _pieces(sequences):
                states = model.get_input_embeddings()(torch.tensor([ids])).detach().requires_grad_()
                logits = model(inputs_embeds=states, use_cache=False).logits[0].float()
                _check_finite(logits)
                drawn = _drawn(logits.detach(), draw)
                torch.nn.functional.cross_entropy(logits, drawn, reduction="sum").backward()
                tokens += len(ids)
    finally:
        for handle in handles:
            handle.remove()
    return {
        name: Sensitivity(
            # The error at 8 bits looks no other than that at 4, only smaller.
            loss={LOW: loss / tokens, HIGH: loss / tokens * _smaller(modules[name].weight, errors[name])},
            bytes={bits: _bytes(modules[name].weight, bits, scale_bytes) for bits in (LOW, HIGH)},
        )
        for name, loss in losses.items()
    }


def _drawn(logits: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """One label for each row of logits, by its probability; `torch.multinomial` takes five times as long."""
    below = logits.softmax(dim=-1).cumsum(dim=-1)
    wanted = torch.rand(len(logits), 1, generator=draw) * below[:, -1:]
    return torch.searchsorted(below, wanted, right=True)[:, 0].clamp_(max=logits.shape[-1] - 1)


def _pieces(sequences: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Short pieces of the sequences: each is one sample of the estimate, and many are needed."""
    for ids in sequences:
        yield from (ids[start : start + _PIECE] for start in range(0, len(ids), _PIECE))


def _smaller(weight: torch.Tensor, error: torch.Tensor) -> float:
    """By what factor the square of the rounding error at 8 bits is below that at 4."""
    square = float(error.square().sum())
    return float(_rounding_error(weight, HIGH).square().sum()) / square if square else 0.0


@torch.inference_mode()
@rough_products()
def compensate(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    bits: Mapping[str, int],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Blocks]:
    """Quantise the matrices named in `bits`, layer by layer, on what the layers before really give.

    The weights of `model` are replaced by the quantised ones. `progress` is told of layers done, and how many there
    are. Raises ModelError where the activations are no numbers.
    """
    layers = model.get_decoder().layers
    names = {module: name for name, module in linears(model).items()}
    calls = _layer_calls(model, sequences)
    result: dict[str, Blocks] = {}
    for number, layer in enumerate(layers):
        for together, moment in _second_moments(layer, calls):
            modules = [module for module in together if names.get(module) in bits]
            found = gptq([module.weight for module in modules], moment, [bits[names[module]] for module in modules])
            for module, blocks in zip(modules, found, strict=True):
                result[names[module]] = blocks
                module.weight.copy_(torch.from_numpy(blocks.dense()).to(module.weight.dtype))
        calls = [call.after(layer) for call in calls]
        progress(number + 1, len(layers))
    return result


def gptq(weights: Sequence[torch.Tensor], moment: torch.Tensor, bits: Sequence[int]) -> list[Blocks]:
    """Codes of matrices [out, in] that read the same inputs, whose second moments are [in, in].

    Errors are made up for as they arise. Each matrix has its own `bits`; what a row becomes depends on no other row,
    so that all are worked on at once, a column of theirs side by side in memory.
    """
    if not weights:
        return []
    upper, driven = _inverse_factor(moment.float())
    columns = torch.cat([weight.detach().float() for weight in weights]).T.contiguous()  # [in, all rows]
    lengths = [weight.shape[0] for weight in weights]
    highest = torch.cat([torch.full((rows,), 2.0 ** (each - 1)) for rows, each in zip(lengths, bits, strict=True)])
    numbers = torch.empty_like(columns)
    scales = columns.new_empty(columns.shape[0] // SIZE, columns.shape[1])
    for block, start in enumerate(range(0, columns.shape[0], SIZE)):
        end = start + SIZE
        own, errors = columns[start:end], columns.new_empty(SIZE, columns.shape[1])
        rows = own.T.contiguous()[:, None].split(lengths)
        scale = torch.cat([
            _scales(part, each, driven[start:end][None], search=True)[:, 0]
            for part, each in zip(rows, bits, strict=True)
        ])  # fmt: skip
        scales[block], divisor = scale, torch.where(scale == 0, 1.0, scale)
        for column in range(SIZE):
            at = start + column
            number = torch.div(own[column], divisor, out=numbers[at]).round_().clamp_(-highest, highest - 1)
            error = torch.sub(own[column], number * scale, out=errors[column]).div_(upper[at, at])
            own[column + 1 :].addr_(upper[at, at + 1 : end], error, alpha=-1)
        columns[end:].addmm_(upper[start:end, end:].T, errors, alpha=-1)
    parts = zip(numbers.split(lengths, dim=1), scales.split(lengths, dim=1), bits, strict=True)
    return [_blocks(part.T, scale.T, each) for part, scale, each in parts]


def _inverse_factor(moment: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The upper Cholesky factor of the damped inverse, and how much each input is driven, [in].

    A row of the factor says how much each later column can do about an error in this one.
    """
    moment = moment.clone()
    diagonal = moment.diagonal()
    diagonal[diagonal == 0] = 1  # an input that was never seen
    driven = diagonal.clone()
    diagonal += DAMPING * driven.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moment))
    return torch.linalg.cholesky(inverse, upper=True), driven


@dataclass(frozen=True)
class _Call:
    """One sequence on its way through the layers: hidden states [1, tokens, hidden], and what else a layer is given."""

    states: torch.Tensor
    others: dict[str, Any]

    def run(self, layer: torch.nn.Module) -> torch.Tensor:
        output = layer(self.states, **self.others)
        return output[0] if isinstance(output, tuple) else output

    def after(self, layer: torch.nn.Module) -> _Call:
        return _Call(self.run(layer), self.others)


def _layer_calls(model: PreTrainedModel, sequences: Sequence[Sequence[int]]) -> list[_Call]:
    """What the first layer is given for each sequence."""
    calls: list[_Call] = []

    class Seen(Exception):
        pass

    def hook(module: Any, given: tuple[Any, ...], others: dict[str, Any]) -> None:
        calls.append(_Call(given[0] if given else others["hidden_states"], _without(others, "hidden_states")))
        raise Seen

    handle = model.get_decoder().layers[0].register_forward_pre_hook(hook, with_kwargs=True)
    try:
        for ids in sequences:
            try:
                model(torch.tensor([ids]), use_cache=False)
            except Seen:
                continue
    finally:
        handle.remove()
    return calls


def _second_moments(layer: torch.nn.Module, calls: Sequence[_Call]) -> list[tuple[list[torch.nn.Linear], torch.Tensor]]:
    """The matrices of a layer by what they read, each time with the mean of x x^T over all tokens, [in, in]."""
    sums: dict[torch.nn.Linear, torch.Tensor] = {}
    together: dict[torch.nn.Linear, list[torch.nn.Linear]] = {}
    last: list[tuple[torch.Tensor, torch.nn.Linear]] = []

    def hook(module: torch.nn.Linear, given: tuple[torch.Tensor, ...], output: Any) -> None:
        if last and last[0][0] is given[0]:
            first = last[0][1]
            together[first] += [module] if module not in together[first] else []
            return
        last[:] = [(given[0], module)]
        together.setdefault(module, [module])
        states = given[0].flatten(0, 1).float()
        moment = states.T @ states
        _check_finite(moment)
        sums[module] = sums[module] + moment if module in sums else moment

    modules = [module for module in layer.modules() if isinstance(module, torch.nn.Linear)]
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        for call in calls:
            call.run(layer)
    finally:
        for handle in handles:
            handle.remove()
    tokens = sum(call.states.shape[1] for call in calls)
    return [(together[module], total / tokens) for module, total in sums.items()]


def _scales(blocked: torch.Tensor, bits: int, driven: torch.Tensor, *, search: bool) -> torch.Tensor:
    """Scales [out, blocks] for weights [out, blocks, SIZE], `driven` [blocks, SIZE] saying how much each counts.

    The largest weight of a block takes the lowest code, which has no positive counterpart: the scale has its sign.
    """
    largest = blocked.abs().max(dim=-1, keepdim=True)
    extreme = blocked.gather(-1, largest.indices)[..., 0]
    whole = extreme / -(2 ** (bits - 1))
    if not search:
        return whole
    # At 8 bits there is nothing to gain by cutting off; the sign is free in both.
    factors = torch.tensor(_FACTORS if bits == LOW else (1.0,))
    factors = torch.cat([factors, -factors * 2 ** (bits - 1) / (2 ** (bits - 1) - 1)])
    tried = whole * factors[:, None, None]
    # Given the codes, the best scale is a weighted regression. All factors at once: [factors, out, blocks, SIZE].
    numbers = _numbers(blocked, tried[..., None], bits)
    weighted = numbers * driven
    square = (weighted * numbers).sum(dim=-1)
    product = (weighted * blocked).sum(dim=-1)
    # With the best scale the error is that of all zeros less product^2 / square.
    gained = torch.where(square > 0, product.square() / square, 0.0)
    best = gained.argmax(dim=0, keepdim=True)
    return torch.where(square > 0, product / square, tried).gather(0, best)[0]


def _numbers(weights: torch.Tensor, scales: torch.Tensor, bits: int) -> torch.Tensor:
    """Codes less the code of zero."""
    highest = 2 ** (bits - 1)
    return (weights / torch.where(scales == 0, 1.0, scales)).round_().clamp_(-highest, highest - 1)


def _blocks(numbers: torch.Tensor, scales: torch.Tensor, bits: int) -> Blocks:
    codes = (numbers + 2 ** (bits - 1)).to(torch.uint8).contiguous()
    return Blocks(codes.numpy(), scales.contiguous().numpy(), bits)


def _rounding_error(weight: torch.Tensor, bits: int) -> torch.Tensor:
    return torch.from_numpy(round_nearest(weight, bits).dense()) - weight.detach().float()


def _bytes(weight: torch.Tensor, bits: int, scale_bytes: int) -> int:
    return weight.numel() * bits // 8 + weight.numel() // SIZE * scale_bytes


def _check_finite(values: torch.Tensor) -> None:
    if not bool(torch.isfinite(values).all()):
        raise ModelError(
            "the model computes numbers that are not finite (NaN or infinite)",
            fix="Its weights are damaged: train or fetch them again",
        )


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


@contextmanager
def _without_parameter_gradients(model: PreTrainedModel) -> Iterator[None]:
    """Only activations need gradients here; those of the weights would cost as much time again, and memory."""
    wanted = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    model.requires_grad_(False)
    try:
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(wanted[name])
