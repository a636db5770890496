"""What a person does in a clip, as plain tensors. Frozen: change with `dataclasses.replace`.

Axes: x right, y down, z away from the camera. Pixels are those of the source clip, pixel centres at +0.5.
A point that was not seen has confidence 0; it is never invented.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..errors import KMCError
from .skeleton import BODY_JOINTS, EXPRESSIONS, FACE_LANDMARKS


@dataclass(frozen=True)
class FaceMotion:
    """One face over F frames."""

    landmarks: Tensor  # [F, 478, 3] source pixels; z in pixels, 0 at the head's centre
    expression: Tensor  # [F, 52] ARKit coefficients 0..1, order of skeleton.EXPRESSIONS
    rotation: Tensor  # [F, 3, 3] head to camera; the identity faces the camera upright
    crop: Tensor  # [F, 3] centre x, centre y, side of the stabilised square crop, pixels
    confidence: Tensor  # [F] 0..1


ContactKind = Literal["hand-face", "hand-hand", "hand-hip", "hand-arm", "foot-ground"]


@dataclass(frozen=True)
class Contact:
    """A touch that is meant: frames start .. end (exclusive) of one hand or foot."""

    kind: ContactKind
    side: Literal["left", "right"]  # of the hand or foot that touches
    start: int
    end: int


@dataclass(frozen=True)
class Action:
    """What is done in frames start .. end (exclusive), in a word or two."""

    name: str
    start: int
    end: int
    confidence: float  # 0..1


@dataclass(frozen=True)
class Intent:
    """What a person means: named actions and contacts, each in the order of their start."""

    actions: tuple[Action, ...] = ()
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True)
class Track:
    """One person over F frames; each part can be absent."""

    body: Tensor | None = None  # [F, 25, 4] x, y, z (pixels, 0 at the pelvis), confidence
    world: Tensor | None = None  # [F, 25, 3] metres, origin at the pelvis
    hands: Tensor | None = None  # [F, 2, 21, 4] left then right; x, y, z (pixels, 0 at the wrist), confidence
    face: FaceMotion | None = None
    intent: Intent | None = None  # None: nobody looked
    name: str = ""  # of the person; "" where none was given

    @property
    def frames(self) -> int:
        """Number of frames F; 0 when no part is present."""
        parts = (self.body, self.hands, self.face.confidence if self.face else None)
        return next((len(part) for part in parts if part is not None), 0)


@dataclass(frozen=True)
class Motion:
    """All people of a clip."""

    fps: float
    size: tuple[int, int]  # width, height of the source in pixels
    tracks: tuple[Track, ...]

    def __post_init__(self) -> None:
        for track in self.tracks:
            _check(track)
        if len(lengths := {track.frames for track in self.tracks}) > 1:
            raise KMCError(
                f"The tracks of a motion have {', '.join(map(str, sorted(lengths)))} frames; all must have "
                "the same number. Cut or encode them from one clip."
            )

    @property
    def frames(self) -> int:
        """Number of frames F, the same in every track."""
        return self.tracks[0].frames if self.tracks else 0


def _check(track: Track) -> None:
    frames = track.frames
    expected: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "body": (track.body, (frames, len(BODY_JOINTS), 4)),
        "world": (track.world, (frames, len(BODY_JOINTS), 3)),
        "hands": (track.hands, (frames, 2, 21, 4)),
    }
    if track.face is not None:
        expected |= {
            "face.landmarks": (track.face.landmarks, (frames, FACE_LANDMARKS, 3)),
            "face.expression": (track.face.expression, (frames, len(EXPRESSIONS))),
            "face.rotation": (track.face.rotation, (frames, 3, 3)),
            "face.crop": (track.face.crop, (frames, 3)),
            "face.confidence": (track.face.confidence, (frames,)),
        }
    for part in (*track.intent.actions, *track.intent.contacts) if track.intent else ():
        if not 0 <= part.start < part.end <= frames:
            raise KMCError(
                f"The motion has {frames} frames, but its intent names frames {part.start} to {part.end}."
            )
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise KMCError(f"Motion part '{name}' has shape {tuple(tensor.shape)}, expected {shape}.")
        if tensor is not None and not torch.is_floating_point(tensor):
            raise KMCError(f"Motion part '{name}' has type {tensor.dtype}, expected a floating-point type.")
