"""Rendered people who turn around, with exact poses, and pictures of them from every side."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kmc_core.motion.types import FaceMotion, Motion, Track
from kmc_core.subject.types import Subject, View
from kmc_core.training.acting import act_face
from kmc_core.training.annotate import expression_vector, to_motion
from kmc_core.training.backdrop import random_backdrop
from kmc_core.training.people import random_person, shape_person
from kmc_core.training.posing import Pose, gesture, grounding, posed
from kmc_core.training.staging import Shot, compose, frame_shot, random_light
from kmc_core.training.studio import Studio

FPS = 12.0
# The sides that are pictured, in the order in which they join: front, back, both sides, between them.
SIDES = (0, 180, 90, -90, 45, -45, 135, -135)


@dataclass(frozen=True)
class Turning:
    """One person: pictures of all sides, and a film in which it turns."""

    subject: Subject  # its views are those of the sides
    motion: Motion  # of the film, in the pictures' pixels
    frames: Tensor  # [F, 3, H, W] 0..1
    masks: Tensor  # [F, 1, H, W] 0..1
    yaws: Tensor  # [F] degrees that the person is turned by


def turning_person(
    studio: Studio,
    name: str,
    shot: Shot,
    size: tuple[int, int],
    yaws: NDArray[np.float64],
    play: str,
    sides: tuple[int, ...] = SIDES,
) -> Turning:
    """A held-out person who does the gesture `play` while it turns by yaws [F] degrees; seen from `sides`."""
    rng = np.random.default_rng(list(name.encode()))
    person = shape_person(random_person(name, rng), studio.body, rng)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    calm = [_pose(rest, "nod", np.zeros(1), np.radians([side]), rng, 0.0) for side in sides]
    film = _pose(rest, play, np.arange(len(yaws)) / FPS, np.radians(yaws), rng, 0.4)
    pose = joined([*calm, film])
    out = posed(studio, person, pose)
    offsets = pose.shift + grounding(studio, out)
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    heads, hips = (
        out["bone_poses"][:, studio.body.bone(bone), :3, 3].numpy() + offsets
        for bone in ("head", "upperleg01.L")
    )
    camera = frame_shot(meshes[:, studio.body.skin], heads, hips, shot, size, rng)
    light, wall = random_light(rng), random_backdrop(size, rng).cut(size, None)
    drawn = [studio.renderer.draw(mesh, camera, light, person.look) for mesh in meshes]
    images = torch.from_numpy(np.stack([compose(rgba, wall) for rgba in drawn])).float() / 255
    masks = torch.from_numpy(np.stack([rgba[None, ..., 3] for rgba in drawn])).float() / 255
    faces = [{k: float(v[i]) for k, v in pose.face.items()} for i in range(len(meshes))]
    truth = [
        studio.annotate(out, i, offsets[i], camera, expression_vector(face)) for i, face in enumerate(faces)
    ]
    track = to_motion(truth, FPS, size).tracks[0]
    views = []
    for index, side in enumerate(sides):
        seen = part(track, slice(index, index + 1))
        hidden = seen.face is None or float(seen.face.confidence[0]) == 0
        kind = "back" if hidden else "full" if shot == "full" else "half"
        pose_of = replace(seen, face=None) if hidden else seen
        views.append(View(images[index], masks[index], pose_of, float(np.radians(side)), kind))
    rest_of = slice(len(sides), None)
    motion = Motion(FPS, size, (part(track, rest_of),))
    subject = Subject(name, tuple(views), person.words)
    return Turning(subject, motion, images[rest_of], masks[rest_of], torch.from_numpy(yaws).float())


def with_views(subject: Subject, count: int) -> Subject:
    """The subject with its first views."""
    return replace(subject, views=subject.views[:count])


def part(track: Track, frames: slice) -> Track:
    """Some frames of a track."""
    face = track.face
    assert face is not None and track.body is not None and track.world is not None and track.hands is not None
    cut = FaceMotion(**{field.name: getattr(face, field.name)[frames] for field in fields(FaceMotion)})
    return Track(track.body[frames], track.world[frames], track.hands[frames], cut)


def _pose(
    rest: dict[str, NDArray[np.float64]],
    name: str,
    t: NDArray[np.float64],
    yaw: NDArray[np.float64],
    rng: np.random.Generator,
    lively: float,
) -> Pose:
    face = {action: lively * curve for action, curve in act_face(t, rng, lively).items()}
    return gesture(name, t, rest, face, rng, yaw, head_play=False)  # type: ignore[arg-type]


def joined(poses: list[Pose]) -> Pose:
    """One pose of all frames, from the bones that all poses turn."""
    bones = sorted(set.intersection(*(set(pose.world) for pose in poses)))
    actions = sorted({action for pose in poses for action in pose.face})
    world = {bone: np.concatenate([pose.world[bone] for pose in poses]) for bone in bones}
    face = {
        action: np.concatenate([pose.face.get(action, np.zeros(len(pose.shift))) for pose in poses])
        for action in actions
    }
    return Pose(world, face, np.concatenate([pose.shift for pose in poses]), poses[-1].motion, "")
