"""A face in a chunk of frames: MediaPipe's 478 landmarks and 52 expression coefficients, head pose, a steady
crop."""

import torch
from torch import Tensor

from ..motion.face_crop import steady_crop
from ..motion.skeleton import EXPRESSIONS, FACE_LANDMARKS, HEAD_JOINTS, JOINT
from ..motion.types import FaceMotion
from .crops import crop, from_crop, picked, square, to_crop
from .detect import FACE_GRID, Detection, detect
from .follow import Look, Tolerance, at_rest, follow, from_anchor, held
from .head_pose import head_rotation
from .suite import Perception, run

INPUT = 256
TOLERANCE = Tolerance(0.03, 1.05, 0.1)  # a face off the middle is read with other eyelids and lips
MARGIN = 1.5  # region over the landmarks' extent, as the landmark net was trained
RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners: their line is the region's horizontal
HEAD_SEEN = 3  # this many of them tell where the head is
HEAD_WINDOW = 4.0  # the face detector's picture over the widest distance between them
HEAD_FACE = 2.0  # the same for the landmark net's region, where the detector is blind
CROP_MARGIN = 1.25  # steady crop over the landmarks' extent: room for hair and chin

# The 146 landmarks that the expression net reads, in its order.
EXPRESSION_POINTS = [
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67,
    70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146,
    148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181,
    185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293,
    295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361,
    362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398,
    400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
]  # fmt: skip


class FaceTracker:
    """Follows one face through the chunks of a clip; remembers between chunks where it was."""

    def __init__(self, nets: Perception) -> None:
        self._nets = nets
        self._last = torch.full((4,), torch.nan)  # as the anchor saw it
        self._anchor = torch.zeros(3)  # of the last frame

    def __call__(self, frames: Tensor, body: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 [n, 3, H, W] and the body [n, 25, 4] -> landmarks [n, 478, 3], expression [n, 52], confidence
        [n]."""
        anchors = at_rest(len(frames)) if body is None else held(*_head_axes(body), self._anchor)
        look = follow(_FaceWatcher(self._nets, frames, body), self._last, anchors)
        seen = torch.nonzero(look.score > 0)[:, 0]
        self._anchor = anchors[-1]
        self._last = torch.full((4,), torch.nan)
        if len(seen):
            self._last = from_anchor(look.roi[seen[-1:]], anchors[seen[-1:]])[0]
        expression = torch.zeros(len(frames), len(EXPRESSIONS))
        if len(seen):
            expression[seen] = self._expression(look.points[seen], look.roi[seen])
        return look.points * (look.score > 0)[:, None, None], expression, look.score

    def _expression(self, points: Tensor, rois: Tensor) -> Tensor:
        upright = to_crop(points[:, EXPRESSION_POINTS], rois, INPUT)[..., :2]  # the net knows no tilted heads
        return run(self._nets.face_expressions, upright)[0]


class _FaceWatcher:
    tolerance = TOLERANCE

    def __init__(self, nets: Perception, frames: Tensor, body: Tensor | None) -> None:
        self._nets, self._frames, self._body = nets, frames, body

    def blank(self, n: int) -> Look:
        return Look(
            torch.zeros(n, FACE_LANDMARKS, 3),
            torch.zeros(n),
            torch.full((n, 4), torch.nan),
            torch.zeros(n, 0),
        )

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        flat, logit = run(self._nets.face_landmarks, crop(picked(self._frames, index), rois, INPUT), (0, 1))
        points = from_crop(flat.reshape(len(index), FACE_LANDMARKS, 3), rois, INPUT)
        return Look(
            points, logit.reshape(len(index)).sigmoid(), face_region(points), torch.zeros(len(index), 0)
        )

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        if self._body is not None:
            return self._search_at_head(index, self._body[index])
        height, width = self._frames.shape[-2:]
        whole = square(width, height).expand(len(index), 4)
        found = detect(self._nets.face_detector, FACE_GRID, picked(self._frames, index), whole)
        rois, last = [], torch.full((4,), torch.nan)
        for faces, known in zip(found, near, strict=True):
            last = _same_face(faces, last if known.isnan().any() else known)
            rois.append(last)
        return torch.stack(rois)

    def _search_at_head(self, index: Tensor, body: Tensor) -> Tensor:
        """Rois of the face at the head of the body [m, 25, 4]; where the head is not seen there is no
        face."""
        windows, guesses = _head(body)
        known = torch.nonzero(~windows.isnan().any(1))[:, 0]
        if len(known):
            found = detect(
                self._nets.face_detector, FACE_GRID, picked(self._frames, index[known]), windows[known]
            )
            for place, faces in zip(known.tolist(), found, strict=True):
                if faces:
                    middle = windows[place, :2]
                    guesses[place] = _detected(
                        min(faces, key=lambda face: float((face.centre - middle).norm()))
                    )
        return guesses


def _head_axes(body: Tensor) -> tuple[Tensor, Tensor]:
    """Between eyes and nose of the body [n, 25, 4], turned as the eyes' line: [n, 3], and whether they are
    seen [n]."""
    nose, right, left = (body[:, JOINT[name]] for name in ("nose", "r_eye", "l_eye"))
    centre, line = (nose + right + left)[:, :2] / 3, (left - right)[:, :2]
    seen = (nose[:, 3] > 0) & (right[:, 3] > 0) & (left[:, 3] > 0) & (line[:, 0] > 0)
    return torch.cat([centre, torch.atan2(line[:, 1], line[:, 0])[:, None]], dim=1), seen


def _head(body: Tensor) -> tuple[Tensor, Tensor]:
    """Where the body [m, 25, 4] says the head is: a wide upright window and a tight region, rois [m, 4] or
    nan."""
    points, seen = body[:, HEAD_JOINTS, :2], body[:, HEAD_JOINTS, 3] > 0
    weight = seen[..., None].float()
    centre = (points * weight).sum(1) / weight.sum(1).clamp(min=1)
    apart = (points[:, :, None] - points[:, None]).norm(dim=-1) * (seen[:, :, None] & seen[:, None])
    spread = apart.amax((1, 2))
    eyes = points[:, 2] - points[:, 1]
    angle = torch.where(seen[:, 1] & seen[:, 2] & (eyes[:, 0] > 0), torch.atan2(eyes[:, 1], eyes[:, 0]), 0)
    window = torch.stack([centre[:, 0], centre[:, 1], HEAD_WINDOW * spread, torch.zeros_like(spread)], dim=1)
    tight = torch.stack([centre[:, 0], centre[:, 1], HEAD_FACE * spread, angle], dim=1)
    known = ((seen.sum(1) >= HEAD_SEEN) & (spread > 0))[:, None]
    return torch.where(known, window, torch.nan), torch.where(known, tight, torch.nan)


def _same_face(faces: list[Detection], last: Tensor) -> Tensor:
    """The region [4] of the face nearest to region `last`, of the largest where that is unknown; nan for
    none."""
    rois = [_detected(face) for face in faces]
    if not last.isnan().any():
        rois = [roi for roi in rois if (roi[:2] - last[:2]).norm() < last[2]]
        return min(
            rois, key=lambda roi: float((roi[:2] - last[:2]).norm()), default=torch.full((4,), torch.nan)
        )
    return max(rois, key=lambda roi: float(roi[2]), default=torch.full((4,), torch.nan))


def _detected(face: Detection) -> Tensor:
    """The region [4] of a detected face; keypoints 0 and 1 are the eyes, left to right in the picture."""
    eyes = face.points[1] - face.points[0]
    return torch.cat([face.centre, MARGIN * face.extent.max()[None], torch.atan2(eyes[1], eyes[0])[None]])


def face_region(points: Tensor) -> Tensor:
    """Landmarks [n, 478, 3] -> the rois [n, 4] that hold them upright with the net's margin."""
    eyes = points[:, LEFT_EYE, :2] - points[:, RIGHT_EYE, :2]
    angle = torch.atan2(eyes[:, 1], eyes[:, 0])
    unit = torch.stack(
        [torch.zeros_like(angle), torch.zeros_like(angle), torch.ones_like(angle), angle], dim=1
    )
    upright = to_crop(points, unit, 1)[..., :2]
    low, high = upright.amin(1), upright.amax(1)
    middle = torch.cat([(low + high) / 2, torch.zeros_like(angle)[:, None]], dim=1)
    centre = from_crop(middle[:, None], unit, 1)[:, 0, :2]
    side = MARGIN * (high - low).amax(1).clamp(min=1)
    return torch.cat([centre, side[:, None], angle[:, None]], dim=1)


def face_motion(landmarks: Tensor, expression: Tensor, confidence: Tensor, fps: float) -> FaceMotion:
    """A whole clip's face [F, ...] with head rotations (identity where unseen) and its steady crop."""
    seen = confidence > 0
    rotation = torch.eye(3).repeat(len(landmarks), 1, 1)
    if seen.any():
        rotation[seen] = head_rotation(landmarks[seen])
    return FaceMotion(landmarks, expression, rotation, _steady_crops(landmarks, seen, fps), confidence)


def _steady_crops(landmarks: Tensor, seen: Tensor, fps: float) -> Tensor:
    """Steady crops [F, 3] with room around the landmarks [F, 478, 3]; unseen frames have side 0."""
    low, high = landmarks[..., :2].amin(1), landmarks[..., :2].amax(1)
    side = CROP_MARGIN * (high - low).amax(1, keepdim=True)
    crops = torch.cat([(low + high) / 2, side], dim=1) * seen[:, None]
    return steady_crop(crops, seen, seen, fps).float()
