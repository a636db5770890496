"""Everything a run needs to go on exactly: weights, their moving average, the optimizer and the random
state.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import KMCError
from .processes import rank, shared_like, whole


@dataclass
class TrainState:
    """The only mutable object of a run; the loop owns it."""

    model: nn.ModuleDict  # "animator" and "text"
    average: dict[str, Tensor]  # exponential moving average of the weights
    optimizer: torch.optim.AdamW
    rng: torch.Generator
    step: int = 0

    def update_average(self, decay: float) -> None:
        """Move the average towards the weights; early steps move faster, so that the start is forgotten."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)


def save_state(state: TrainState, path: Path) -> None:
    """Write the state atomically, from the first process: a killed process or a full disk leaves the last
    file whole.
    """
    tensors = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in moments.items()}
    tensors["rng"] = state.rng.get_state()
    tensors = {k: whole(v).contiguous() for k, v in tensors.items()}
    if rank() != 0:
        return
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, partial, {"step": str(state.step)})
    partial.replace(path)


def load_state(state: TrainState, path: Path) -> None:
    """Put a saved state into `state`; KMCError when the file is damaged or of another model."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            step = int((file.metadata() or {})["step"])
    except (SafetensorError, KeyError) as error:
        raise KMCError(f"Checkpoint {path} is damaged ({error}). Delete it to start afresh.") from error
    try:
        state.model.load_state_dict(_shared(tensors, "model.", state.average))
    except RuntimeError as error:
        raise KMCError(f"Checkpoint {path} is of another model: {error}") from error
    state.average = _shared(tensors, "average.", state.average)
    optimizer = state.optimizer.state_dict()
    moments: dict[int, dict[str, Tensor]] = {}
    weights = list(state.model.parameters())
    for name, value in _under(tensors, "optimizer.").items():
        index, key = name.split(".", 1)
        moment = value if key == "step" else shared_like(value, weights[int(index)])
        moments.setdefault(int(index), {})[key] = moment
    state.optimizer.load_state_dict(optimizer | {"state": moments})
    state.rng.set_state(tensors["rng"])
    state.step = step


def _shared(tensors: dict[str, Tensor], prefix: str, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under a prefix, each shared among the processes as the target of its name is."""
    return {
        name: shared_like(value, targets.get(name, value)) for name, value in _under(tensors, prefix).items()
    }


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
