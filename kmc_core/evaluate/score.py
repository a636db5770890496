"""One clip of one method against its truth. Every figure is a sum and its weight, so that clips add up."""

from dataclasses import dataclass
from math import comb
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.types import FaceMotion, Track
from .metrics import (
    PCK_JOINTS,
    SEEN,
    colour_difference,
    correct_joints,
    flow,
    hand_box,
    l1,
    psnr,
    ssim,
    turn_between,
    warp_error,
)
from .reading import FACE_FOUND, Reading

Scores = dict[str, tuple[float, float]]  # metric -> sum and weight; their quotient is the figure

REACH: Final = 0.1  # PCK: share of the longer side of the box around the person's (the hand's) joints
FACE_PIXELS: Final = 16.0  # of the longer side; smaller faces show detectors no expression
IDENTITY_PIXELS: Final = 30.0  # the same for the identity net
SUBJECTS: Final = 20  # among which a face has to be the most alike of its own subject
METRICS: Final = {  # name -> heading, and whether more is better
    "psnr": ("PSNR", True),
    "ssim": ("SSIM", True),
    "l1": ("L1", False),
    "body_pck": ("body PCK@0.1", True),
    "body_akd": ("body AKD %", False),
    "hand_pck": ("hand PCK@0.1", True),
    "hand_akd": ("hand AKD %", False),
    "faces_found": ("faces found", True),
    "aed": ("AED", False),
    "apd": ("APD °", False),
    "id_sim": ("ID-SIM", True),
    "id_rank1": ("ID rank-1", True),
    "flicker": ("flicker", False),
    "colour": ("colour ΔE", False),
}


class Gallery(NamedTuple):
    """Faces of all subjects, from their reference pictures."""

    embeddings: Tensor  # [R, 128]
    owner: Tensor  # [R] number of the subject


@dataclass(frozen=True)
class Truth:
    """What a clip should show."""

    frames: Tensor  # [F, 3, H, W] in 0..1
    mask: Tensor  # [F, 1, H, W], 1 on the person
    track: Track  # exact body, hands and face
    reading: Reading  # what detectors read in the frames
    shift: Tensor  # [F-1, H, W, 2] flow of the frames
    who: int | None  # the subject's number in the gallery

    @classmethod
    def of(cls, frames: Tensor, mask: Tensor, track: Track, reading: Reading, who: int | None) -> "Truth":
        """Truth with the flow of its frames."""
        return cls(frames, mask, track, reading, flow(frames), who)


def score(frames: Tensor, reading: Reading, truth: Truth, gallery: Gallery) -> Scores:
    """All figures of frames [F, 3, H, W]."""
    pixels = {
        "psnr": (psnr(frames, truth.frames), 1.0),
        "ssim": (ssim(frames, truth.frames), 1.0),
        "l1": (l1(frames, truth.frames), 1.0),
        "flicker": (warp_error(frames, truth.shift), warp_error(truth.frames, truth.shift)),
        "colour": (colour_difference(frames, truth.frames, truth.mask), 1.0),
    }
    face = truth.track.face
    assert face is not None
    faces = face_scores(reading, truth.reading, face, gallery, truth.who)
    return pixels | joint_scores(reading, truth.track) | faces


def joint_scores(found: Reading, track: Track) -> Scores:
    """Body and hands against a track that has both; distances in percent of the person's (the hand's) box."""
    assert track.body is not None and track.hands is not None
    seen = track.body[track.body[..., 3] > 0][:, :2]
    side = float((seen.amax(0) - seen.amin(0)).max())
    correct, counted = correct_joints(found.body, track.body, REACH * side)
    joints = list(PCK_JOINTS)
    near, far = found.body[:, joints], track.body[:, joints]
    away = (near[..., :2] - far[..., :2]).norm(dim=-1) / side * 100
    both = counted & (near[..., 3] > 0)
    box = hand_box(track.hands)[..., None].clamp(min=1e-3)
    hands_seen = track.hands[..., 3] >= SEEN
    hands_away = (found.hands[..., :2] - track.hands[..., :2]).norm(dim=-1) / box
    hands_found = hands_seen & (found.hands[..., 3] > 0)
    return {
        "body_pck": (float(correct.sum()), float(counted.sum())),
        "body_akd": (float(away[both].sum()), float(both.sum())),
        "hand_pck": (float((hands_found & (hands_away <= REACH)).sum()), float(hands_seen.sum())),
        "hand_akd": (float(hands_away[hands_found].sum() * 100), float(hands_found.sum())),
    }


def face_sizes(landmarks: Tensor) -> Tensor:
    """Longer side of the box around landmarks [..., 478, 3]."""
    return (landmarks.amax(-2) - landmarks.amin(-2))[..., :2].amax(-1)


def face_scores(found: Reading, read: Reading, face: FaceMotion, gallery: Gallery, who: int | None) -> Scores:
    """Expression and head pose against `read`, identity against the gallery. Only faces that are large enough
    in the truth, and found in `read`, count.
    """
    size = face_sizes(face.landmarks)
    shown = (face.confidence > 0) & (size >= FACE_PIXELS) & (read.faces > FACE_FOUND)
    seen = found.faces > FACE_FOUND
    both = shown & seen
    count = float(both.sum())
    expression = (found.expression - read.expression).abs().mean(-1)
    scores = {
        "faces_found": (count, float(shown.sum())),
        "aed": (float(expression[both].sum()), count),
        "apd": (float(turn_between(found.rotation, read.rotation)[both].sum()), count),
    }
    shown &= size >= IDENTITY_PIXELS
    if who is None or not shown.any():
        return scores
    likeness = F.cosine_similarity(found.embeddings[:, None], gallery.embeddings[None], dim=-1)  # F R
    own = likeness[:, gallery.owner == who].amax(-1)
    both = shown & seen
    return scores | {
        "id_sim": (float(own[both].sum()), float(both.sum())),
        # A face that is not found is nobody's.
        "id_rank1": (float(first_of_few(likeness, gallery.owner, who)[both].sum()), float(shown.sum())),
    }


def first_of_few(likeness: Tensor, owner: Tensor, who: int) -> Tensor:
    """Chance [F] that the subject `who` is the most alike among itself and SUBJECTS - 1 others, drawn from
    all; likeness [F, R] to faces of the subjects `owner` [R].
    """
    names = owner.unique()
    best = torch.stack([likeness[:, owner == name].amax(-1) for name in names], -1)  # F S
    ahead = (best[:, names != who] > best[:, names == who]).sum(-1)
    others = len(names) - 1
    drawn = min(SUBJECTS - 1, others)
    chances = [comb(others - int(count), drawn) / comb(others, drawn) for count in ahead]
    return likeness.new_tensor(chances)
