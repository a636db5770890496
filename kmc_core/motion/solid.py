"""A person as points in space, for touching and reaching: metres where the motion has them, else pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal

import torch
from torch import Tensor

from .bones import SEEN, TORSO_PER_HEAD, head_width, torso_length
from .proportions import pixels_per_metre
from .skeleton import JOINT, LEFT, RIGHT
from .trajectory import filled
from .types import Track

Side = Literal["left", "right"]
SIDES: Final[Mapping[Side, int]] = MappingProxyType({"left": LEFT, "right": RIGHT})
PALM: Final = (0, 5, 9, 13, 17)  # the hand's points around its palm
PALM_PER_FOREARM: Final = 0.35  # from the wrist to the palm's middle, where no hand is seen


@dataclass(frozen=True)
class Solid:
    """One person's joints in one unit; joints that are lost for a while are filled in between neighbours."""

    joints: Tensor  # [F, 25, 3]
    seen: Tensor  # [F, 25] whether the joint itself was seen
    palms: Tensor  # [F, 2, 3] left then right
    pixels: Tensor  # [F] pixels of the picture per unit
    metric: bool  # the unit is a metre, depths are known

    @cached_property
    def torso(self) -> float:
        """Typical length of the torso."""
        return self._typical(torso_length, ("neck", "pelvis")) or 1.0

    @cached_property
    def head(self) -> float:
        """Typical width of the head, ear to ear."""
        return self._typical(head_width, ("l_ear", "r_ear")) or self.torso / TORSO_PER_HEAD

    def _typical(self, flat: Callable[[Tensor], Tensor], ends: tuple[str, str]) -> float:
        """Median distance in space where depths are known and both ends seen, else what `flat` says; or 0."""
        both = self.seen[:, [JOINT[name] for name in ends]].all(dim=1)
        if self.metric and bool(both.any()):
            return float((self.at(ends[0]) - self.at(ends[1])).norm(dim=-1)[both].median())
        size = flat(torch.cat([self.joints, self.seen[..., None].float()], dim=-1))
        return float(size[size > 0].quantile(0.8)) if bool((size > 0).any()) else 0.0

    def at(self, name: str) -> Tensor:
        """[F, 3] the path of a joint."""
        return self.joints[:, JOINT[name]]


def solid(track: Track) -> Solid | None:
    """The track in space; None where it has no body."""
    if track.body is None:
        return None
    body = track.body.float()
    seen = body[..., 3] >= SEEN
    metre = pixels_per_metre(track)
    metric = track.world is not None and bool(torch.isfinite(metre).any())
    if track.world is not None and metric:
        joints = track.world.float()
        pixels = filled(metre[:, None].nan_to_num(), torch.isfinite(metre))[:, 0]
    else:
        joints, pixels = body[..., :3], torch.ones(len(body))
    paths = [filled(joints[:, joint], seen[:, joint]) for joint in range(joints.shape[1])]
    joints = torch.stack(paths, dim=1)
    palms = [_palm(track, joints, pixels, side) for side in "lr"]
    return Solid(joints, seen, torch.stack(palms, dim=1), pixels, metric)


def _palm(track: Track, joints: Tensor, pixels: Tensor, side: str) -> Tensor:
    """[F, 3] the middle of a palm: beside its wrist as the hand shows it, else on from the forearm."""
    elbow, wrist = joints[:, JOINT[f"{side}_elbow"]], joints[:, JOINT[f"{side}_wrist"]]
    if track.hands is not None:
        hand = track.hands[:, LEFT if side == "l" else RIGHT].float()
        shown = hand[:, list(PALM), 3].amin(dim=1) >= SEEN
        if bool(shown.any()):
            offset = (hand[:, list(PALM), :3].mean(dim=1) - hand[:, 0, :3]) / pixels[:, None]
            return wrist + filled(offset, shown)
    return wrist + PALM_PER_FOREARM * (wrist - elbow)
