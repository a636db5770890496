"""Motions as people want to see them: shaded coloured limbs in depth order, on black or over the clip."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN, TORSO_PER_HAND, TORSO_PER_HEAD, head_width, torso_length
from .face_frame import face_scale
from .face_mesh import CLOSED_LINES, INNER_LIPS, LEFT_IRIS, OPEN_LINES, OUTER_LIPS, RIGHT_IRIS
from .skeleton import HAND_BONES, JOINT, LEFT, RIGHT
from .types import Motion, Track

Colour = tuple[int, int, int]
Array = np.ndarray

Part = Literal["body", "hands", "face"]
# Hues go around the body in the customary OpenPose order: right arm red to yellow, left arm yellow to green,
# right leg green to cyan, left leg cyan to blue, head violet to pink.
BONE_COLOURS: Final[Mapping[tuple[str, str], Colour]] = {
    ("neck", "pelvis"): (150, 150, 165),
    ("neck", "r_shoulder"): (226, 58, 52),
    ("r_shoulder", "r_elbow"): (236, 104, 44),
    ("r_elbow", "r_wrist"): (242, 158, 40),
    ("neck", "l_shoulder"): (232, 208, 52),
    ("l_shoulder", "l_elbow"): (168, 212, 58),
    ("l_elbow", "l_wrist"): (98, 200, 70),
    ("pelvis", "r_hip"): (58, 190, 92),
    ("r_hip", "r_knee"): (48, 194, 136),
    ("r_knee", "r_ankle"): (48, 192, 180),
    ("r_heel", "r_big_toe"): (60, 188, 204),
    ("r_ankle", "r_heel"): (60, 188, 204),
    ("r_big_toe", "r_small_toe"): (60, 188, 204),
    ("pelvis", "l_hip"): (54, 158, 220),
    ("l_hip", "l_knee"): (62, 122, 232),
    ("l_knee", "l_ankle"): (86, 92, 236),
    ("l_heel", "l_big_toe"): (112, 84, 236),
    ("l_ankle", "l_heel"): (112, 84, 236),
    ("l_big_toe", "l_small_toe"): (112, 84, 236),
    ("neck", "nose"): (150, 76, 226),
    ("nose", "r_eye"): (186, 74, 220),
    ("r_eye", "r_ear"): (206, 72, 200),
    ("nose", "l_eye"): (222, 72, 176),
    ("l_eye", "l_ear"): (232, 72, 146),
}
FINGER_COLOURS: Final[tuple[Colour, ...]] = (
    (240, 92, 84), (240, 186, 72), (120, 206, 96), (84, 160, 238), (196, 110, 232),
)  # fmt: skip
FOOT: Final = ("heel", "big_toe", "small_toe")
FACE_COLOUR: Final[Colour] = (236, 232, 224)
LIPS_COLOUR: Final[Colour] = (244, 132, 140)
IRIS_COLOUR: Final[Colour] = (132, 206, 250)

BONE_RADIUS, FOOT_RADIUS, HEAD_RADIUS, FINGER_RADIUS = 0.055, 0.035, 0.022, 0.016  # in torso lengths
JOINT_SWELL: Final = 1.2  # a joint's ball against its bone
SMALLEST_RADIUS: Final = 1.2  # pixels
FAINT: Final = 0.25  # opacity of a point that is only just seen
FULL_CONFIDENCE: Final = 0.6  # from here on points are drawn opaque
LIGHT: Final = (-0.37, -0.56, 0.74)  # unit vector towards the light: from above the viewer's left shoulder
AMBIENT: Final = 0.35
FACE_BEFORE: Final = 0.1  # torso lengths by which a limb must be before the nose to be painted over the face
DOT_STEP: Final = 0.6  # pixels between the dots that make a line: closer than the dots' width
FRAMES_AT_ONCE: Final = 16
BRIGHTNESS: Final = 0.6  # of the clip below the drawing


@dataclass(frozen=True)
class _Stroke:
    """A capsule to paint: two ends in pixels, a radius, a colour, how opaque, how far away."""

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    colour: Colour
    opacity: float
    depth: float


def draw_motion(
    motion: Motion,
    *,
    size: tuple[int, int] | None = None,
    background: Iterable[Tensor] | None = None,
    parts: Sequence[Part] = ("body", "hands", "face"),
    bones: Mapping[tuple[str, str], Colour] = BONE_COLOURS,
) -> Iterator[Tensor]:
    """Draw every track; yields uint8 chunks [n, 3, H, W], so that memory does not grow with the clip.

    On black at `size` (width, height; None: the motion's own), or over `background`: the clip's frames as
    uint8 chunks [n, 3, H, W] of any length, dimmed, which then give the size. `bones` names
    the body's bones by their ends, with their colours. Points with a confidence below 0.3 are left out,
    uncertain ones are faint. Raises KMCError when motion and background differ in length.
    """
    if background is not None and size is not None:
        raise KMCError("Give a size or a background, not both: the background's frames have a size.")
    chunks = _black(motion, size or motion.size) if background is None else _dimmed(background)
    done = 0
    for canvas in chunks:  # n H W 3
        if done + len(canvas) > motion.frames:
            raise KMCError(f"The background has more frames than the motion, which has {motion.frames}.")
        scale = (canvas.shape[2] / motion.size[0], canvas.shape[1] / motion.size[1])
        for index, image in enumerate(canvas):
            for track in motion.tracks:
                _paint_track(image, track, done + index, scale, parts, bones)
        done += len(canvas)
        yield torch.from_numpy(canvas).permute(0, 3, 1, 2)
    if done < motion.frames:
        raise KMCError(
            f"The background has {done} frames, the motion {motion.frames}; use the motion's own clip."
        )


def _black(motion: Motion, size: tuple[int, int]) -> Iterator[Array]:
    for first in range(0, motion.frames, FRAMES_AT_ONCE):
        yield np.zeros((min(FRAMES_AT_ONCE, motion.frames - first), size[1], size[0], 3), dtype=np.uint8)


def _dimmed(background: Iterable[Tensor]) -> Iterator[Array]:
    levels = (np.arange(256) * BRIGHTNESS).round().clip(0, 255).astype(np.uint8)
    for chunk in background:
        if chunk.ndim != 4 or chunk.shape[1] != 3 or chunk.dtype != torch.uint8:
            raise KMCError(
                f"Background chunk is {chunk.dtype} {tuple(chunk.shape)}, expected uint8 [n, 3, H, W]."
            )
        yield levels[chunk.permute(0, 2, 3, 1).cpu().numpy()]


def _paint_track(
    image: Array, track: Track, frame: int, scale: tuple[float, float], parts: Sequence[Part],
    bones: Mapping[tuple[str, str], Colour],
) -> None:  # fmt: skip
    """Paint one person into [H, W, 3], far things first."""
    mean_scale = (scale[0] * scale[1]) ** 0.5
    stretch = np.array([*scale, mean_scale, 1.0])
    unit = _unit(track, frame) * mean_scale
    body = None if track.body is None else track.body[frame].float().cpu().numpy() * stretch
    strokes: list[_Stroke] = []
    if body is not None and "body" in parts:
        strokes += _body_strokes(body, unit, bones)
    if track.hands is not None and "hands" in parts:
        hands = track.hands[frame].float().cpu().numpy() * stretch
        for side, wrist in ((LEFT, "l_wrist"), (RIGHT, "r_wrist")):
            depth = 0.0 if body is None or body[JOINT[wrist], 3] < SEEN else float(body[JOINT[wrist], 2])
            strokes += _hand_strokes(hands[side], depth, unit)
    strokes.sort(key=lambda stroke: -stroke.depth)
    face = track.face if "face" in parts else None
    face_opacity = 0.0 if face is None else _opacity(float(face.confidence[frame]))
    face_depth = 0.0 if body is None else float(body[JOINT["nose"], 2])
    for stroke in strokes:
        if face_opacity and face is not None and stroke.depth < face_depth - FACE_BEFORE * unit:
            _paint_face(image, face.landmarks[frame].float().cpu().numpy() * stretch[:3], face_opacity)
            face_opacity = 0.0
        _paint(image, stroke)
    if face_opacity and face is not None:
        _paint_face(image, face.landmarks[frame].float().cpu().numpy() * stretch[:3], face_opacity)


def _unit(track: Track, frame: int) -> float:
    """Torso length in source pixels, from whatever part tells it."""
    if track.body is not None:
        body = track.body[frame].float()
        if (unit := max(float(torso_length(body)), TORSO_PER_HEAD * 0.8 * float(head_width(body)))) > 0:
            return unit
    if track.face is not None and float(track.face.confidence[frame]) >= SEEN:
        return TORSO_PER_HEAD * 1.5 * float(face_scale(track.face.landmarks[frame : frame + 1].float()))
    if track.hands is not None:
        hands = track.hands[frame].float()
        return TORSO_PER_HAND * float((hands[:, 9, :2] - hands[:, 0, :2]).norm(dim=1).max())
    return 0.0


def _opacity(confidence: float) -> float:
    if confidence < SEEN:
        return 0.0
    return min(1.0, FAINT + (1 - FAINT) * (confidence - SEEN) / (FULL_CONFIDENCE - SEEN))


def _body_strokes(body: Array, unit: float, bones: Mapping[tuple[str, str], Colour]) -> list[_Stroke]:
    strokes = []
    for (start, end), colour in bones.items():
        share = HEAD_RADIUS if end[2:] in ("eye", "ear") else FOOT_RADIUS if end[2:] in FOOT else BONE_RADIUS
        radius = max(unit * share, SMALLEST_RADIUS)
        strokes += _bone(body[JOINT[start]], body[JOINT[end]], 0.0, radius, colour)
    return strokes


def _hand_strokes(hand: Array, depth: float, unit: float) -> list[_Stroke]:
    radius = max(unit * FINGER_RADIUS, SMALLEST_RADIUS)
    strokes = []
    for start, end in HAND_BONES:
        strokes += _bone(hand[start], hand[end], depth, radius, FINGER_COLOURS[(end - 1) // 4])
    return strokes


def _bone(start: Array, end: Array, depth: float, radius: float, colour: Colour) -> list[_Stroke]:
    """The bone between two points [4], and a paler ball at its end."""
    opacity = _opacity(float(min(start[3], end[3])))
    if opacity == 0:
        return []
    a, b = (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
    pale = tuple((channel + 255) // 2 for channel in colour)
    middle = depth + float(start[2] + end[2]) / 2
    ball = _Stroke(
        b, b, radius * JOINT_SWELL, (pale[0], pale[1], pale[2]), opacity, depth + float(end[2]) - radius
    )
    return [_Stroke(a, b, radius, colour, opacity, middle), ball]


def _paint(image: Array, stroke: _Stroke) -> None:
    """Blend one capsule into [H, W, 3], lit as the cylinder that it stands for."""
    height, width = image.shape[:2]
    (ax, ay), (bx, by), radius = stroke.start, stroke.end, stroke.radius
    left, right = (int(v) for v in np.clip((min(ax, bx) - radius - 1, max(ax, bx) + radius + 2), 0, width))
    top, bottom = (int(v) for v in np.clip((min(ay, by) - radius - 1, max(ay, by) + radius + 2), 0, height))
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - ax)
    y = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - ay))[:, None]
    dx, dy = bx - ax, by - ay
    square = max(dx * dx + dy * dy, 1e-6)
    along = np.clip(x * np.float32(dx / square) + y * np.float32(dy / square), 0, 1)
    aside_x, aside_y = x - along * np.float32(dx), y - along * np.float32(dy)
    squared = aside_x * aside_x + aside_y * aside_y
    inside = squared < (radius + 0.5) ** 2
    rows, columns = np.nonzero(inside)
    if len(rows) == 0:
        return
    squared, aside_x, aside_y = squared[inside], aside_x[inside], aside_y[inside]
    cover = np.clip(radius + 0.5 - np.sqrt(squared), 0, 1) * np.float32(stroke.opacity)
    towards = np.sqrt(np.clip(radius * radius - squared, 0, None))
    lit = (aside_x * LIGHT[0] + aside_y * LIGHT[1] + towards * LIGHT[2]) / radius
    shade = (AMBIENT + (1 - AMBIENT) * np.clip(lit, 0, 1)).astype(np.float32)[:, None]
    patch = image[top:bottom, left:right]
    old = patch[rows, columns].astype(np.float32)
    colour = np.array(stroke.colour, dtype=np.float32) * shade
    patch[rows, columns] = (old + (colour - old) * cover[:, None] + 0.5).astype(np.uint8)


def _paint_face(image: Array, landmarks: Array, opacity: float) -> None:
    """Blend the lines of a face [478, 3] into [H, W, 3]."""
    if opacity == 0:
        return
    span = float(np.ptp(landmarks[:, 1]))
    reach = max(0.7, span / 260)  # half the width of a line, pixels
    for line, closed in [*((line, True) for line in CLOSED_LINES), *((line, False) for line in OPEN_LINES)]:
        colour = LIPS_COLOUR if line in (OUTER_LIPS, INNER_LIPS) else FACE_COLOUR
        if line in (LEFT_IRIS, RIGHT_IRIS):
            colour = IRIS_COLOUR
        points = landmarks[list(line) + ([line[0]] if closed else []), :2]
        _paint_line(image, points, reach, colour, opacity)


def _paint_line(image: Array, points: Array, reach: float, colour: Colour, opacity: float) -> None:
    """A polyline [N, 2] as a row of soft dots."""
    steps = np.maximum(np.ceil(np.linalg.norm(np.diff(points, axis=0), axis=1) / DOT_STEP).astype(int), 1)
    if steps.sum() > 8 * sum(
        image.shape[:2]
    ):  # a line far larger than the picture comes from a broken detection
        return
    edge = np.repeat(np.arange(len(steps)), steps)
    share = (np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)) / steps[edge]
    dots = points[edge] + (points[edge + 1] - points[edge]) * share[:, None]
    size = int(np.ceil(reach + 0.5))
    grid = np.stack(np.meshgrid(np.arange(-size, size + 1), np.arange(-size, size + 1)), axis=-1).reshape(
        -1, 2
    )
    pixels = np.floor(dots).astype(int)[:, None] + grid  # N K 2
    cover = np.clip(reach + 0.5 - np.linalg.norm(pixels + 0.5 - dots[:, None], axis=-1), 0, 1)
    height, width = image.shape[:2]
    kept = (cover > 0) & (pixels >= 0).all(axis=-1) & (pixels[..., 0] < width) & (pixels[..., 1] < height)
    if not kept.any():
        return
    pixels, cover = pixels[kept], cover[kept]
    low = pixels.min(axis=0)
    columns, rows = pixels.max(axis=0) - low + 1
    mask = np.zeros(rows * columns, dtype=np.float32)
    at = (pixels[:, 1] - low[1]) * columns + pixels[:, 0] - low[0]
    np.maximum.at(mask, at, cover.astype(np.float32) * np.float32(opacity))
    patch = image[low[1] : low[1] + rows, low[0] : low[0] + columns]
    old = patch.astype(np.float32)
    patch[:] = old + (np.array(colour, dtype=np.float32) - old) * mask.reshape(rows, columns, 1) + 0.5
