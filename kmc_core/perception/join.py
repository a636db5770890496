"""Who is who between a motion and what is newly found in its clip: parts join the person that they are of."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..motion.skeleton import HEAD_JOINTS, JOINT, WRISTS
from ..motion.types import Motion, Track
from .matching import least_cost

PARTS = ("body", "hands", "face")
TRUNK = [JOINT["neck"], JOINT["pelvis"]]
NEAR = 0.15  # of a body's extent, about a head: how far off the same place of one person can be found


def join_people(motion: Motion, found: Sequence[Track]) -> Motion:
    """`motion` with the parts of the people `found` in its clip, each in the track of the same person.

    That is the track whose head, wrists or trunk are where they are in the new parts: by the median over the
    frames that show both, for all people at once. Who is in no track gets a new one, in the order given. One
    person joins a motion of one also where the two have no part in common, as a face and hands.
    """
    ways = [[_way(new, old) for old in motion.tracks] for new in found]
    if (
        len(found) == len(motion.tracks) == 1
        and math.isnan(ways[0][0])
        and not _shared(found[0], *motion.tracks)
    ):
        return replace(motion, tracks=(_with_parts(motion.tracks[0], found[0]),))
    tracks = list(motion.tracks)
    cost = [[way if way < 1 else math.inf for way in row] for row in ways]
    for new, index in zip(found, least_cost(cost, 1.0), strict=True):
        if index is None:
            tracks.append(new)
        else:
            tracks[index] = _with_parts(tracks[index], new)
    return replace(motion, tracks=tuple(tracks))


def _shared(a: Track, b: Track) -> bool:
    """Whether two tracks have a part in common."""
    return any(getattr(a, part) is not None and getattr(b, part) is not None for part in PARTS)


def add_parts(motion: Motion, parts: Sequence[Track]) -> Motion:
    """`motion` with `parts` that were looked for at its bodies, one for each in their order; as `join_people`
    where it has none."""
    if all(track.body is None for track in motion.tracks):
        return join_people(motion, parts)
    left = iter(parts)
    return replace(
        motion,
        tracks=tuple(t if t.body is None else _with_parts(t, next(left)) for t in motion.tracks),
    )


def _with_parts(track: Track, new: Track) -> Track:
    """`track` with the body, hands and face that `new` has, under its own name.

    With another body go the metric joints and the intent that were read from the old one.
    """
    parts = {name: getattr(new, name) for name in PARTS if getattr(new, name) is not None}
    if new.body is not None:
        parts |= {"world": new.world, "intent": None}
    return replace(track, **parts)


def _way(new: Track, old: Track) -> float:
    """How far apart two tracks are, 1 for as far as one person may be; nan where they share nothing."""
    ways = [torch.zeros(0)]
    for a, b in zip(_places(new), _places(old), strict=True):
        apart = (a[:, :, None, :2] - b[:, None, :, :2]).norm(dim=-1)  # F a b
        apart = apart / torch.maximum(a[:, :, None, 2], b[:, None, :, 2])
        nearest = apart.nan_to_num(nan=torch.inf).flatten(1).amin(1)  # the sides of hands can be mistaken
        ways.append(nearest[nearest < torch.inf])
    return float(torch.cat(ways).median())


def _places(track: Track) -> tuple[Tensor, Tensor, Tensor]:
    """Where head, wrists and trunk are seen: each [F, n, 3], x, y and a size, nan where unseen."""
    nothing = torch.full((track.frames, 1, 3), torch.nan)
    head, wrists, trunk = [nothing], [nothing], [nothing]
    if track.body is not None:
        points, size = _seen(track.body), NEAR * _extent(_seen(track.body))
        head.append(_place(points[:, HEAD_JOINTS], size))
        wrists += [_place(points[:, [wrist]], size) for wrist in WRISTS]
        trunk.append(_place(points[:, TRUNK], size))
    if track.hands is not None:
        for side in track.hands.unbind(1):
            points = _seen(side)
            wrists.append(_place(points[:, :1], _extent(points)))
    if track.face is not None:
        shown = track.face.confidence[:, None, None].expand(-1, track.face.landmarks.shape[1], 1)
        points = _seen(torch.cat([track.face.landmarks.float(), shown], dim=-1))
        head.append(_place(points, _extent(points)))
    return torch.cat(head, dim=1), torch.cat(wrists, dim=1), torch.cat(trunk, dim=1)


def _seen(points: Tensor) -> Tensor:
    """Points [F, P, 4] as [F, P, 2], nan where unseen."""
    return torch.where(points[..., 3:] > 0, points[..., :2].float(), torch.nan)


def _extent(points: Tensor) -> Tensor:
    """The larger side [F] of the box around points [F, P, 2]; at least a pixel."""
    low, high = points.nan_to_num(nan=torch.inf).amin(1), points.nan_to_num(nan=-torch.inf).amax(1)
    return (high - low).amax(1).clamp(min=1)


def _place(points: Tensor, size: Tensor) -> Tensor:
    """The mean of points [F, P, 2] and a size [F] -> [F, 1, 3]."""
    return torch.cat([points.nanmean(1), size[:, None]], dim=1)[:, None]
