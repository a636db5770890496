"""A person as points in space, for touching and reaching: metres where the motion has them, else pixels."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN, TORSO_PER_HEAD, head_width, torso_length
from .proportions import pixels_per_metre
from .skeleton import JOINT, LEFT, RIGHT
from .trajectory import filled
from .types import Track

SIDES: Final = {"left": LEFT, "right": RIGHT}
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

    @property
    def torso(self) -> float:
        """Median length of the torso."""
        size = torso_length(torch.cat([self.joints, self.seen[..., None].float()], dim=-1))
        return max(float(size[size > 0].median()) if bool((size > 0).any()) else 1.0, 1e-6)

    @property
    def head(self) -> float:
        """Typical width of the head, ear to ear."""
        size = head_width(torch.cat([self.joints, self.seen[..., None].float()], dim=-1))
        return float(size[size > 0].quantile(0.8)) if bool((size > 0).any()) else self.torso / TORSO_PER_HEAD

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
