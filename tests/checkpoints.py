"""A tiny animator's checkpoint, for tests that load one into the host."""

from pathlib import Path

import torch

from kmc_core.model.checkpoint import save_animator
from kmc_core.model.text import TextEncoder
from tiny import PARAMS, tiny_animator

TINY = "tiny.safetensors"


def tiny_text_encoder() -> TextEncoder:
    """The text encoder of the tiny animator, random and the same each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return TextEncoder(PARAMS.text)


def write_tiny_animator(base: Path) -> Path:
    """Save the tiny animator into the model folder of a host's base folder."""
    folder = base / "models" / "kmc"
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"animator.{name}": tensor for name, tensor in tiny_animator().state_dict().items()}
    state |= {f"text.{name}": tensor for name, tensor in tiny_text_encoder().state_dict().items()}
    save_animator(folder / TINY, PARAMS, state, {})
    return folder / TINY
