"""How well a video follows a motion and keeps its character, without a true video to compare with."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Final

import torch
from torch import Tensor

from ..engines.color import to_oklab
from ..engines.kmc import canvas_pose, fitted_person, placement
from ..errors import KMCError
from ..motion.types import FaceMotion, Motion, Track
from ..perception.identity_net import EMBEDDING
from ..perception.person import person_mask
from ..perception.suite import Perception
from ..subject.types import Subject
from .metrics import flow, warp_error
from .reading import Reading, read_pictures
from .score import METRICS, Gallery, Scores, face_scores, joint_scores

NOT_MEASURED: Final = ("psnr", "ssim", "l1", "id_rank1")  # need a true video, or other subjects
DIGITS: Final = 4


@dataclass(frozen=True)
class Evaluation:
    """Figures of a whole video and of each frame; nan where a figure does not apply."""

    figures: dict[str, float]
    frames: dict[str, Tensor]  # metric -> [F]

    def as_json(self) -> str:
        """{"figures": {metric: value}, "frames": {metric: [values]}}; null where one does not apply."""
        plain = {
            "figures": {name: _plain(value) for name, value in self.figures.items()},
            "frames": {name: [_plain(x) for x in values.tolist()] for name, values in self.frames.items()},
        }
        return json.dumps(plain)

    def as_markdown(self) -> str:
        """One row a metric: the figure and its worst frame."""
        lines = ["| metric | value | worst frame |", "|---|---|---|"]
        for name, value in self.figures.items():
            heading, more_is_better = METRICS[name]
            known = torch.nan_to_num(self.frames[name], torch.inf if more_is_better else -torch.inf)
            worst = int(known.argmin() if more_is_better else known.argmax())
            shown = ("–", "–") if value != value else (f"{value:.3f}", str(worst))
            lines.append(f"| {heading} | {shown[0]} | {shown[1]} |")
        return "\n".join(lines)


def evaluate_animation(
    frames: Tensor,
    motion: Motion,
    subject: Subject,
    nets: Perception,
    *,
    person: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Frames [F, 3, H, W] in 0..1 against the motion that they were made from, in pixels of the subject's
    first view, and against the subject. Joints, expression and head pose are compared with the motion,
    identity with the best of the subject's views, colours (OKLab) with the first view. Flicker is the change
    in percent along the video's own flow. KMCError for a motion of other length or another frame.
    """
    if len(frames) != motion.frames:
        raise KMCError(
            f"The result has {len(frames)} frames, the motion {motion.frames}; connect the motion that it "
            "was made from, cut to the same part."
        )
    track = _placed(fitted_person(motion, subject, person), motion.size, (frames.shape[-1], frames.shape[-2]))
    check()
    found = read_pictures(frames, motion.fps, nets)
    gallery = _faces_of(subject)
    per_frame: list[Scores] = []
    for index, frame in enumerate(frames):
        check()
        now, before = slice(index, index + 1), slice(max(0, index - 1), index + 1)
        scores = _follows(_part(found, now), _track_part(track, now), gallery)
        scores["colour"] = (_colour_distance(frame, person_mask(frame, nets), subject), 1.0)
        if index:
            pair = frames[before]
            scores["flicker"] = (100 * warp_error(pair, flow(pair)), 1.0)
        per_frame.append(scores)
        progress(index + 1, len(frames))
    names = [name for name in METRICS if name not in NOT_MEASURED]
    parts = {name: torch.tensor([s.get(name, (0.0, 0.0)) for s in per_frame]) for name in names}
    figures = {name: float(p[:, 0].sum() / p[:, 1].sum()) for name, p in parts.items()}
    return Evaluation(figures, {name: p[:, 0] / p[:, 1] for name, p in parts.items()})


def _follows(found: Reading, track: Track, gallery: Gallery | None) -> Scores:
    scores = joint_scores(found, track)
    face = track.face
    assert face is not None and track.body is not None and track.hands is not None
    wanted = Reading(
        track.body, track.hands, face.confidence, face.expression, face.rotation,
        torch.zeros(1, EMBEDDING),
    )  # fmt: skip
    known = gallery or Gallery(torch.zeros(0, EMBEDDING), torch.zeros(0, dtype=torch.long))
    return scores | face_scores(found, wanted, face, known, None if gallery is None else 0)


def _placed(track: Track, picture: tuple[int, int], size: tuple[int, int]) -> Track:
    """The track in pixels of the result; parts that it lacks get confidence 0."""
    pose = canvas_pose(track, *placement(picture, size))
    count, face = track.frames, track.face
    unseen = FaceMotion(
        pose.landmarks, torch.zeros(count, 52), torch.eye(3).expand(count, 3, 3), torch.zeros(count, 3),
        pose.face_seen,
    )  # fmt: skip
    return Track(pose.body, None, pose.hands, replace(face, landmarks=pose.landmarks) if face else unseen)


def _part(reading: Reading, part: slice) -> Reading:
    return Reading(**{f.name: getattr(reading, f.name)[part] for f in fields(reading)})


def _track_part(track: Track, part: slice) -> Track:
    assert track.body is not None and track.hands is not None and track.face is not None
    face = FaceMotion(**{f.name: getattr(track.face, f.name)[part] for f in fields(track.face)})
    return Track(track.body[part], None, track.hands[part], face)


def _faces_of(subject: Subject) -> Gallery | None:
    seen = [view.embedding for view in subject.views if view.embedding is not None]
    return Gallery(torch.stack(seen).float(), torch.zeros(len(seen), dtype=torch.long)) if seen else None


def _colour_distance(frame: Tensor, mask: Tensor, subject: Subject) -> float:
    first = subject.views[0]
    means = [
        (to_oklab(picture[None].float())[0] * where).sum((1, 2)) / where.sum().clamp(min=1e-6)
        for picture, where in ((frame, mask), (first.image, first.mask))
    ]
    return 100 * float((means[0] - means[1]).norm())


def _plain(value: float) -> float | None:
    return None if value != value else round(value, DIGITS)
