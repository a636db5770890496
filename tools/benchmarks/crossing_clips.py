"""Clips of rendered people who cross, hide each other, leave and come back, with exact truth of each."""

from dataclasses import dataclass

import numpy as np
import torch

from kmc_core.motion.types import Motion
from kmc_core.training.acting import act_face
from kmc_core.training.annotate import Picture, expression_vector, to_motion
from kmc_core.training.backdrop import random_backdrop
from kmc_core.training.people import random_person, shape_person
from kmc_core.training.posing import gesture, grounding, posed
from kmc_core.training.render import Camera, Light
from kmc_core.training.staging import compose
from kmc_core.training.studio import Studio
from kmc_core.training.truth import random_light

FPS = 24
SIZE = (640, 360)
CAMERA = Camera((0.0, -7.0, 1.15), (0.0, 0.0, 0.95), SIZE, 22.0)  # sees 2.4 m to each side of the middle
COVERED = 127  # alpha of a nearer person from which it hides what is behind


@dataclass(frozen=True)
class Walker:
    """One person: what it does, where it goes and which way it faces."""

    seed: int
    does: str
    way: tuple[tuple[float, float], ...]  # (share of the clip, metres to the right of the middle)
    depth: float = 0.0  # metres behind the middle
    yaw: float = 0.0  # degrees to the right of the picture


@dataclass(frozen=True)
class Scene:
    """What one clip shows."""

    name: str
    seconds: float
    people: tuple[Walker, ...]


@dataclass(frozen=True)
class Crossing:
    """A rendered scene."""

    frames: torch.Tensor  # uint8 [F, 3, H, W]
    truth: Motion  # a track for each person, in the scene's order
    visible: torch.Tensor  # [N, F] share of the body's joints that the picture shows


SCENES = (
    Scene("pass", 3.5, (Walker(1, "walk", ((0, -1.6), (1, 1.6)), 0.0, 55),
                        Walker(2, "walk", ((0, 1.6), (1, -1.6)), 0.7, -55))),
    Scene("swap", 3.5, (Walker(3, "dance", ((0, -0.9), (0.3, -0.9), (0.7, 0.9), (1, 0.9))),
                        Walker(4, "wave", ((0, 0.9), (0.3, 0.9), (0.7, -0.9), (1, -0.9)), 0.8))),
    Scene("meet", 3.5, (Walker(5, "walk", ((0, -1.5), (0.5, -0.12), (1, -1.5)), 0.0, 30),
                        Walker(6, "walk", ((0, 1.5), (0.5, 0.12), (1, 1.5)), 0.6, -30))),
    Scene("return", 4.0, (Walker(7, "wave", ((0, 0.6), (1, 0.4))),
                          Walker(8, "walk", ((0, -0.8), (0.35, -3.6), (0.6, -3.6), (1, -0.6)), 0.5, -25))),
    Scene("three", 3.5, (Walker(9, "walk", ((0, -1.7), (1, 1.7)), -0.5, 45),
                         Walker(10, "wave", ((0, 0.0), (1, 0.1)), 0.4),
                         Walker(11, "walk", ((0, 1.7), (1, -1.7)), 1.2, -45))),
    Scene("weave", 4.0, (Walker(12, "dance", ((0, -1.4), (0.5, 0.2), (1, -1.2)), 0.0, 20),
                         Walker(13, "walk", ((0, 0.1), (1, 1.5)), 0.8, 40),
                         Walker(14, "walk", ((0, 1.5), (1, 0.0)), 1.5, -40))),
)  # fmt: skip


def render(studio: Studio, scene: Scene) -> Crossing:
    """The clip of a scene; the same scene gives the same clip."""
    rng = np.random.default_rng([walker.seed for walker in scene.people])
    light, wall = random_light(rng), random_backdrop(SIZE, rng).cut(SIZE, None)
    far_first = sorted(range(len(scene.people)), key=lambda person: -scene.people[person].depth)
    frames = round(scene.seconds * FPS)
    pictures, truths = np.zeros((frames, *SIZE[::-1], 4), np.float32), {}
    hidden = np.zeros((len(scene.people), frames, 25), bool)
    for person in far_first:
        drawn, truth = _acted(studio, scene.people[person], frames, light)
        truths[person] = truth
        for behind in truths:
            hidden[behind] |= (behind != person) & _covered(truths[behind], drawn[..., 3])
        pictures = drawn + pictures * (1 - drawn[..., 3:] / 255)
    composed = np.stack([compose(rgba.round().astype(np.uint8), wall) for rgba in pictures])
    tracks = [to_motion(truths[person], FPS, SIZE).tracks[0] for person in range(len(scene.people))]
    inside = np.stack([track.body[..., 3].numpy() > 0 for track in tracks if track.body is not None])
    visible = torch.from_numpy((inside & ~hidden).mean(-1))
    return Crossing(torch.from_numpy(composed), Motion(FPS, SIZE, tuple(tracks)), visible)


def _acted(studio: Studio, walker: Walker, frames: int, light: Light) -> tuple[np.ndarray, list[Picture]]:
    """One person alone: premultiplied float [F, H, W, 4] of 0..255, and its truth."""
    rng = np.random.default_rng(walker.seed)
    person = shape_person(random_person(f"crossing-{walker.seed}", rng), studio.body, rng)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    t = np.arange(frames) / FPS
    face = act_face(t, rng, 0.5)
    pose = gesture(walker.does, t, rest, face, rng, np.radians(walker.yaw), head_play=False)
    out = posed(studio, person, pose)
    when, where = zip(*walker.way, strict=True)
    offsets = pose.shift + grounding(studio, out)
    offsets[:, 0] += np.interp(np.linspace(0, 1, frames), when, where)
    offsets[:, 1] += walker.depth
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    drawn = [studio.renderer.draw(mesh, CAMERA, light, person.look).astype(np.float32) for mesh in meshes]
    expressions = [expression_vector({k: float(v[i]) for k, v in face.items()}) for i in range(frames)]
    truth = [studio.annotate(out, i, offsets[i], CAMERA, expressions[i]) for i in range(frames)]
    return np.stack(drawn), truth


def _covered(truth: list[Picture], alpha: np.ndarray) -> np.ndarray:
    """Which joints [F, 25] of a person lie under a nearer one's alpha [F, H, W]."""
    body = np.stack([picture.body for picture in truth])
    column, row = (np.clip(body[..., axis], 0, SIZE[axis] - 1).astype(int) for axis in (0, 1))
    return alpha[np.arange(len(body))[:, None], row, column] > COVERED
