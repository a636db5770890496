"""Motions and clips of people whose every joint is known, framed as wanted."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kmc_core.motion.types import Motion
from kmc_core.subject.types import Subject, View
from kmc_core.training.acting import act_face
from kmc_core.training.annotate import expression_vector, to_motion
from kmc_core.training.backdrop import random_backdrop
from kmc_core.training.people import random_person, shape_person
from kmc_core.training.posing import gesture, posed
from kmc_core.training.render import Camera
from kmc_core.training.studio import Studio
from kmc_core.training.truth import compose, random_light

Shot = Literal["full", "half", "bust"]
FPS = 24.0
FOV = 24.0
HEAD_ROOM = 0.9  # metres around a whole figure: raised arms


@dataclass(frozen=True)
class Take:
    """What is filmed."""

    gesture: str = "wave"
    shot: Shot = "full"
    seed: int = 1
    frames: int = 48
    size: tuple[int, int] = (480, 640)
    yaw: float = 0.0  # radians, of the whole person
    fps: float = FPS
    draw: bool = False  # pictures too


def film(studio: Studio, take: Take) -> tuple[Motion, Tensor | None]:
    """Exact truth of a take, and its frames uint8 [F, 3, H, W] when they are drawn."""
    rng = np.random.default_rng(take.seed)
    person = shape_person(random_person(f"made-{take.seed}", rng), studio.body, rng)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    t = np.arange(take.frames) / take.fps
    face = act_face(t, rng, 0.5)
    pose = gesture(take.gesture, t, rest, face, rng, take.yaw, head_play=False)
    out = posed(studio, person, pose)
    lift = np.zeros((take.frames, 3))
    lift[:, 2] = -out["vertices"][:, studio.body.skin, 2].numpy().min(1)  # feet on the floor
    offsets = pose.shift + lift
    bones = {name: studio.body.bone(name) for name in ("head", "upperleg01.L")}
    heights = {name: float(out["bone_poses"][0, i, 2, 3] + offsets[0, 2]) for name, i in bones.items()}
    camera = _camera(heights["head"], heights["upperleg01.L"], take)
    truth = []
    for i in range(take.frames):
        expression = expression_vector({action: float(curve[i]) for action, curve in face.items()})
        truth.append(studio.annotate(out, i, offsets[i], camera, expression))
    motion = to_motion(truth, take.fps, take.size)
    if not take.draw:
        return motion, None
    light, wall = random_light(rng), random_backdrop(take.size, rng).cut(take.size, None)
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    frames = [compose(studio.renderer.draw(mesh, camera, light, person.look), wall) for mesh in meshes]
    return motion, torch.from_numpy(np.stack(frames))


def _camera(head: float, hips: float, take: Take) -> Camera:
    """In front, upright; a whole figure, down to the hips, or head and shoulders."""
    low, high = {
        "full": (-0.15, head + HEAD_ROOM - 0.25),
        "half": (hips - 0.12, head + 0.45),
        "bust": (head - 0.42, head + 0.27),
    }[take.shot]
    distance = (high - low) / 2 / np.tan(np.radians(FOV) / 2)
    middle = (low + high) / 2
    return Camera((0.0, -float(distance), middle), (0.0, 0.0, middle), take.size, FOV)


def noisy(motion: Motion, amount: float, seed: int) -> Motion:
    """The motion as a detector sees it: white noise of `amount` shares of the height on every point."""
    rng = torch.Generator().manual_seed(seed)
    scale = amount * motion.size[1]
    track = motion.tracks[0]
    assert track.body is not None and track.hands is not None
    parts = {}
    for name, part in (("body", track.body), ("hands", track.hands)):
        shift = torch.randn(part[..., :3].shape, generator=rng) * scale * (part[..., 3:] > 0)
        parts[name] = torch.cat([part[..., :3] + shift, part[..., 3:]], dim=-1)
    return replace(motion, tracks=(replace(track, **parts),))


def pictured(motion: Motion, yaw: float = 0.0) -> Subject:
    """A subject whose one picture is a motion's first frame."""
    track = motion.tracks[0]
    width, height = motion.size
    parts = {n: getattr(track, n)[:1] for n in ("body", "world", "hands")}
    assert track.face is not None
    face = replace(track.face, **{name: part[:1] for name, part in vars(track.face).items()})
    pose = replace(track, **parts, face=face)
    return Subject(
        "made", (View(torch.full((3, height, width), 0.5), torch.ones(1, height, width), pose, yaw, "full"),)
    )
