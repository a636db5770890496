"""The animator's checkpoint: one safetensors file, its sizes in the metadata, loaded strictly."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import KMCError
from .params import AnimatorParams, read_params

KIND, VERSION = "kmc_animator", "1"


def save_animator(
    path: Path, params: AnimatorParams, state: dict[str, Tensor], notes: dict[str, str]
) -> None:
    """Write weights as fp16 with their params; the file appears whole or not at all."""
    half = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in state.items()}
    metadata = notes | {"kind": KIND, "version": VERSION, "params": json.dumps(asdict(params))}
    partial = path.with_suffix(".partial")
    save_file(half, partial, metadata)
    partial.replace(path)


def animator_params(metadata: dict[str, str], origin: str) -> AnimatorParams:
    """Sizes from a checkpoint's metadata; KMCError when it is not an animator of a version that this code
    reads.
    """
    kind, version = metadata.get("kind"), metadata.get("version")
    if kind != KIND:
        raise KMCError(
            f"{origin} is not a KMC animator: expected kind '{KIND}' in its metadata, got {kind!r}. "
            "Choose a file from models/kmc, for example kmc_mini.safetensors."
        )
    if version != VERSION:
        raise KMCError(
            f"{origin} has format version {version}, expected {VERSION}. Update KMC Motion Control."
        )
    try:
        values = json.loads(metadata["params"])
        # Files of before know nothing of the head's blocks, and have none.
        return read_params({"pixel_blocks": 0} | values | {"text": values["text"]})
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise KMCError(
            f"{origin} describes sizes that this version does not know ({error}). Update KMC Motion Control, "
            "or download the file again."
        ) from error


def load_animator_file(path: Path) -> tuple[AnimatorParams, dict[str, Tensor]]:
    """Read params and weights ("animator.*", "text.*") from a file; KMCError when missing, truncated or
    foreign.
    """
    if not path.is_file():
        raise KMCError(
            f"Animator weights not found: {path.name}. Put the file into models/kmc or reinstall the pack."
        )
    try:
        with safe_open(path, "pt") as file:
            params = animator_params(file.metadata() or {}, path.name)
            return params, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise KMCError(f"{path.name} is damaged ({error}). Download or copy it again.") from error
