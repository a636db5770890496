"""Several processes train one model (torchrun): FSDP2 shards its weights, each takes its parts of a batch."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from ..errors import KMCError


@contextmanager
def joined() -> Iterator[None]:
    """Among the other processes of a torchrun until all are done; nothing to do in a process by itself.

    Who leaves without a word may be aborted by its own threads, which still talk to the others.
    """
    if "RANK" not in os.environ:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(device())
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    yield
    dist.barrier()
    dist.destroy_process_group()


def device() -> torch.device:
    """Where this process trains: its own GPU where there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def rank() -> int:
    """Number of this process; 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(model: nn.ModuleDict) -> None:
    """Keep only this process's part of every weight; blocks gather theirs when they run."""
    if count() == 1:
        return
    # Outputs are views, as einops makes them; nothing is done to them in place.
    warnings.filterwarnings("ignore", message=".*returned a view tensor", category=UserWarning)
    for module in model.values():
        for block in cast(Iterable[nn.Module], getattr(module, "blocks", ())):
            fully_shard(block)
            for method in ("encode_reference", "encode_context"):
                register_fsdp_forward_method(block, method)
        if any(True for _ in module.parameters()):
            fully_shard(module)


def own_parts(parts: int) -> range:
    """Which parts of a batch this process takes; KMCError where they cannot be shared evenly."""
    if parts % count():
        raise KMCError(
            f"{count()} processes cannot share {parts} parts of a batch evenly. Set `parts` in the config to "
            f"a multiple of {count()}."
        )
    return range(rank(), parts, count())


def whole(value: Tensor) -> Tensor:
    """A weight with the parts of all processes; all have to ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def shared_like(value: Tensor, target: Tensor) -> Tensor:
    """A whole tensor on `target`'s device, shared among the processes as it is."""
    value = value.to(target.device)
    if isinstance(target, DTensor):
        return distribute_tensor(value, target.device_mesh, target.placements)
    return value


def mean(logs: dict[str, float]) -> dict[str, float]:
    """Mean of every figure over the processes."""
    if count() == 1:
        return logs
    values = torch.tensor(list(logs.values()), dtype=torch.float64, device=device())
    dist.all_reduce(values)
    return dict(zip(logs, (values / count()).tolist(), strict=True))


def all_agree(this: bool) -> bool:
    """Whether the same is true for every process."""
    return mean({"this": float(this)})["this"] == 1
