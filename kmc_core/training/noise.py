"""What an extractor makes of exact truth: noise like its own, and its own answers."""

from dataclasses import replace
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import JOINT
from ..motion.types import Track
from ..perception.clips import TensorClip
from ..perception.extract import encode_body, encode_face, encode_hands
from ..perception.suite import Perception
from .shards import Shard

# Spreads on rendered truth, as shares of the picture's side: `python -m kmc_core.training.cli noise`.
JOINT_NOISE: Final = 0.010
DEPTH_NOISE: Final = 0.03  # of a joint over a whole clip: depths are wrong steadily
HAND_NOISE: Final = 0.007
LANDMARK_NOISE: Final = 0.004
HAND_LOST: Final = 0.3  # share of visible hands that are not found
# Medians of a normal error's size and of its distance in the plane, in standard deviations.
DEPTH_MEDIAN, POINT_MEDIAN = 0.6745, 1.1774
SEEN_AT: Final = 384  # detectors look at pictures of this side


def doubtful(track: Track, side: int, rng: torch.Generator) -> Track:
    """A motion as an extractor would give it, but its points in the picture: depths are wrong, hands
    are lost.

    Points stay exact because the animator shall do what it is told: a target beside its own conditions
    asks for a blur. `side` of the picture in pixels.
    """
    assert track.body is not None and track.hands is not None
    body, hands = track.body.clone(), track.hands.clone()
    body[..., 2] += _noise(body[:1, :, 2], DEPTH_NOISE * side, rng)
    hands[..., 3] *= torch.rand((1, 2, 1), generator=rng) >= HAND_LOST
    return replace(track, body=body, hands=hands)


def disturbed(track: Track, side: int, rng: torch.Generator) -> Track:
    """A view's pose as an extractor would give it: doubtful, and its points are noisy too."""
    track = doubtful(track, side, rng)
    body, hands, face = track.body, track.hands, track.face
    assert body is not None and hands is not None and face is not None
    landmarks = face.landmarks.clone()
    body[..., :2] += _noise(body[..., :2], JOINT_NOISE * side, rng)
    hands[..., :2] += _noise(hands[..., :2], HAND_NOISE * side, rng)
    landmarks[..., :2] += _noise(landmarks[:, :1, :2], LANDMARK_NOISE * side, rng)
    return replace(track, body=body, hands=hands, face=replace(face, landmarks=landmarks))


def _noise(like: Tensor, spread: float, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng) * spread


def extracted(images: Tensor, fps: float, nets: Perception) -> Track | None:
    """What our own extractor sees on rendered pictures, uint8 [F, 3, H, W], in their pixels; None where it
    finds nobody.
    """
    larger = F.interpolate(images.float() / 255, (SEEN_AT, SEEN_AT), mode="bicubic", align_corners=False)
    clip = TensorClip(larger.clamp(0, 1), fps)
    try:
        motion = encode_body(clip, nets)
        for encode in (encode_hands, encode_face):
            motion = encode(clip, nets, motion=motion)
    except KMCError:
        return None
    return scaled(motion.tracks[0], images.shape[-1] / SEEN_AT)


def scaled(track: Track, factor: float) -> Track:
    """A whole person in the pixels of a larger or smaller picture, seen or not."""
    assert track.body is not None and track.hands is not None and track.face is not None
    pixels = torch.tensor([factor, factor, factor, 1.0])
    face = replace(track.face, landmarks=track.face.landmarks * factor, crop=track.face.crop * factor)
    return replace(track, body=track.body * pixels, hands=track.hands * pixels, face=face)


def measure(clips: list[tuple[Shard, int, Track]], nets: Perception) -> dict[str, float]:
    """Errors of the extractor on clips (shard, number, true track): standard deviations along each axis as
    shares of the picture's side, judged by medians, for depths beside those of a flat guess and with
    their spread over the true one; and shares of hands, faces and people not found.
    """
    found: dict[str, list[Tensor]] = {}
    depths: list[list[Tensor]] = []  # found and true, from the neck

    def tell(name: str, values: Tensor) -> None:
        found.setdefault(name, []).append(values.flatten())

    for shard, clip, true in clips:
        images = shard.frames.images[clip]
        got = extracted(images, shard.fps, nets)
        tell("nobody", torch.tensor([got is None]).float())
        if got is None:
            continue
        assert true.body is not None and true.hands is not None and true.face is not None
        assert got.body is not None and got.hands is not None and got.face is not None
        side = images.shape[-1]
        both = (got.body[..., 3] > 0) & (true.body[..., 3] > 0)
        tell("joint", (got.body - true.body)[..., :2].norm(dim=-1)[both] / side)
        neck = slice(JOINT["neck"], JOINT["neck"] + 1)
        centred = [(b[..., 2] - b[:, neck, 2])[both & both[:, neck]] for b in (got.body, true.body)]
        depths.append(centred)
        tell("depth", (centred[0] - centred[1]).abs() / side)
        tell("depth_if_flat", centred[1].abs() / side)
        there, seen = (hands[..., 3].mean(-1) > 0.5 for hands in (true.hands, got.hands))
        tell("hand", (got.hands - true.hands)[..., :2].norm(dim=-1)[there & seen] / side)
        tell("hands_lost", (~seen[there]).float())
        there, seen = true.face.confidence > 0, got.face.confidence > 0
        apart = (got.face.landmarks - true.face.landmarks)[..., :2].norm(dim=-1)
        tell("landmark", apart[there & seen] / side)
        tell("faces_lost", (~seen[there]).float())
    together = {name: torch.cat(values) for name, values in found.items()}
    shares = ("nobody", "hands_lost", "faces_lost")
    found_depths, true_depths = (torch.cat(values).std() for values in zip(*depths, strict=True))
    return {"depth_spread_of_true": float(found_depths / true_depths)} | {
        k: float(v.mean() if k in shares else v.median() / (DEPTH_MEDIAN if "depth" in k else POINT_MEDIAN))
        for k, v in together.items()
    }
