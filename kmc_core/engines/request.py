"""What any engine is asked for: whose motion, on whom, how large, how strongly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.part import part_of
from ..motion.types import Motion, Track
from ..perception.clips import Clip
from ..subject.identity import Identity
from ..subject.types import Subject
from .catalog import Engine
from .kmc import Check

Size = tuple[int, int]  # width, height
FRAMES_AT_ONCE = 16  # of a clip in memory as decoded
PADDING = 3  # frames that an engine may make past the end, as its lengths are 4 n + 1


@dataclass(frozen=True)
class Driver:
    """The video that an engine looks at, and what was found in it."""

    clip: Clip
    motion: Motion | None = None  # of this clip, before it was fitted to a character
    masks: Tensor | None = None  # [F or 1, H, W] 0..1, the person, for replacement


@dataclass(frozen=True)
class Draft:
    """A finished animation of the same frames, which the sampling starts from."""

    clip: Clip
    start: int  # frame of the motion that its first frame shows

    def check(self, frames: int) -> None:
        """KMCError when it holds fewer frames than are to be made."""
        if self.clip.frames is not None and self.clip.frames < frames:
            raise KMCError(
                f"The draft has {self.clip.frames} frames, {frames} are to be made; make the draft from the "
                "same motion with the same start_frame and length."
            )


@dataclass(frozen=True)
class Request:
    """One animation."""

    motion: Motion  # fitted to the subject
    identity: Identity
    size: Size  # of the result
    driver: Driver | None = None
    replace_person: bool = False  # keep the video's background and put the character into it
    strengths: Mapping[str, float] = field(default_factory=dict)  # body, hands, face: 0..1
    person: int = 0  # of a motion that holds several
    draft: Draft | None = None

    def strength(self, name: str) -> float:
        """How closely a part follows; 1 where nothing was said."""
        return self.strengths.get(name, 1.0)

    @property
    def subject(self) -> Subject:
        """The character, with the views that are to be shown."""
        return self.identity.subject


def engine_size(engine: Engine, picture: Size, size: Size = (0, 0)) -> Size:
    """Width and height of a result, multiples of what the engine takes, in the shape of the picture.

    A side that is given stays; 0 follows the picture from the other side, both 0 take the engine's own area.
    Raises KMCError for a side that is no multiple.
    """
    step = engine.multiple
    if any(side % step for side in size):
        fitting = " x ".join(str(max(1, round(side / step)) * step) for side in size)
        raise KMCError(
            f"{engine.label} takes widths and heights that are multiples of {step}, got {size[0]} x "
            f"{size[1]}. Use {fitting}, where 0 follows the picture."
        )
    width, height = picture
    scale = (engine.area / (width * height)) ** 0.5
    if size[0] or size[1]:
        scale = size[0] / width if size[0] else size[1] / height
    fitted_width, fitted_height = (max(1, round(side * scale / step)) * step for side in picture)
    return size[0] or fitted_width, size[1] or fitted_height


def only_person(motion: Motion, name: str) -> Track:
    """The one person of a motion. KMCError when it holds none or several."""
    if len(motion.tracks) != 1 or motion.frames == 0:
        raise KMCError(
            f"{name} holds {len(motion.tracks)} people, expected one; choose one with Select Person."
        )
    return motion.tracks[0]


def whole_video(request: Request, label: str) -> None:
    """KMCError when parts of a video were to be followed less closely by an engine that sees it whole."""
    for part in ("hands", "face"):
        if request.strength(part) != 1:
            raise KMCError(
                f"{label} looks at the video as a whole, so its {part} cannot be followed at strength "
                f"{request.strength(part)}; leave that strength at 1."
            )


def held(motion: Motion, start: int, length: int) -> Motion:
    """Frames start .. start + length of a motion; its last frame is held where they reach past its end.

    KMCError when not even the first of them exists.
    """
    part = part_of(motion, start, min(length, motion.frames - start))
    missing = length - part.frames
    return part if missing == 0 else _lengthened(part, missing)


def _lengthened(motion: Motion, missing: int) -> Motion:
    def more(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])])

    def track(old: Track) -> Track:
        face = old.face
        if face is not None:
            face = replace(face, **{name: more(value) for name, value in vars(face).items()})
        return replace(
            old, body=more(old.body), world=more(old.world), hands=more(old.hands), face=face, intent=None
        )

    return replace(motion, tracks=tuple(track(old) for old in motion.tracks))


def clip_frames(
    clip: Clip, start: int, length: int, make: Callable[[Tensor, int], Tensor], check: Check
) -> Tensor:
    """What `make` makes of frames start .. start + length of a clip; the last one is held for the padding.

    `make` gets uint8 [n, 3, H, W] and the number of the first of them, counted from `start`. Frames are
    decoded as they come, so memory holds what is made alone. KMCError when the clip ends sooner.
    """
    made: list[Tensor] = []
    position = 0
    for chunk in clip.chunks(FRAMES_AT_ONCE):
        check()
        first, last = max(start - position, 0), min(start + length - position, len(chunk))
        if first < last:
            made.append(make(chunk[first:last], position + first - start))
        position += len(chunk)
        if position >= start + length:
            break
    missing = length - sum(len(frames) for frames in made)
    if not made or missing > PADDING:
        raise KMCError(
            f"The video has {position} frames, but frame {max(start, position)} was asked for; use the video "
            "that the motion was made from."
        )
    result = torch.cat(made)
    return torch.cat([result, result[-1:].expand(missing, *result.shape[1:])]) if missing else result
