"""Wan-Animate: a drawn skeleton, the driver's face, and for replacement the video without its person.

What is made here is what ComfyUI's own node WanAnimateToVideo takes.
"""

from torch import Tensor

from ..motion.draw_skeleton import draw_skeleton
from ..motion.types import Motion
from .catalog import ENGINES
from .faces import face_crops, neutral_face
from .framing import framed, motion_place, needed_driver, on_canvas, video_place
from .kmc import Check
from .masks import blocks, driver_masks
from .node_inputs import NodeInputs
from .request import Request, clip_frames, held, only_person

LABEL = ENGINES["wan_animate"].label


def wan_animate_inputs(request: Request, start: int, length: int, check: Check) -> NodeInputs:
    """Pictures for frames start .. start + length of the motion; frames past its end hold the last one.

    Without a video, and with face strength 0, there is no face: the model makes one up. With a video,
    strength 0 shows it the driver's calmest face in every frame, and values between fade from one to the
    other. KMCError for what is missing.
    """
    only_person(request.motion, "The motion")
    motion = on_canvas(held(request.motion, start, length), motion_place(request), request.size)
    pictures = {
        "reference_image": request.subject.views[0].image[None].float(),
        "pose_video": draw_skeleton(motion, hands=request.strength("hands")).float() / 255,
    }
    neutral = _neutral(request, check)
    if neutral is not None:
        strength = request.strength("face")
        face = face_crops(request, start, length, LABEL, check) if strength else neutral
        pictures["face_video"] = face if strength == 1 else neutral + strength * (face - neutral)
        if not strength:
            pictures["face_video"] = neutral.expand(length, -1, -1, -1)
    masks = _replacement(request, motion, pictures, start, check) if request.replace_person else None
    return NodeInputs(pictures, {} if masks is None else {"character_mask": masks}, neutral_face=neutral)


def _neutral(request: Request, check: Check) -> Tensor | None:
    """[1, 3, 512, 512] the driver's face at rest; None where no face is wanted and none can be told."""
    found = None if request.driver is None else request.driver.motion
    known = found is not None and only_person(found, "The video's motion").face is not None
    return neutral_face(request, LABEL, check) if known or request.strength("face") else None


def _replacement(
    request: Request, motion: Motion, pictures: dict[str, Tensor], start: int, check: Check
) -> Tensor:
    """Add the video without its person to the pictures; returns the person's mask [F, H, W] in blocks."""
    driver = needed_driver(request, "to replace its person")
    place = video_place(request, driver)
    masks = blocks(driver_masks(driver, motion, place, start, request.size))
    video = clip_frames(
        driver.clip, start, motion.frames, lambda frames, _: framed(frames, place, request.size), check
    )
    pictures["background_video"] = video * (1 - masks[:, None])
    return masks
