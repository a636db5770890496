"""Pictures and a clip of a character -> a Subject: each is looked at, and the best become its views."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..perception.clips import Clip
from ..perception.person import PictureLook, look_at_picture
from ..perception.suite import Perception
from .pick import Candidate, chosen_by, pick, sharpness
from .types import Subject, View

FROM_CLIP: Final = 24  # frames of a clip that are looked at, evenly over its length
LOOKED_AT: Final = 384  # longer side in pixels of a clip's frame while it is only a candidate
DECODED: Final = 16  # frames in memory at once


@dataclass(frozen=True)
class Created:
    """A subject and how its views were chosen."""

    subject: Subject
    candidates: tuple[Candidate, ...]  # all that show somebody
    chosen: tuple[int, ...]  # numbers of those that became views, in the order of the subject's views


def create_subject(
    pictures: list[Tensor],
    nets: Perception,
    *,
    name: str,
    description: str = "",
    masks: list[Tensor] | None = None,
    clip: Clip | None = None,
    choice: str = "",
    most: int = 8,
    consent: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Created:
    """A subject from pictures [3, H, W] 0..1, a clip, or both; its first view is the main one.

    masks: [1, H, W] 0..1 for each picture, used instead of the masks that the nets find. Pictures are
    numbered from 1, the frames of the clip that are looked at go on from there. `choice` names the views in
    their order ("3, 1, 5-8"); empty takes every picture and lets `pick` choose `most` frames of the clip at
    most. Raises KMCError without a name or anything to look at, for a mask of another size, a picture in
    which nobody is seen, an unusable choice.
    """
    if not name.strip():
        raise KMCError("The subject has no name; type one, for example 'Ada'.")
    if not pictures and clip is None:
        raise KMCError(f"Subject '{name}' got no picture; connect at least one, or a clip.")
    if masks is not None and len(masks) != len(pictures):
        raise KMCError(
            f"Subject '{name}' got {len(pictures)} pictures and {len(masks)} masks; give one mask each."
        )
    places = _places(clip)
    total = len(pictures) + len(places)
    candidates: list[Candidate] = []
    for index, picture in enumerate(pictures):
        check()
        mask = masks[index] if masks is not None else None
        view = _view(picture, mask, nets, f"picture {index + 1} of subject '{name}'")
        candidates.append(Candidate(index + 1, view, sharpness(view.image, view.mask)))
        progress(index + 1, total)
    for done, (frame, picture) in enumerate(_frames(clip, places), start=len(pictures) + 1):
        check()
        if candidate := _candidate(done, frame, picture, nets):
            candidates.append(candidate)
        progress(done, total)
    chosen = chosen_by(choice, candidates) if choice.strip() else pick(candidates, most)
    subject = Subject(name.strip(), _views(chosen, clip, nets, name), description.strip(), consent.strip())
    return Created(subject, tuple(candidates), tuple(each.number for each in chosen))


def _view(picture: Tensor, mask: Tensor | None, nets: Perception, label: str) -> View:
    if mask is not None and mask.shape[-2:] != picture.shape[-2:]:
        raise KMCError(
            f"The mask of {label} is {_size(mask)}, the picture {_size(picture)}; give a mask of that size."
        )
    try:
        look = look_at_picture(picture, nets)
    except KMCError as error:
        raise KMCError(f"In {label}: {error}") from error
    if mask is not None:
        look = replace(look, mask=mask.clamp(0, 1))
    return view_of(picture, look)


def _candidate(number: int, frame: int, picture: Tensor, nets: Perception) -> Candidate | None:
    """A clip's frame [3, H, W], looked at in a small copy; None where it shows nobody."""
    scale = min(1.0, LOOKED_AT / max(picture.shape[-2:]))
    size = [max(8, round(side * scale)) for side in picture.shape[-2:]]
    small = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    try:
        view = view_of(small, look_at_picture(small, nets))
    except KMCError:
        return None
    return Candidate(number, view, sharpness(small, view.mask), frame)


def _views(chosen: list[Candidate], clip: Clip | None, nets: Perception, name: str) -> tuple[View, ...]:
    """The views of the chosen; those of the clip are read again at its full resolution."""
    wanted = {each.frame for each in chosen if each.frame is not None}
    whole = {
        frame: _view(picture, None, nets, f"frame {frame} of the clip of subject '{name}'")
        for frame, picture in _frames(clip, wanted)
    }
    return tuple(each.view if each.frame is None else whole[each.frame] for each in chosen)


def _places(clip: Clip | None) -> list[int]:
    """Numbers of the clip's frames that are looked at."""
    if clip is None:
        return []
    frames = clip.frames or sum(len(chunk) for chunk in clip.chunks(DECODED))
    count = min(FROM_CLIP, frames)
    return sorted({round(place) for place in torch.linspace(0, frames - 1, count).tolist()}) if count else []


def _frames(clip: Clip | None, places: Collection[int]) -> Iterator[tuple[int, Tensor]]:
    """The clip's frames at some places, each with its number, [3, H, W] 0..1."""
    start = 0
    for chunk in clip.chunks(DECODED) if clip is not None and places else ():
        for offset, picture in enumerate(chunk):
            if start + offset in places:
                yield start + offset, picture.float() / 255
        start += len(chunk)
        if start > max(places):
            return


def view_of(picture: Tensor, look: PictureLook) -> View:
    """A view from a picture [3, H, W] 0..1 and what was seen in it."""
    return View(picture.cpu(), look.mask.cpu(), look.pose, look.yaw, look.kind, look.embedding)


def _size(picture: Tensor) -> str:
    return f"{picture.shape[-1]}x{picture.shape[-2]}"
