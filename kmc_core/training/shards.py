"""Shards: dozens of rendered clips in one safetensors file, written whole or not at all, read strictly."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import BODY_JOINTS, EXPRESSIONS, FACE_LANDMARKS

VERSION: Final = "2"
MAKE_AGAIN: Final = "delete it and run `python -m kmc_core.training.truth` again"


@dataclass(frozen=True)
class Pictures:
    """P pictures of every one of N clips with their exact truth; coordinates are pixels of the pictures."""

    images: Tensor  # uint8 [N, P, 3, H, W] RGB
    masks: Tensor  # uint8 [N, P, 1, H, W], 255 on the person
    body: Tensor  # [N, P, 25, 4] as Track.body
    world: Tensor  # [N, P, 25, 3] as Track.world
    hands: Tensor  # [N, P, 2, 21, 4] as Track.hands
    landmarks: Tensor  # [N, P, 478, 3] as FaceMotion.landmarks
    expression: Tensor  # [N, P, 52]
    rotation: Tensor  # [N, P, 3, 3]
    crop: Tensor  # [N, P, 3]
    face_confidence: Tensor  # [N, P]


@dataclass(frozen=True)
class ClipWords:
    """What is known of one clip in words."""

    caption: str
    subject: str  # identity; never shared between splits
    motion: str
    shot: str  # full, half, face
    family: str = "person"  # or cartoon


@dataclass(frozen=True)
class Shard:
    """N clips: T consecutive frames of a person, V other views of the person (the first like a user's)."""

    frames: Pictures  # P = T
    references: Pictures  # P = V
    words: tuple[ClipWords, ...]
    fps: float
    split: str


def write_shard(shard: Shard, path: Path) -> None:
    """Save atomically: a killed run leaves no file that looks finished."""
    tensors = {
        f"{part}.{f.name}": getattr(getattr(shard, part), f.name).contiguous()
        for part in _PARTS
        for f in fields(Pictures)
    }
    words = [vars(w) for w in shard.words]
    metadata = {
        "kmc_shard_version": VERSION,
        "fps": str(shard.fps),
        "split": shard.split,
        "clips": json.dumps(words),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    save_file(tensors, unfinished, metadata)
    os.replace(unfinished, path)


def read_shard(path: Path) -> Shard:
    """Load and check one shard; KMCError says what is wrong with it."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise KMCError(
            f"Expected a shard of clips at {path}, found no file; run `python -m kmc_core.training.truth`."
        ) from error
    except (SafetensorError, OSError) as error:
        raise KMCError(f"The shard {path} is damaged ({error}); {MAKE_AGAIN}.") from error
    if metadata.get("kmc_shard_version") != VERSION:
        found = metadata.get("kmc_shard_version", "none")
        raise KMCError(f"Expected a shard of version {VERSION} at {path}, got version {found}; {MAKE_AGAIN}.")
    words = tuple(ClipWords(**clip) for clip in json.loads(metadata["clips"]))
    parts = {part: _pictures(path, part, tensors, len(words)) for part in _PARTS}
    return Shard(parts["frames"], parts["references"], words, float(metadata["fps"]), metadata["split"])


def is_complete(path: Path, clips: int, size: int) -> bool:
    """True when a readable shard of `clips` clips is there already; KMCError for pictures of another side."""
    if not path.is_file():
        return False
    try:
        shard = read_shard(path)
    except KMCError:
        return False
    if (side := shard.frames.images.shape[-1]) != size:
        raise KMCError(
            f"{path} holds pictures of {side} pixels, and {size} are asked for. Give another --out, or move "
            "the folder away."
        )
    return len(shard.words) == clips


_PARTS: Final = ("frames", "references")


def _pictures(path: Path, part: str, tensors: dict[str, Tensor], clips: int) -> Pictures:
    values: dict[str, Any] = {f.name: tensors.get(f"{part}.{f.name}") for f in fields(Pictures)}
    if missing := [name for name, value in values.items() if value is None]:
        raise KMCError(f"The shard {path} lacks {part}.{missing[0]}; {MAKE_AGAIN}.")
    count, height, width = values["images"].shape[1], *values["images"].shape[-2:]
    trailing = {
        "images": (3, height, width),
        "masks": (1, height, width),
        "body": (len(BODY_JOINTS), 4),
        "world": (len(BODY_JOINTS), 3),
        "hands": (2, 21, 4),
        "landmarks": (FACE_LANDMARKS, 3),
        "expression": (len(EXPRESSIONS),),
        "rotation": (3, 3),
        "crop": (3,),
        "face_confidence": (),
    }
    for name, shape in trailing.items():
        dtype = torch.uint8 if name in ("images", "masks") else torch.float32
        expected = (clips, count, *shape)
        if tuple(values[name].shape) != expected or values[name].dtype != dtype:
            got = f"{tuple(values[name].shape)} {values[name].dtype}"
            raise KMCError(
                f"The shard {path} has {part}.{name} {got}, expected {expected} {dtype}; {MAKE_AGAIN}."
            )
    return Pictures(**values)
