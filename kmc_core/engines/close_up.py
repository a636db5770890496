"""A steady close-up of a face or a hand: motion, character and animation seen through a camera that follows
it, and the way back into the animation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.camera import moved_by
from ..motion.face_crop import steady_crop
from ..motion.part import track_of
from ..motion.trajectory import filled
from ..motion.types import Motion, Track
from ..perception.crops import crop
from ..subject.types import Subject, View
from .framing import framed, on_canvas

Region = Literal["face", "left hand", "right hand"]
AROUND: Final[dict[Region, float]] = {"face": 2.0, "left hand": 2.2, "right hand": 2.2}  # side, in extents
EDGE: Final = 0.15  # of the side: where a close-up fades into the picture around it
APPEARS: Final = 0.2  # seconds in which a close-up of a part that comes into sight fades in
AT_ONCE: Final = 16  # frames that are looked at from near in one go


@dataclass(frozen=True)
class CloseUp:
    """A square camera that follows a part, upright and without a jitter."""

    boxes: Tensor  # [F, 3] centre x, centre y and side, pixels of the picture
    shown: Tensor  # [F] 0..1 how much of the close-up is to be seen
    size: int  # pixels of its frames

    def motion(self, motion: Motion) -> Motion:
        """The motion in the pixels of the close-up."""
        return moved_by(motion, _places(self.boxes, self.size), (self.size, self.size))

    def frames(self, frames: Tensor, place: Tensor, start: int) -> Tensor:
        """Frames uint8 [n, 3, H, W], the first one `start`, as uint8 [n, 3, size, size]; black beyond edges.

        `place` [2, 3] leads from the picture to the frames.
        """
        rois = F.pad(_through(place, self.boxes[start : start + len(frames)]), (0, 1))
        parts = zip(frames.split(AT_ONCE), rois.split(AT_ONCE), strict=True)
        return torch.cat([(crop(part, roi, self.size) * 255).round().to(torch.uint8) for part, roi in parts])

    def put_back(self, frames: Tensor, close: Tensor, place: Tensor, start: int) -> Iterator[Tensor]:
        """Frames [n, 3, H, W] 0..1 with the close-up's uint8 [n, 3, size, size] faded in, one by one."""
        size = (frames.shape[-1], frames.shape[-2])
        boxes = _through(place, self.boxes[start : start + len(frames)])
        for frame, near, box, shown in zip(frames, close, boxes, self.shown[start:], strict=False):
            x, y, side = box.tolist()
            scale = side / self.size
            back = torch.tensor([[scale, 0.0, x - side / 2], [0.0, scale, y - side / 2]])
            mask = shown * _ramp(size[1], y, side)[:, None] * _ramp(size[0], x, side)
            yield frame + mask.to(frame) * (framed(near[None], back, size)[0].to(frame) - frame)


def close_up(motion: Motion, person: int, region: Region, size: int) -> CloseUp | None:
    """A camera on a part of a person of the motion; None where the part is never seen."""
    boxes, seen = _boxes(track_of(motion, person), region)
    if not bool(seen.any()):
        return None
    everywhere = torch.ones_like(seen)  # where the part is hidden its box lies between its neighbours
    steady = steady_crop(filled(boxes, seen), everywhere, everywhere, motion.fps).float()
    reach = min(round(APPEARS * motion.fps), len(seen) - 1)
    seen = _bridged(seen, reach)
    shown = F.avg_pool1d(seen.float()[None], 2 * reach + 1, 1, reach, count_include_pad=False)[0]
    return CloseUp(steady, shown * seen, size)


def _bridged(seen: Tensor, reach: int) -> Tensor:
    """Seen [F] with gaps of up to `reach` frames closed: a hand that is missed for a frame does not blink."""
    half = reach // 2
    near = F.max_pool1d(seen.float()[None], 2 * half + 1, 1, half)
    closed = -F.max_pool1d(-near, 2 * half + 1, 1, half)[0] > 0
    first, last = seen.nonzero().flatten()[[0, -1]].tolist()
    closed[:first], closed[last + 1 :] = False, False
    return closed


def close_subject(subject: Subject, region: Region, size: int) -> Subject | None:
    """The character with those views that show a part, seen from as near; None where none does."""
    views = [view for view in (_close_view(view, region, size) for view in subject.views) if view is not None]
    return replace(subject, views=tuple(views)) if views else None


def _close_view(view: View, region: Region, size: int) -> View | None:
    boxes, seen = _boxes(view.pose, region)
    if not bool(seen[0]):
        return None
    place = _places(boxes, size)[0]
    both = (torch.cat([view.image, view.mask])[None] * 255).round().to(torch.uint8)
    picture = framed(both, place, (size, size))[0]
    whole = Motion(1.0, (view.image.shape[-1], view.image.shape[-2]), (view.pose,))
    pose = on_canvas(whole, place, (size, size)).tracks[0]
    return replace(view, image=picture[:3], mask=picture[3:], pose=pose)


def _boxes(track: Track, region: Region) -> tuple[Tensor, Tensor]:
    """[F, 3] the square that holds a part, and in which frames [F] it is seen."""
    frames = track.frames
    points, seen = torch.zeros(frames, 1, 2), torch.zeros(frames, dtype=torch.bool)
    if region == "face" and track.face is not None:
        points, seen = track.face.landmarks[..., :2].float(), track.face.confidence >= SEEN
    elif region != "face" and track.hands is not None:
        hand = track.hands[:, 0 if region == "left hand" else 1].float()
        points, seen = hand[..., :2], hand[..., 3].mean(1) >= SEEN
    low, high = points.amin(1), points.amax(1)
    side = (high - low).amax(1, keepdim=True) * AROUND[region]
    return torch.cat([(low + high) / 2, side.clamp(min=1)], 1), seen


def _places(boxes: Tensor, size: int) -> Tensor:
    """[F, 2, 3] from the picture to the close-up of each frame."""
    scale = size / boxes[:, 2]
    linear = torch.eye(2)[None] * scale[:, None, None]
    return torch.cat([linear, (size / 2 - boxes[:, :2] * scale[:, None])[..., None]], 2)


def _through(place: Tensor, boxes: Tensor) -> Tensor:
    """Boxes [n, 3] of the picture in the pixels of an animation."""
    centre = boxes[:, :2] @ place[:, :2].T + place[:, 2]
    return torch.cat([centre, boxes[:, 2:] * place[:, :2].diagonal().mean()], 1)


def _ramp(length: int, centre: float, side: float) -> Tensor:
    """[length] 1 in the middle of a close-up, falling to 0 at its edges without a corner."""
    inside = 1 - (torch.arange(length) + 0.5 - centre).abs() / (side / 2)
    ramp = (inside / (2 * EDGE)).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)
