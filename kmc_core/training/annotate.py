"""Exact joints, hands, faces and expressions of a rendered person, in the types that detectors fill."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import BODY_JOINTS, EXPRESSIONS, FACE_LANDMARKS
from ..motion.types import FaceMotion, Motion, Track
from ..perception.head_pose import head_rotation
from .body import Body
from .render import Camera

Array = NDArray[np.float64]
FACE_VERTICES_FILE: Final = Path(__file__).with_name("face_vertices.json")

# Anny's COCO regressor has every body joint but neck and pelvis, the middles of shoulders and of hips.
_SIDES: Final = {"l": "left", "r": "right"}
# MediaPipe's hand: the wrist, then four joints a finger; Anny's finger bones start at three, the tip is skin.
_FINGER_BONES: Final = tuple((finger, joint) for finger in range(1, 6) for joint in (1, 2, 3))
FACE_CROP_MARGIN: Final = (
    1.25  # side of the square crop over the largest side of the landmarks' box, as extraction cuts it
)
HIDDEN_TURN: Final = np.radians(75)  # a face turned further than this from the camera is not seen


@dataclass(frozen=True)
class Picture:
    """Truth of one picture of one person."""

    body: Array  # [25, 4]
    world: Array  # [25, 3]
    hands: Array  # [2, 21, 4]
    landmarks: Array  # [478, 3]
    expression: Array  # [52]
    rotation: Array  # [3, 3]
    face_confidence: float


@cache
def face_vertices() -> NDArray[np.intp]:
    """[478] mesh vertex of every face landmark (`python -m kmc_core.training.face_map` makes the file)."""
    indices = np.array(json.loads(FACE_VERTICES_FILE.read_text())["vertices"])
    if indices.shape != (FACE_LANDMARKS,):
        raise KMCError(
            f"Expected {FACE_LANDMARKS} vertices in {FACE_VERTICES_FILE}, got {indices.shape}: make it again."
        )
    return indices


class Annotator:
    """Looks up where each landmark lies on the mesh; one per body."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.labels: list[str] = list(body.regressor.labels)
        weights = body.regressor.regression_weights.numpy()
        self.used = np.nonzero(weights.any(0))[0]
        self.weights: NDArray[np.float32] = weights[:, self.used]
        self.head = body.bone("head")
        self.upright = _upright(body)
        self.wrists = [body.bone(f"wrist.{s}") for s in "LR"]
        self.fingers = np.array([[body.bone(f"finger{f}-{j}.{s}") for f, j in _FINGER_BONES] for s in "LR"])
        self.tips = [[_tip(body, finger, side) for finger in range(1, 6)] for side in "LR"]

    def __call__(
        self, out: dict[str, Tensor], frame: int, offset: Array, camera: Camera, expression: Array
    ) -> Picture:
        """Truth of frame `frame` of a posed body moved by `offset` [3], seen by `camera`."""
        vertices = out["vertices"][frame].numpy() + offset
        bones = out["bone_poses"][frame].numpy().astype(np.float64)
        bones[:, :3, 3] += offset
        joints = self.body_joints(vertices)
        hands = np.stack([self.hand(side, vertices, bones) for side in (0, 1)])
        face = vertices[face_vertices()]
        rotation = self._head_rotation(out, frame, camera)
        turn = np.arccos(np.clip(rotation[2, 2], -1, 1))
        pelvis = joints[BODY_JOINTS.index("pelvis")]
        landmarks = pixels(camera, face, face.mean(0))
        inside = _inside(landmarks, camera).mean()
        return Picture(
            body=with_confidence(pixels(camera, joints, pelvis), camera),
            world=camera.to_camera(joints) - camera.to_camera(pelvis),
            hands=np.stack([with_confidence(pixels(camera, h, h[0]), camera) for h in hands]),
            landmarks=landmarks,
            expression=expression,
            rotation=rotation,
            face_confidence=float(turn < HIDDEN_TURN and inside > 0.5),
        )

    def body_joints(self, vertices: NDArray[Any]) -> Array:
        """[25, 3] world points of the body."""
        points = dict(zip(self.labels, self.weights @ vertices[self.used], strict=True))

        def joint(name: str) -> Array:
            if name == "neck":
                return (points["left_shoulder"] + points["right_shoulder"]) / 2
            if name == "pelvis":
                return (points["left_hip"] + points["right_hip"]) / 2
            side, _, part = name.partition("_")
            return points[f"{_SIDES[side]}_{part}"] if side in _SIDES else points[name]

        return np.stack([joint(name) for name in BODY_JOINTS]).astype(np.float64)

    def hand(self, side: int, vertices: NDArray[Any], bones: Array) -> Array:
        """[21, 3] world points of one hand."""
        joints = bones[self.fingers[side], :3, 3].reshape(5, 3, 3)
        tips = np.stack([vertices[t].mean(0) for t in self.tips[side]])[:, None]
        return np.concatenate(
            [bones[self.wrists[side], :3, 3][None], np.concatenate([joints, tips], 1).reshape(20, 3)]
        )

    def _head_rotation(self, out: dict[str, Tensor], frame: int, camera: Camera) -> Array:
        """[3, 3] head axes (right in the picture, down, away when facing the camera) in camera axes."""
        posed = out["bone_poses"][frame, self.head, :3, :3].numpy().astype(np.float64)
        posed = posed / np.cbrt(np.linalg.det(posed))  # a cartoon's head is scaled
        rest = out["rest_bone_poses"][frame, self.head, :3, :3].numpy().astype(np.float64)
        return camera.axes @ (posed @ rest.T) @ self.upright


def _upright(body: Body) -> Array:
    """[3, 3] columns: the rest head's axes as landmarks show them (the bone looks some degrees higher)."""
    facing = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # columns x, -z, y
    landmarks = torch.from_numpy(body.rest[face_vertices()] @ facing)[None].float()
    return facing @ head_rotation(landmarks)[0].double().numpy()


def _tip(body: Body, finger: int, side: str) -> NDArray[np.intp]:
    """The skin vertices at the end of a finger."""
    bone = body.bone(f"finger{finger}-3.{side}")
    indices, weights = body.model.vertex_bone_indices.numpy(), body.model.vertex_bone_weights.numpy()
    held = np.nonzero((np.where(indices == bone, weights, 0).sum(1) > 0.5) & (body.kind == 0))[0]
    along = body.rest_bones[bone] - body.rest_bones[body.bone(f"finger{finger}-2.{side}")]
    return held[np.argsort((body.rest[held] - body.rest_bones[bone]) @ along)[-6:]]


def pixels(camera: Camera, points: Array, origin: Array) -> Array:
    """[..., 3] x, y in pixels; z as depth relative to `origin` in pixels at the origin's distance."""
    out = camera.project(points)
    middle = camera.project(origin)[2]
    out[..., 2] = (out[..., 2] - middle) * camera.focal / max(middle, 1e-3)
    return out


def _inside(points: Array, camera: Camera) -> NDArray[np.bool_]:
    return np.asarray(((points[..., :2] >= 0) & (points[..., :2] < camera.size)).all(-1))


def with_confidence(points: Array, camera: Camera) -> Array:
    """Adds confidence: 1 in the picture, 0 outside of it."""
    return np.concatenate([points, _inside(points, camera)[..., None].astype(np.float64)], -1)


def expression_vector(actions: dict[str, float]) -> Array:
    """[52] coefficients in the order of skeleton.EXPRESSIONS; Anny's actions carry the same ARKit names."""
    return np.array([actions.get(name, 0.0) for name in EXPRESSIONS])


def to_motion(pictures: list[Picture], fps: float, size: tuple[int, int]) -> Motion:
    """One track of exact truth."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(p, name) for p in pictures])).float()

    landmarks = stack("landmarks")
    low, high = landmarks[..., :2].amin(1), landmarks[..., :2].amax(1)
    side = (high - low).amax(-1, keepdim=True) * FACE_CROP_MARGIN
    confidence = torch.tensor([p.face_confidence for p in pictures])
    face = FaceMotion(
        landmarks, stack("expression"), stack("rotation"), torch.cat([(low + high) / 2, side], -1), confidence
    )
    return Motion(fps, size, (Track(stack("body"), stack("world"), stack("hands"), face),))
