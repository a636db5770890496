"""SCAIL and SCAIL-2: a figure of cylinders or the video itself, and identity colours.

What is made here is what ComfyUI's own node WanSCAILToVideo takes. The drawn figure has the bones and colours
of the published pose renderer (zai-org/SCAIL-Pose): warm on the right, cool on the left, hips on the neck.
"""

from typing import Final, Literal

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.draw_preview import Part, draw_motion
from ..motion.types import Motion
from .catalog import ENGINES
from .framing import cover, framed, motion_place, on_canvas, video_place
from .kmc import Check
from .masks import coloured, driver_masks, silhouettes, view_mask
from .node_inputs import NodeInputs
from .request import Request, clip_frames, held, only_person, whole_video

BONES: Final = {
    ("neck", "r_shoulder"): (255, 0, 0), ("neck", "l_shoulder"): (0, 255, 255),
    ("r_shoulder", "r_elbow"): (255, 85, 0), ("r_elbow", "r_wrist"): (255, 170, 0),
    ("l_shoulder", "l_elbow"): (0, 170, 255), ("l_elbow", "l_wrist"): (0, 85, 255),
    ("neck", "r_hip"): (180, 255, 0), ("r_hip", "r_knee"): (0, 255, 0), ("r_knee", "r_ankle"): (0, 255, 85),
    ("neck", "l_hip"): (0, 0, 255), ("l_hip", "l_knee"): (85, 0, 255), ("l_knee", "l_ankle"): (170, 0, 255),
    ("neck", "nose"): (150, 150, 150), ("nose", "r_eye"): (255, 0, 170), ("r_eye", "r_ear"): (50, 0, 255),
    ("nose", "l_eye"): (255, 0, 170), ("l_eye", "l_ear"): (50, 0, 255),
}  # fmt: skip
WHITE, BLACK = 1.0, 0.0


def scail_inputs(
    engine: Literal["scail", "scail2"], request: Request, start: int, length: int, check: Check
) -> NodeInputs:
    """Pictures for frames start .. start + length of the motion; frames past its end hold the last one.

    SCAIL sees the drawn motion. SCAIL-2 sees the video where there is one, framed so that its person lies on
    the character, and masks that tell whom to animate; every view of the subject is a reference.
    KMCError for what is missing or cannot be followed.
    """
    only_person(request.motion, "The motion")
    motion = on_canvas(held(request.motion, start, length), motion_place(request), request.size)
    if engine == "scail":
        return NodeInputs({"reference_image": _views(request)[:1], "pose_video": _drawn(motion, request)})
    behind, around = (WHITE, BLACK) if request.replace_person else (BLACK, WHITE)
    driver = request.driver
    if driver is None:
        driving, masks = _drawn(motion, request), silhouettes(motion)
    else:
        label = ENGINES[engine].label
        whole_video(request, label)
        if driver.motion is None and driver.masks is None:
            raise KMCError(
                f"{label} needs to know where the person is in the video; connect video_motion, the motion "
                "before Retarget Motion, or mask."
            )
        place = video_place(request, driver)
        driving = clip_frames(
            driver.clip, start, length, lambda frames, _: framed(frames, place, request.size), check
        )
        masks = driver_masks(driver, motion, place, start, request.size)[None]
    pictures = {
        "reference_image": _views(request),
        "reference_image_mask": _view_masks(request, around),
        "pose_video": driving,
        "pose_video_mask": coloured(masks, behind),
    }
    return NodeInputs(pictures, options={"replacement_mode": True} if request.replace_person else {})


def _drawn(motion: Motion, request: Request) -> Tensor:
    """[F, 3, H, W] the motion as shaded cylinders on black; the figure has no face."""
    hands, face = request.strength("hands"), request.strength("face")
    if hands not in (0, 1) or face != 1:
        raise KMCError(
            f"SCAIL draws hands or leaves them out, and no face, got hand strength {hands} and face strength "
            f"{face}; set hand strength to 0 or 1 and face strength to 1."
        )
    parts: tuple[Part, ...] = ("body", *(("hands",) if request.strength("hands") else ()))
    return torch.cat(list(draw_motion(motion, parts=parts, bones=BONES))).float() / 255


def _views(request: Request) -> Tensor:
    """[V, 3, H, W] every view of the subject, filling the result."""
    return torch.cat([_filling(view.image[None], request) for view in request.subject.views])


def _view_masks(request: Request, around: float) -> Tensor:
    """[V, 3, H, W] the person of every view in the first colour."""
    masks = [(_filling(view_mask(view)[0][None], request) > 0.5).float() for view in request.subject.views]
    return coloured(torch.cat(masks)[None, :, 0], around)


def _filling(picture: Tensor, request: Request) -> Tensor:
    """[1, C, h, w] 0..1 -> [1, C, H, W] of the result's size."""
    size = (picture.shape[-1], picture.shape[-2])
    return framed((picture * 255).round().to(torch.uint8), cover(size, request.size), request.size)
