"""What the rules on actions look at: one person's joints, feet, head and touches, in torso lengths."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from torch import Tensor

from .bones import SEEN
from .contacts import find_feet, local_ground
from .skeleton import JOINT
from .solid import Side, Solid
from .trajectory import filled
from .types import Contact, ContactKind, Track

FLICKER: Final = 0.15  # seconds to both sides over which shoulders found the wrong way round are mended
# Seconds to both sides over which the shoulders' turn is steadied before the head's turn is taken against it:
# found depths of shoulders follow a shaking head.
FOLLOWING: Final = 0.5
FLAT: Final = 0.7  # what certainty is left without depths


@dataclass(frozen=True)
class Evidence:
    """What the rules look at."""

    track: Track
    body: Solid
    contacts: tuple[Contact, ...]
    fps: float

    @property
    def frames(self) -> int:
        """Number of frames F."""
        return len(self.body.joints)

    def joint(self, name: str) -> Tensor:
        """[F, 3] in torso lengths; y down."""
        return self.body.at(name) / self.body.torso

    def touching(self, kind: ContactKind, side: Side) -> Tensor:
        """[F] 1 while a contact lasts."""
        marks = torch.zeros(self.frames)
        for contact in self.contacts:
            if (contact.kind, contact.side) == (kind, side):
                marks[contact.start : contact.end] = 1
        return marks

    def certainty(self, start: int, end: int) -> float:
        """0..1: how well the body is seen in frames start .. end, less where depths are not known."""
        assert self.track.body is not None
        seen = self.track.body[start:end, :, 3].float()
        mean = float(seen[seen >= SEEN].mean()) if bool((seen >= SEEN).any()) else 0.0
        return round(min(1.0, mean) * (1.0 if self.body.metric else FLAT), 3)

    def repeats(self, values: Tensor, amount: float, seconds: float) -> Tensor:
        """[F] 1 where a curve [F] swings by `amount` to both sides, each way within some seconds."""
        return swings(values, amount, round(seconds * self.fps))

    @cached_property
    def lifted(self) -> Tensor | None:
        """[F, 2] height of both feet above the ground in torso lengths; None where they are not seen."""
        feet = find_feet(self.track)
        if feet is None or float(torch.isfinite(feet[..., 1]).all(dim=1).float().mean()) < 0.5:
            return None
        height = -feet[..., 1]
        return ((height - local_ground(height, self.fps)[:, None]) / self.torso[:, None]).nan_to_num()

    @cached_property
    def torso(self) -> Tensor:
        """[F] pixels of a torso's length."""
        return self.body.torso * self.body.pixels

    def shift(self, *names: str) -> Tensor:
        """[F, 2] in torso lengths: where joints are in the picture on average, from where they mostly are.

        From there, because a size that wavers from frame to frame would move all that is far from 0.
        """
        assert self.track.body is not None
        joints = self.track.body[:, [JOINT[name] for name in names]].float()
        path = torch.stack(
            [filled(joint[..., :2], joint[..., 3] >= SEEN) for joint in joints.unbind(1)]
        ).mean(0)
        return (path - path.median(dim=0).values) / self.torso[:, None]

    @cached_property
    def head(self) -> tuple[Tensor, Tensor]:
        """Turn to the side and nod [F] of the head against the shoulders, radians."""
        face = self.track.face
        if face is not None and bool((face.confidence >= SEEN).any()):
            turn = _steady(self.turn[:, None], FOLLOWING, self.fps)[:, 0]
            sine, cosine, zero = turn.sin(), turn.cos(), torch.zeros_like(turn)
            back = torch.stack([cosine, zero, sine, zero, zero + 1, zero, -sine, zero, cosine], dim=-1)
            rotation = back.view(-1, 3, 3) @ face.rotation.float()  # head to shoulders
            yaw = torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2])
            seen = (face.confidence >= SEEN).float()
            return yaw * seen, torch.asin(rotation[:, 1, 2].clamp(-1, 1)) * seen
        across = self.joint("l_ear") - self.joint("r_ear")
        below = self.joint("nose")[:, 1] - (self.joint("l_ear") + self.joint("r_ear"))[:, 1] / 2
        yaw = torch.atan2(across[:, 2], across[:, 0]) - self.turn
        return yaw, below / across.norm(dim=-1).quantile(0.9).clamp(min=1e-6)

    @cached_property
    def turn(self) -> Tensor:
        """[F] radians by which the shoulders are turned from the camera; 0 without depth."""
        if not self.body.metric:
            return torch.zeros(self.frames)
        across = _steady(self.joint("l_shoulder") - self.joint("r_shoulder"), FLICKER, self.fps)
        return torch.from_numpy(np.unwrap(torch.atan2(across[:, 2], across[:, 0]).numpy()))


def swings(values: Tensor, amount: float, window: int) -> Tensor:
    """[F] 1 where a curve turns back at least twice within `window` frames, by 2 x `amount` each time."""
    turns = turning_points(values, 2 * amount)
    marks = torch.zeros(len(values))
    for first, second, third in zip(turns, turns[1:], turns[2:], strict=False):
        if second - first <= window and third - second <= window:
            marks[first : third + 1] = 1
    return marks


def turning_points(values: Tensor, least: float) -> list[int]:
    """Frames at which a curve [F] turns after having moved by `least`, ends included."""
    curve = values.tolist()
    found, low, high = [0], 0, 0
    rising: bool | None = None
    for frame, value in enumerate(curve):
        low = frame if value < curve[low] else low
        high = frame if value > curve[high] else high
        if rising is not False and curve[high] - value >= least:
            found, rising, low = [*found, high], False, frame
        elif rising is not True and value - curve[low] >= least:
            found, rising, high = [*found, low], True, frame
        if rising is True:
            low = high
        elif rising is False:
            high = low
    return [*found, low if rising is False else high]


def _steady(path: Tensor, seconds: float, fps: float) -> Tensor:
    """[F, D] the median over `seconds` to both sides: what lasts shorter is gone, steps stay steps."""
    reach = min(round(seconds * fps), len(path) - 1)
    padded = torch.cat([path[1 : reach + 1].flip(0), path, path[len(path) - 1 - reach : -1].flip(0)])
    return padded.unfold(0, 2 * reach + 1, 1).median(dim=-1).values
