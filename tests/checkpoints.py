"""A tiny animator's checkpoint, for tests that load one into the host."""

from pathlib import Path

import torch

from kmc_core.model.checkpoint import save_animator
from kmc_core.model.params import AnimatorParams
from kmc_core.model.text import TextEncoder
from tiny import PARAMS, tiny_animator, tiny_student

TINY, STUDENT = "tiny.safetensors", "tiny_student.safetensors"


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


def _write(base: Path, name: str, params: AnimatorParams, network: dict[str, torch.Tensor]) -> Path:
    folder = base / "models" / "kmc"
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"animator.{key}": tensor for key, tensor in network.items()}
    state |= {f"text.{key}": tensor for key, tensor in tiny_text_encoder().state_dict().items()}
    save_animator(folder / name, params, state, {})
    return folder / name
