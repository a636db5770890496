"""Calm motions: spikes taken out, short gaps bridged, jitter removed without lag and without flat peaks.

Parameters are seconds, so that a clip gives the same at any frame rate. Both filters are equivariant: a
mirrored motion gives the mirrored result, and "zero lag" gives the reversed result for the reversed motion.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN
from .face_crop import steady_crop
from .local_fit import adaptive_fit
from .one_euro import one_euro
from .repair import FILLED, bridge, find_spikes, spread
from .rotations import nearest_rotation
from .types import FaceMotion, Motion, Track

__all__ = ["FILLED", "Smoothing", "smooth"]

Method = Literal["zero lag", "one euro"]


@dataclass(frozen=True)
class Smoothing:
    """How a motion is smoothed."""

    method: Method = "zero lag"
    strength: float = 1.0  # scales how long the filter looks; 0 leaves everything but spikes and gaps
    longest_gap: float = 0.25  # seconds; longer gaps stay gaps
    remove_spikes: bool = True


def smooth(motion: Motion, how: Smoothing | None = None) -> Motion:
    """The motion without jitter: body, world, hands and face of every track.

    "zero lag" first takes out spikes (points that no neighbours agree with, for a frame or two), bridges
    gaps up to `longest_gap`, and then fits every point locally over a window that is as long as the motion
    allows. Bridged points get the confidence FILLED; longer gaps stay unseen; all other confidences stay.
    "one euro" (Casiez et al. 2012) looks at the past alone, for live use: it repairs nothing. KMCError for an
    unknown method, and for a strength or gap that is no number from 0 up.
    """
    how = how or Smoothing()
    if how.method not in get_args(Method):
        raise KMCError(f"The method is '{how.method}'; choose one of {', '.join(get_args(Method))}.")
    for name, value in (("strength", how.strength), ("longest gap", how.longest_gap)):
        if not (math.isfinite(value) and value >= 0):
            raise KMCError(f"The {name} is {value}; give a number from 0 up.")
    return replace(motion, tracks=tuple(_smooth_track(track, motion.fps, how) for track in motion.tracks))


def _smooth_track(track: Track, fps: float, how: Smoothing) -> Track:
    body, world, hands = track.body, track.world, track.hands
    if world is not None:  # metric joints carry no confidence of their own: one is seen where the body's is
        confidence = torch.ones_like(world[..., 0]) if body is None else body[..., 3]
        spikes = _spikes(world if body is None else body[..., :2], confidence, fps, how)
        world = _smooth_points(world, confidence, spikes, fps, how)[0].to(world)
    body = None if body is None else _smooth_joints(body, fps, how)
    hands = None if hands is None else _smooth_joints(hands.flatten(1, 2), fps, how).reshape(hands.shape)
    face = None if track.face is None else _smooth_face(track.face, fps, how)
    return replace(track, body=body, world=world, hands=hands, face=face)


def _smooth_joints(joints: Tensor, fps: float, how: Smoothing) -> Tensor:
    """[F, P, 4]; depth leans too much to tell a spike by."""
    spikes = _spikes(joints[..., :2], joints[..., 3], fps, how)
    points, confidence = _smooth_points(joints[..., :3], joints[..., 3], spikes, fps, how)
    return torch.cat([points, confidence[..., None]], dim=-1).to(joints)


def _spikes(values: Tensor, confidence: Tensor, fps: float, how: Smoothing) -> Tensor:
    seen = confidence >= SEEN
    if how.method == "one euro" or not how.remove_spikes:
        return torch.zeros_like(seen)
    return find_spikes(values.double(), seen, fps)


def _smooth_points(
    values: Tensor, confidence: Tensor, spikes: Tensor, fps: float, how: Smoothing, size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Points [F, P, D] with confidences and spikes [F, P] -> points and confidences, both float64.

    `size` [D] is what counts as large, the spread of the points where it is not told.
    """
    values, confidence = values.double(), confidence.double()
    good = (confidence >= SEEN) & ~spikes
    if size is None:
        size = torch.full_like(values[0, 0], max(spread(values, good), 1e-6))
    if how.method == "one euro":
        return (one_euro(values, good, size, fps, how.strength) if how.strength else values), confidence
    filled, values = bridge(values, good, how.longest_gap * fps)
    confidence = torch.where(filled, FILLED, torch.where(spikes, 0.0, confidence))
    # A spike that nothing replaces is unseen now, and unseen points hold no place.
    values = torch.where((spikes & ~filled)[..., None], 0.0, values)
    seen = confidence >= SEEN
    if how.strength:
        fitted = adaptive_fit(values, confidence * seen, fps, how.strength)
        values = torch.where(seen[..., None], fitted, values)
    return values, confidence


def _smooth_face(face: FaceMotion, fps: float, how: Smoothing) -> FaceMotion:
    """A face has one confidence: a moment is a spike, a gap or good for all of its parts."""
    parts = [part.double() for part in (face.landmarks.flatten(1), face.expression, face.rotation.flatten(1))]
    counts = [part.shape[1] for part in parts]
    confidence = face.confidence[:, None]  # F 1
    spikes = _spikes(face.landmarks[..., :2].mean(dim=1, keepdim=True), confidence, fps, how)
    extent = max(spread(face.landmarks.double(), (confidence >= SEEN).expand(face.landmarks.shape[:2])), 1e-6)
    sizes = (extent, 1.0, 1.0)  # coefficients run from 0 to 1, and so do a rotation's entries
    size = torch.cat([torch.full((n,), s, dtype=torch.float64) for n, s in zip(counts, sizes, strict=True)])
    known = ((confidence >= SEEN) & ~spikes)[:, 0]
    values, confidence = _smooth_points(
        torch.cat(parts, dim=1)[:, None], confidence, spikes, fps, how, size
    )  # F 1 D
    landmarks, expression, rotation = values[:, 0].split(counts, dim=1)
    seen = confidence[:, 0] >= SEEN
    turned = nearest_rotation(rotation.reshape(face.rotation.shape))
    steady = how.method == "zero lag" and (how.strength > 0 or not torch.equal(known, seen))
    return FaceMotion(
        landmarks=landmarks.reshape(face.landmarks.shape).to(face.landmarks),
        expression=expression.clamp(0, 1).to(face.expression),
        rotation=torch.where(seen[:, None, None], turned, parts[2].reshape(turned.shape)).to(face.rotation),
        crop=(steady_crop(face.crop, known, seen, fps) if steady else face.crop).to(face.crop),
        confidence=confidence[:, 0].to(face.confidence),
    )
