"""The driver's face as Wan-Animate reads it: a steady square crop of the video for every frame."""

from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.bones import SEEN
from ..motion.face_frame import calm_frames
from ..motion.trajectory import filled
from ..motion.types import FaceMotion, Motion
from ..perception.crops import crop
from .framing import needed_driver
from .kmc import Check
from .request import Request, clip_frames, only_person

FACE_SIZE: Final = 512  # pixels of a crop, the size that the model was trained at


def face_of(request: Request, engine: str) -> FaceMotion:
    """The face in the request's video. KMCError when there is none to look at."""
    advice = "or set face_strength to 0 to leave the face to the model"
    driver = needed_driver(request, f"because {engine} looks at the driver's face ({advice})")
    if driver.motion is None:
        raise KMCError(
            f"{engine} needs to know where the face is in the video; connect video_motion, the motion "
            f"before Retarget Motion, {advice}."
        )
    face = only_person(driver.motion, "The video's motion").face
    if face is None or not bool((face.confidence >= SEEN).any()):
        raise KMCError(
            f"No face was found in the video; add Encode Face Motion or use a clip that shows it, {advice}."
        )
    return face


def face_crops(request: Request, start: int, length: int, engine: str, check: Check) -> Tensor:
    """[length, 3, 512, 512] 0..1: the face in frames start .. start + length of the video.

    Frames in which no face is seen are cropped where it was before and after.
    """
    face, driver = face_of(request, engine), needed_driver(request, "")
    boxes = _boxes(face, start, length)
    return clip_frames(
        driver.clip,
        start,
        length,
        lambda frames, first: crop(frames, boxes[first : first + len(frames)], FACE_SIZE),
        check,
    )


def calm_frame(motion: Motion | None) -> int:
    """The frame in which the face of a video's person expresses least; -1 where there is no face."""
    face = None if motion is None else only_person(motion, "The video's motion").face
    if face is None or not bool((face.confidence >= SEEN).any()):
        return -1
    return int(calm_frames(face)[0])


def neutral_face(request: Request, engine: str, check: Check) -> Tensor:
    """[1, 3, 512, 512] 0..1: the video's frame in which the face expresses least."""
    face_of(request, engine)
    return face_crops(request, calm_frame(needed_driver(request, "").motion), 1, engine, check)


def _boxes(face: FaceMotion, start: int, length: int) -> Tensor:
    """[length, 4] upright regions; the last one is held past the end."""
    steady = filled(face.crop.float(), face.confidence >= SEEN)
    index = torch.arange(start, start + length).clamp(max=len(steady) - 1)
    return torch.nn.functional.pad(steady[index], (0, 1))
