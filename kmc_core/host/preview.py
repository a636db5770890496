"""What Preview Motion gives: drawn frames, and the temporary files that the page shows of them.

The page's viewer (js/) draws the motion itself, from its points and over a small copy of its clip; the drawn
frames are shown where that viewer is not, such as in the queue's history.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import av
import folder_paths
import torch
import torch.nn.functional as F
from comfy_api.latest import InputImpl, Types, io, ui
from einops import rearrange
from torch import Tensor

from ..errors import KMCError
from ..motion.draw import draw_motion
from ..motion.types import Motion
from ..motion.viewer_data import viewer_data
from ..perception.clips import Clip
from .media import even_size, image_of

DRAWN_AT_ONCE = 16  # frames of a background in memory as floats
# A key frame every eighth: a browser jumps to any frame in a few milliseconds. Quality as of a draft.
CLIP_OPTIONS = {"preset": "veryfast", "crf": "25", "g": "8", "bf": "0"}


def preview(
    motion: Motion,
    clip: Clip | None,
    compare: Motion | None,
    longest_side: int,
    *,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> tuple[Tensor, dict[str, Any]]:
    """IMAGE of the motion over its clip or on black, and what the node tells the page: which files to show.

    `compare` is another motion for the viewer alone. KMCError when motion and clip differ in length.
    """
    size = even_size(motion.size, longest_side)
    shown: dict[str, Any] = {"kmc_motion": [_view_file(motion)]}
    background = None
    if clip is not None:
        shown["kmc_clip"] = [_new_file("mp4")]
        background = _recorded(_scaled(clip, size), _path(shown["kmc_clip"][0]), size, motion.fps)
    images = image_of(_drawn(motion, background, size, progress, check))
    if compare is not None:
        shown["kmc_compare"] = [_view_file(compare)]
    return images, _video(images, motion.fps).as_dict() | shown


def _drawn(
    motion: Motion,
    background: Iterable[Tensor] | None,
    size: tuple[int, int],
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> Tensor:
    """Frames uint8 [F, 3, H, W] of the motion as coloured limbs, over the background or on black."""
    frames: list[Tensor] = []
    for chunk in draw_motion(motion, size=size if background is None else None, background=background):
        check()
        frames += list(chunk)
        progress(len(frames), motion.frames)
    if not frames:
        raise KMCError("The motion has no frames to draw; encode a clip with at least one.")
    return torch.stack(frames)


def _scaled(clip: Clip, size: tuple[int, int]) -> Iterator[Tensor]:
    """The clip's frames uint8 [n, 3, H, W] in another size (width, height)."""
    for frames in clip.chunks(DRAWN_AT_ONCE):
        other = F.interpolate(frames.float(), size=size[::-1], mode="bilinear", antialias=True)
        yield other.round().clamp(0, 255).to(torch.uint8)


def _recorded(chunks: Iterable[Tensor], path: Path, size: tuple[int, int], fps: float) -> Iterator[Tensor]:
    """The chunks uint8 [n, 3, H, W] as they come, written to a video file on their way."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=_rate(fps), options=CLIP_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for chunk in chunks:
            for picture in rearrange(chunk, "n c h w -> n h w c").cpu().numpy():
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            yield chunk
        file.mux(stream.encode())


def _video(images: Tensor, fps: float) -> ui.PreviewVideo:
    """The IMAGE frames as a temporary mp4. Width and height must be even."""
    parts = Types.VideoComponents(images=images, audio=None, frame_rate=_rate(fps))
    file = _new_file("mp4")
    InputImpl.VideoFromComponents(parts).save_to(str(_path(file)))
    return ui.PreviewVideo([file])


def _rate(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(1001)  # 1001: the NTSC rates, such as 30000/1001, stay exact


def _view_file(motion: Motion) -> ui.SavedResult:
    file = _new_file("kmcview")
    _path(file).write_bytes(viewer_data(motion))
    return file


def _new_file(suffix: str) -> ui.SavedResult:
    return ui.SavedResult(f"kmc_{uuid4().hex[:12]}.{suffix}", "", io.FolderType.temp)


def _path(file: ui.SavedResult) -> Path:
    return Path(folder_paths.get_temp_directory()) / file.filename
