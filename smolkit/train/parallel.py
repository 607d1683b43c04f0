"""The processes of a run and what they share: torchrun's ranks, sharding, and a proof that the start was right.

All kinds of parallel training are PyTorch's `fully_shard` (FSDP2): `fsdp` shards over all ranks or over groups of them,
`ddp` replicates, which is a group of one. So weights are float32 masters, computed with in bfloat16, and their
gradients are summed in float32, exactly as in a single process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard

from smolkit.errors import SmolkitError
from smolkit.train.language_model import LanguageModel

_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_PATIENCE = timedelta(minutes=30)
_LONG_PATIENCE = timedelta(days=2)
"""For what one rank does while the others wait, such as hashing terabytes of tokens."""

T = TypeVar("T")


class ToldByTheFirst(SmolkitError):
    """What the first rank has raised, on another rank: that one says it."""


@dataclass(frozen=True)
class World:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    control: dist.ProcessGroup | None = None
    """The group in which ranks agree on what to do, on the CPU and with patience."""
    writers: dist.ProcessGroup | None = None
    """The group in which checkpoints are written, beside the run's own exchanges."""

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def total(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all ranks, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.control)
        return values

    def agree(self, value: Any) -> Any:
        """The first rank's value, on every rank."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, group=self.control)
        return held[0]

    def lead(self, work: Callable[[], T]) -> T:
        """Do `work` on the first rank; every rank returns its value, or raises when it has raised a SmolkitError."""
        value: T | None = None
        fault: SmolkitError | None = None
        if self.leads:
            try:
                value = work()
            except SmolkitError as exc:
                fault = exc
        said, value = self.agree((str(fault) if fault else None, value))
        if fault:
            raise fault
        if said is not None:
            raise ToldByTheFirst(said)
        return value

    def wait(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            dist.barrier(group=self.control)


@contextmanager
def open_world() -> Iterator[World]:
    """Join the processes that torchrun started; a process of its own is a world of one."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if size == 1:
        yield World(device=device)
        return
    missing = [name for name in _LAUNCHED if name not in os.environ]
    if missing:
        raise SmolkitError(
            f"WORLD_SIZE is {size}, but {missing[0]} is not set",
            fix="Start with torchrun, as in: torchrun --nproc-per-node 8 -m smolkit pretrain RECIPE",
        )
    if device.type == "cuda":
        local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= there:
            fix = f"Start with torchrun --nproc-per-node {there}"
            raise SmolkitError(f"process {local} of this machine has no GPU of its own, there are {there}", fix=fix)
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        control, writers = (dist.new_group(backend="gloo", timeout=_LONG_PATIENCE) for _ in range(2))
        assert isinstance(control, dist.ProcessGroup)
        assert isinstance(writers, dist.ProcessGroup)
        yield World(dist.get_rank(), size, device, control, writers)
    finally:
        dist.destroy_process_group()


def share_out(model: LanguageModel, shards: int, world: World, dtype: torch.dtype) -> None:
    """Cut a `LanguageModel` with float32 weights into `shards` over the ranks, in place, and replicate those over what
    ranks are left; layers are units.

    Gradients are sums over ranks: whoever computes the loss divides by what all ranks have.
    """
    shape = world.size // shards, shards
    whole = init_device_mesh(world.device.type, shape, mesh_dim_names=("replicate", "shard"))
    mesh = whole["shard"] if shards == world.size else whole
    policy = MixedPrecisionPolicy(
        param_dtype=dtype if dtype != torch.float32 else None, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for layer in model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo knows no other


@contextmanager
def gathered(model: LanguageModel) -> Iterator[None]:
    """Meanwhile every rank has the whole weights, in the type that is computed with; all of them must ask."""
    shared = [module for module in model.modules() if isinstance(module, FSDPModule)]
    for module in shared:
        module.unshard()
    try:
        yield
    finally:
        for module in shared:
            module.reshard()


def check_start(model: LanguageModel, world: World) -> dict[str, int]:
    """Prove that what is replicated is equal on every rank and what is sharded differs; counts of both.

    Shards that are equal were drawn from one seed on every rank, a fault that trains and is never seen (nanotron's
    QKV 1 = QKV 2). Constant tensors, such as norms of ones, may be equal. Raises SmolkitError naming the tensor.
    """
    seen = {name: _fingerprint(parameter) for name, parameter in model.causal.named_parameters()}
    everywhere = world.gather(seen)
    replicated = sharded = 0
    for name in seen:
        found = [other[name] for other in everywhere]
        by_shard: dict[Any, set[str]] = {}
        for one in found:
            by_shard.setdefault(one.place, set()).add(one.digest)
        if any(len(digests) > 1 for digests in by_shard.values()):
            raise SmolkitError(
                f"the start-up check failed: {name} is replicated, and differs between ranks",
                fix="Start every rank with the same seed and the same weights",
            )
        varied = {one.place: one.digest for one in found if not one.constant}
        if len(set(varied.values())) < len(varied):
            raise SmolkitError(
                f"the start-up check failed: shards of {name} are equal on different ranks",
                fix="Draw the whole matrix, then cut it; or add the rank to the seed",
            )
        sharded += len(by_shard) > 1
        replicated += len(by_shard) == 1
    return {"replicated": replicated, "sharded": sharded}


@dataclass(frozen=True)
class _Fingerprint:
    place: tuple[int, ...]
    """Which part of the tensor the rank has."""
    digest: str
    constant: bool


def _fingerprint(parameter: torch.Tensor) -> _Fingerprint:
    place: tuple[int, ...] = ()
    local = parameter.detach()
    if isinstance(local, DTensor):
        coordinate: Any = local.device_mesh.get_coordinate() or ()
        place = tuple(
            at for at, placement in zip(coordinate, local.placements, strict=True) if isinstance(placement, Shard)
        )
        local = local.to_local()
    local = local.float().contiguous().cpu()
    constant = bool(local.numel() == 0 or (local == local.flatten()[0]).all())
    return _Fingerprint(place, hashlib.sha256(local.numpy().tobytes()).hexdigest(), constant)
