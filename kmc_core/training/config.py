"""One TOML file per run. Unknown or missing keys are refused."""

import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import KMCError
from ..model.params import AnimatorParams, read_params
from .distill_config import DistillConfig
from .loss_config import LossConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # absent where pyright runs on 3.11


NOT_DISTILLED = {"animator", "closeups", "loss", "pixel_blocks", "restart_head", "size", "trains"}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on beside the code."""

    name: str
    data: str  # folder of truth shards of the training split
    out: str  # folder for checkpoints, logs and sample sheets
    steps: int
    batch: int  # clips a step
    parts: int = 1  # of the batch, one after the other or shared by processes; less memory
    frames: int = 1  # consecutive frames of a clip
    views: int = 3  # most reference views of a step; every step draws 1..views
    distill: DistillConfig | None = None  # make a student of `start`, which then is the teacher
    rate: float = 4e-4
    warmup: int = 100
    decay_from: float = 0.5  # share of the run after which the rate falls linearly to zero
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.998
    drop: float = 0.1  # chance of dropping each condition of a clip
    loss: LossConfig = field(default_factory=LossConfig)
    save_every: int = 200
    seed: int = 0
    start: str = ""  # animator to start from; empty starts afresh
    animator: AnimatorParams = field(default_factory=AnimatorParams)  # sizes, where the run starts afresh
    restart_head: bool = False  # forget the last layer of `start`: begin at the prior itself
    size: int = 0  # side of the pictures where it is another than that of `start`
    pixel_blocks: int = 0  # of the head, where that is more than `start` has: new ones start without effect
    trains: tuple[str, ...] = ()  # parts of the names of the weights that are trained; all when empty
    closeups: bool = False  # draw only clips that show a face or a hand large


def read_config(path: Path) -> TrainConfig:
    """Read a run's TOML; KMCError names the wrong key."""
    if not path.is_file():
        raise KMCError(f"Training config {path} not found. The bundled ones are in configs/.")
    with path.open("rb") as file:
        try:
            values: dict[str, Any] = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise KMCError(f"{path} is not valid TOML: {error}.") from error
    known = {f.name for f in fields(TrainConfig)}
    if unknown := sorted(values.keys() - known):
        raise KMCError(f"{path} has unknown keys {unknown}; known are {sorted(known)}.")
    try:
        if "distill" in values:
            values["distill"] = DistillConfig(**values["distill"])
        if "loss" in values:
            values["loss"] = LossConfig(**values["loss"])
        if "trains" in values:
            if not isinstance(values["trains"], list):
                raise TypeError(f"trains must be a list of parts of names, got {values['trains']!r}")
            values["trains"] = tuple(values["trains"])
        if "distill" in values and (unused := sorted(NOT_DISTILLED & values.keys())):
            raise TypeError(f"a distillation does not use {unused}")
        if "animator" in values:
            values["animator"] = read_params(values["animator"])
        return TrainConfig(**values)
    except (TypeError, ValueError) as error:
        raise KMCError(f"{path} is incomplete or has a wrong key: {error}.") from error
