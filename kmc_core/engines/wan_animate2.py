"""Wan-Animate-2: the video itself, framed so that its person lies on the character.

What is made here is what ComfyUI's own node WanAnimate2ToVideo (0.31 and later) takes.
"""

from ..errors import KMCError
from .catalog import ENGINES
from .framing import framed, needed_driver, video_place
from .kmc import Check
from .node_inputs import NodeInputs
from .request import Request, clip_frames, only_person, whole_video

LABEL = ENGINES["wan_animate2"].label


def wan_animate2_inputs(request: Request, start: int, length: int, check: Check) -> NodeInputs:
    """Pictures for frames start .. start + length of the motion; past the video's end its last frame is held.

    KMCError for what is missing or cannot be followed.
    """
    only_person(request.motion, "The motion")
    driver = needed_driver(request, f"because {LABEL} looks at the video itself")
    whole_video(request, LABEL)
    if request.replace_person:
        raise KMCError(
            f"{LABEL} makes its background from the prompt and replaces nobody; switch replace_person off, "
            "or use Wan-Animate or SCAIL-2."
        )
    place = video_place(request, driver)
    video = clip_frames(
        driver.clip, start, length, lambda frames, _: framed(frames, place, request.size), check
    )
    pictures = {"reference_image": request.subject.views[0].image[None].float(), "pose_video": video}
    return NodeInputs(pictures, options={"reference_image_strength": request.identity.strength})
