"""A person's body in a chunk of frames: MediaPipe's 33 points as our 25 joints, in pixels and in metres.

The nets and the way from a person to a square region are those of BlazePose (arXiv 2006.10204).
"""

import math

import torch
from torch import Tensor

from ..motion.skeleton import BODY_JOINTS, JOINT
from .crops import crop, from_crop, normalised_angle, picked, square
from .detect import BODY_GRID, Detection, detect
from .follow import LOOSE, Look, at_rest, follow
from .suite import Perception, run

INPUT = 256  # side of the landmark net's picture
HEATMAP = 64
OUTPUTS = (0, 1, 3, 4)  # landmarks, score, heat maps, world landmarks; 2 is a mask that costs a fifth more
POINTS = (
    33  # and two more that place the next region: the hips' middle and a point on the circle around the body
)
NEXT = [33, 34]
MARGIN = 1.25  # region around that circle
REFINE = 3  # heat-map cells on each side of a point that refine it
MIN_HEAT = 0.5
UNSEEN = 0.5  # joints below this probability are guesses
ARM_UNSEEN = 0.3  # arms cross bodies and are often right below it, when the joint above is seen; hands out of
ALONE = 0.6  # the picture are guessed at the chin, with up to this and no elbow
ARMS = (("l_elbow", "l_shoulder"), ("r_elbow", "r_shoulder"), ("l_wrist", "l_elbow"), ("r_wrist", "r_elbow"))
# The net's depths in the picture are 4 to 5 times too deep; scaled so, they spread about as the true ones of
# rendered people do: `python -m kmc_core.training.cli noise`.
DEPTH = 0.22
GATE = 1.0  # the same person is within this share of the last region's side
FORGET = 1.0  # seconds after which a lost person may be replaced by another

# Our joint = mean of these MediaPipe points; the small toes are not known to it.
SOURCES: dict[str, tuple[int, ...]] = {
    "nose": (0,), "neck": (11, 12), "r_shoulder": (12,), "r_elbow": (14,), "r_wrist": (16,),
    "l_shoulder": (11,), "l_elbow": (13,), "l_wrist": (15,),
    "r_hip": (24,), "r_knee": (26,), "r_ankle": (28,), "l_hip": (23,), "l_knee": (25,), "l_ankle": (27,),
    "r_eye": (5,), "l_eye": (2,), "r_ear": (8,), "l_ear": (7,),
    "pelvis": (23, 24), "l_big_toe": (31,), "l_heel": (29,), "r_big_toe": (32,), "r_heel": (30,),
}  # fmt: skip


class BodyTracker:
    """Follows one person through the chunks of a clip; remembers between chunks where it was."""

    def __init__(self, nets: Perception, fps: float) -> None:
        self._nets = nets
        self._patience = math.ceil(FORGET * fps)
        self._last = torch.full((4,), torch.nan)
        self._missing = 0  # frames since the person was seen

    def __call__(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [n, 3, H, W] -> joints [n, 25, 4] in pixels and [n, 25, 3] in metres; zeros where nobody
        is."""
        watcher = BodyWatcher(self._nets, frames)
        look = follow(watcher, self._last, at_rest(len(frames)))
        seen = torch.nonzero(look.score > 0)[:, 0].tolist()
        if seen:
            self._last, self._missing = look.roi[seen[-1]], len(frames) - 1 - seen[-1]
        else:
            self._missing += len(frames)
        if self._missing > self._patience:
            self._last = torch.full((4,), torch.nan)
        height, width = frames.shape[-2:]
        return joints(look, width, height)


class BodyWatcher:
    """The body landmark net over the frames of a chunk."""

    tolerance = LOOSE

    def __init__(self, nets: Perception, frames: Tensor) -> None:
        self._nets, self._frames = nets, frames

    def blank(self, n: int) -> Look:
        return Look(torch.zeros(n, POINTS, 4), torch.zeros(n), torch.full((n, 4), torch.nan),
                    torch.zeros(n, POINTS, 3))  # fmt: skip

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        crops = crop(picked(self._frames, index), rois, INPUT)
        flat, score, heat, world = run(self._nets.pose_landmarks, crops, OUTPUTS)
        raw = flat.unflatten(1, (-1, 5))  # n 39 (x y z visibility presence)
        refined = _refined(raw[:, :POINTS, :3], heat[..., :POINTS].sigmoid())
        points = from_crop(torch.cat([refined, raw[:, NEXT, :3]], dim=1), rois, INPUT)
        sure = raw[:, :POINTS, 3:5].sigmoid().amin(-1, keepdim=True)
        return Look(
            points=torch.cat([points[:, :POINTS], sure], dim=-1),
            score=score[:, 0],
            roi=region(points[:, POINTS, :2], points[:, POINTS + 1, :2]),
            extra=_turned(world.unflatten(1, (-1, 3))[:, :POINTS], rois[:, 3]),
        )

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        height, width = self._frames.shape[-2:]
        whole = square(width, height).expand(len(index), 4)
        found = detect(self._nets.pose_detector, BODY_GRID, picked(self._frames, index), whole)
        rois, last = [], torch.full((4,), torch.nan)
        for people, known in zip(found, near, strict=True):
            last = _same_person(people, last if known.isnan().any() else known)
            rois.append(last)
        return torch.stack(rois)


def _same_person(people: list[Detection], last: Tensor) -> Tensor:
    """The region [4] of the person nearest to region `last`, of the largest where that is unknown; nan for
    nobody."""
    rois = [region(person.points[0], person.points[1]) for person in people]
    if not last.isnan().any():
        rois = [roi for roi in rois if (roi[:2] - last[:2]).norm() < GATE * last[2]]
        return min(
            rois, key=lambda roi: float((roi[:2] - last[:2]).norm()), default=torch.full((4,), torch.nan)
        )
    return max(rois, key=lambda roi: float(roi[2]), default=torch.full((4,), torch.nan))


def region(hips: Tensor, rim: Tensor) -> Tensor:
    """The roi [..., 4] of a body from the middle of its hips and a point on the circle around it, towards the
    head."""
    up = rim - hips
    angle = normalised_angle(torch.atan2(up[..., 1], up[..., 0]) + math.pi / 2)
    side = (2 * MARGIN * up.norm(dim=-1)).clamp(min=1)
    return torch.cat([hips, side[..., None], angle[..., None]], dim=-1)


def _refined(points: Tensor, heat: Tensor) -> Tensor:
    """Points [n, P, 3] moved to the centre of mass of their heat [n, 64, 64, P] nearby, where that is hot
    enough."""
    cell = INPUT / HEATMAP
    centre = (points[..., :2] / cell).floor().long()  # n P 2
    steps = torch.arange(-REFINE, REFINE + 1)
    xs, ys = centre[..., :1] + steps, centre[..., 1:] + steps  # n P 7
    inside = ((xs >= 0) & (xs < HEATMAP))[..., None, :] & ((ys >= 0) & (ys < HEATMAP))[..., :, None]
    inside &= ((centre >= 0) & (centre < HEATMAP)).all(-1)[..., None, None]
    maps = heat.permute(0, 3, 1, 2).flatten(2)  # n P 64*64
    where = (
        ys.clamp(0, HEATMAP - 1)[..., :, None] * HEATMAP + xs.clamp(0, HEATMAP - 1)[..., None, :]
    )  # n P 7 7
    near = maps.gather(2, where.flatten(2)).view_as(where) * inside
    total = near.sum((-2, -1)).clamp(min=1e-6)
    x = (near.sum(-2) * xs).sum(-1) / total
    y = (near.sum(-1) * ys).sum(-1) / total
    moved = torch.stack([x * cell, y * cell, points[..., 2]], dim=-1)
    return torch.where((near.amax((-2, -1)) >= MIN_HEAT)[..., None], moved, points)


def _turned(world: Tensor, angles: Tensor) -> Tensor:
    """World points [n, P, 3] seen in a crop turned by `angles` [n], brought back to the picture's axes."""
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    x, y, z = world.unbind(-1)
    return torch.stack([x * cos - y * sin, x * sin + y * cos, z], dim=-1)


def joints(look: Look, width: int, height: int) -> tuple[Tensor, Tensor]:
    """33 points as our joints [n, 25, 4] and [n, 25, 3], both with the pelvis at depth 0; unseen ones
    zero."""
    body = torch.zeros(len(look.points), len(BODY_JOINTS), 4)
    world = torch.zeros(len(look.points), len(BODY_JOINTS), 3)
    for name, sources in SOURCES.items():
        points = look.points[:, list(sources)]
        body[:, JOINT[name]] = torch.cat([points[..., :3].mean(1), points[..., 3:].amin(1)], dim=-1)
        world[:, JOINT[name]] = look.extra[:, list(sources)].mean(1)
    body[..., 2] = DEPTH * (body[..., 2] - body[:, JOINT["pelvis"], None, 2])
    world -= world[:, JOINT["pelvis"], None].clone()
    seen = _seen(body, width, height) & (look.score > 0)[:, None]
    return torch.where(seen[..., None], body, 0), torch.where(seen[..., None], world, 0)


def _seen(body: Tensor, width: int, height: int) -> Tensor:
    """Which joints [n, 25] of a body [n, 25, 4] lie in the picture and are more than a guess."""
    x, y, sure = body[..., 0], body[..., 1], body[..., 3]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    seen = inside & (sure >= UNSEEN)
    for joint, above in ((JOINT[joint], JOINT[above]) for joint, above in ARMS):
        needed = torch.where(seen[:, above], ARM_UNSEEN, ALONE)
        seen[:, joint] = inside[:, joint] & (sure[:, joint] >= needed)
    return seen
