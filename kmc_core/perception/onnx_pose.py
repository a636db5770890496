"""From a clip to a Motion by two .onnx files: a person detector and a whole-body pose net."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.types import Motion, Track
from .clips import Clip
from .clothes import clothes
from .crops import picked
from .extract import NO_PERSON
from .join import join_people
from .stream import Check, Progress, no_check, no_progress, stream
from .suite import NET_BATCH
from .who import Choose, Person, Sighting, WhoIsWho, clear_ones
from .wholebody import joints

# Where clothes show in the box of somebody upright, and how much of them is looked at: shares of its height.
CHEST, THIGHS, PATCH = 0.32, 0.65, 0.2

Detector = Callable[[Tensor], Tensor]  # uint8 [3, H, W] -> boxes [M, 4]
Pose = Callable[[list[Tensor], Tensor], Tensor]  # n frames, boxes [n, 4] -> points [n, 133, 3]
Met = tuple[int, Person, Tensor]  # frame of a chunk, who is there, its box


@torch.no_grad()
def encode_whole_body(
    clip: Clip,
    detector: Detector,
    pose: Pose,
    *,
    motion: Motion | None = None,
    people: int = 1,
    choose: Choose = "largest",
    point: tuple[float, float] = (0.5, 0.5),
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Motion:
    """Bodies and hands of up to `people` people in every frame, added to `motion`.

    Order, tracks and errors are those of `extract.encode_body`. Depth is 0 and there are no metric joints.
    """
    if people < 1:
        raise KMCError(f"{people} people were asked for; ask for at least 1.")
    who = WhoIsWho(clip.fps, clip.size, choose, point, people)
    chunks = []
    for frames, span in stream(clip, motion, progress, check):
        met: list[Met] = []
        for index, frame in enumerate(frames):
            check()
            boxes = detector(frame)
            seen = who(span.start + index, _sightings(frame, boxes))
            met += [(index, person, box) for person, box in zip(seen, boxes, strict=True)]
        chosen = [entry for entry in met if entry[1].number is not None and entry[1].number < people]
        points = _points(frames, chosen, people, pose, check)
        parts = joints(points.flatten(0, 1), *clip.size)
        chunks.append([part.unflatten(0, (people, -1)) for part in parts])
    bodies, hands = (torch.cat(parts, dim=1) for parts in zip(*chunks, strict=True))  # N F ...
    found = [Track(body=b, hands=h) for b, h in zip(bodies, hands, strict=True) if b[..., 3].any()]
    if not found:
        raise KMCError(NO_PERSON)
    return join_people(motion or Motion(clip.fps, clip.size, ()), found)


def _points(frames: Tensor, met: list[Met], people: int, pose: Pose, check: Check) -> Tensor:
    """[people, n, 133, 3] of those met in a chunk of n frames, zeros where a person is not."""
    points = torch.zeros(people, len(frames), 133, 3)
    for start in range(0, len(met), NET_BATCH):
        check()
        rows, persons, boxes = zip(*met[start : start + NET_BATCH], strict=True)
        found = pose(picked(frames, torch.tensor(rows)), torch.stack(boxes))
        for row, person, one in zip(rows, persons, found, strict=True):
            points[person.number, row] = one
    return points


def _sightings(frame: Tensor, boxes: Tensor) -> list[Sighting]:
    places, extents = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    sizes = extents.amax(1).clamp(min=1)
    result = []
    for box, place, size, clear in zip(boxes, places, sizes, clear_ones(places, sizes), strict=True):
        top, height = float(box[1]), max(float(box[3] - box[1]), 1.0)
        rois = torch.tensor(
            [[float(place[0]), top + share * height, PATCH * height, 0.0] for share in (CHEST, THIGHS)]
        )
        result.append(Sighting(place, float(size), box, clothes(frame, rois), bool(clear)))
    return result
