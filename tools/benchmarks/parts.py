"""Hands, face and moved pixels of the animator's conditions: taken away, and judged by themselves."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from kmc_core.evaluate.score import Scores
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.motion.draw import FACE_CHANNELS, HAND_CHANNELS

CHANNELS: Final = MappingProxyType({"hands": HAND_CHANNELS, "face": FACE_CHANNELS})  # of the maps


def without_parts(told: AnimatorConditions, part: str) -> AnimatorConditions:
    """Conditions without the hands' (the face's) features and maps; the moved pixels stay."""
    maps = told.maps.clone()
    maps[:, list(CHANNELS[part])] = 0
    return replace(told, maps=maps, **{part: torch.zeros_like(getattr(told, part))})


def nothing_moved(told: AnimatorConditions) -> AnimatorConditions:
    """The background alone, covered nowhere."""
    empty = torch.zeros_like(told.moved[:, -1:])
    return replace(told, moved=torch.cat((told.background.expand_as(told.moved[:, :-1]), empty), 1))


def part_scores(frames: Tensor, truth: Tensor, told: AnimatorConditions) -> Scores:
    """Mean absolute difference where hands and face are drawn; left out where they are not."""
    off = (frames - truth).abs().mean(1)
    found: Scores = {}
    for part, channels in CHANNELS.items():
        drawn = F.interpolate(told.maps[0, list(channels)].amax(0)[None], size=off.shape[-2:])[0]
        if drawn.amax() > 0:
            found[f"l1_{part}"] = (float((off * drawn).sum()), float(drawn.sum()))
    return found
