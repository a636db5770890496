"""A tiny animator's checkpoint, for tests that load one into the host."""

from pathlib import Path

import torch

from kmc_core.model.checkpoint import save_animator
from kmc_core.model.params import AnimatorParams
from kmc_core.model.text import TextEncoder
from tiny import PARAMS, tiny_animator, tiny_student

TINY, STUDENT, MIRROR = "tiny.safetensors", "tiny_student.safetensors", "tiny_mirror.safetensors"


def tiny_text_encoder() -> TextEncoder:
    """The text encoder of the tiny animator, random and the same each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return TextEncoder(PARAMS.text)


def write_tiny_animator(base: Path) -> Path:
    """Save the tiny animator into the model folder of a host's base folder."""
    return _write(base, TINY, PARAMS, tiny_animator().state_dict())


def write_tiny_student(base: Path) -> Path:
    """The same for one that heeds guidance strengths."""
    student = tiny_student()
    return _write(base, STUDENT, student.params, student.state_dict())


def write_mirror_animator(base: Path) -> Path:
    """The same for one that takes every noisy frame for the clean one, and so gives back what it is shown."""
    network = tiny_animator()
    width, colours, linear = PARAMS.pixel_width, PARAMS.channels, 4.0  # SiLU hardly bends there
    fine1, fine2 = network.head.fine1, network.head.fine2
    for layer in (fine1, fine2):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        fine1.bias[:colours] = linear
        fine2.bias[2] = 50.0  # the third gate: own paint
        fine2.bias[5:] = -linear
        for colour in range(colours):
            fine1.weight[colour, width + colour, 1, 1] = 1.0
            fine2.weight[5 + colour, colour, 1, 1] = 1.0
    return _write(base, MIRROR, PARAMS, network.state_dict())


def _write(base: Path, name: str, params: AnimatorParams, network: dict[str, torch.Tensor]) -> Path:
    folder = base / "models" / "kmc"
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"animator.{key}": tensor for key, tensor in network.items()}
    state |= {f"text.{key}": tensor for key, tensor in tiny_text_encoder().state_dict().items()}
    save_animator(folder / name, params, state, {})
    return folder / name
