"""Which contacts a fitted motion keeps, judged by figures whose every joint is known."""

from collections.abc import Callable

import numpy as np
import torch

from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.solid import PALM
from kmc_core.motion.types import Motion

from .figures import Array, Figure, Performance, same_motion

TOUCH = 0.12  # of the height, from the palm's middle: a hand this close touches
NOSE_TIP = 4  # of the face landmarks
HELD = 0.03  # of the height: a contact this close to where it belongs is kept
PLANTED = 0.02  # of the height: a foot lower and slower (a frame) than this stands


def body_of(motion: Motion) -> torch.Tensor:
    """[F, 25, 4]."""
    body = motion.tracks[0].body
    assert body is not None
    return body


def pixel_height(figure: Figure) -> float:
    """Height of a standing figure in its picture."""
    camera = figure.camera()
    return figure.height * camera.focal / float(np.linalg.norm(np.subtract(camera.eye, camera.target)))


def touches(
    a: Figure, b: Figure, act: Performance, results: list[Motion], kind: str, side: int
) -> tuple[Array, list[Array]]:
    """Frames [F] in which a hand of `a` truly touches what `b` can reach, and in which each result does.

    A result touches where its palm is no further from the part than with `a`, times the part's size, and
    HELD; in space and in the picture.
    """
    found, of_b = ({name: path @ f.camera().axes.T for name, path in f.joints(m)[0].items()}
                   for f, m in ((a, act), (b, same_motion(act, a, b))))  # fmt: skip
    palm = found["hands"][:, side][:, list(PALM)].mean(1)
    other = found["hands"][:, 1 - side][:, list(PALM)].mean(1)
    nearest = surface(found, other, kind, side)(palm)
    gap = np.linalg.norm(palm - nearest, axis=-1)
    hand_ratio, part_ratio = b.hand_size / a.hand_size, b.part_size(kind) / a.part_size(kind)
    touching = gap < TOUCH * a.height
    if kind in ("hand-face", "hand-hip"):
        start = of_b[f"{'lr'[side]}_shoulder"] + hand_ratio * (palm - found["hands"][:, side, 0])
        way = np.linalg.norm(surface(of_b, other, kind, side)(start) - start, axis=-1)
        touching &= way < b.arm + part_ratio * gap + HELD * b.height
    held = []
    for result in results:
        kept = np.ones(len(gap), bool)
        for space, points in ((3, in_metres(result, b)), (2, in_picture(result, b))):
            offsets = [
                hand_ratio * (found["hands"][:, s][:, list(PALM)].mean(1) - found["hands"][:, s, 0])
                for s in (0, 1)
            ]
            mine, others = (points[f"{'lr'[s]}_wrist"] + offsets[s] for s in (side, 1 - side))
            flat = np.array([1, 1, space - 2])
            points = {name: path * flat for name, path in points.items()}
            near = surface(points, others * flat, kind, side)(mine * flat)
            kept &= np.linalg.norm(mine * flat - near, axis=-1) < part_ratio * gap + HELD * b.height
        held.append(kept)
    return touching, held


def in_metres(result: Motion, figure: Figure) -> dict[str, Array]:
    """The result's metric joints at the figure's size, with its face around the nose."""
    track = result.tracks[0]
    assert track.world is not None and track.face is not None and track.body is not None
    world = track.world.numpy()
    spine = np.linalg.norm(world[:, JOINT["neck"]] - world[:, JOINT["pelvis"]], axis=-1)
    points = {name: world[:, JOINT[name]] * figure.trunk / float(np.median(spine)) for name in JOINT}
    face = track.face.landmarks.numpy() * figure.height / pixel_height(figure)
    points["face"] = face - face[:, NOSE_TIP, None] + points["nose"][:, None]
    return points


def in_picture(result: Motion, figure: Figure) -> dict[str, Array]:
    """The same from the joints in the picture."""
    track = result.tracks[0]
    assert track.body is not None and track.face is not None
    metre = pixel_height(figure) / figure.height
    points = {name: track.body[:, JOINT[name], :3].numpy() / metre for name in JOINT}
    return points | {"face": track.face.landmarks.numpy() / metre}


def surface(points: dict[str, Array], other: Array, kind: str, side: int) -> Callable[[Array], Array]:
    """From a point [F, 3] to the nearest point [F, 3] of what a hand touches."""

    def of_face(point: Array) -> Array:
        face = points["face"]
        nearest = np.linalg.norm(face - point[:, None], axis=-1).argmin(1)
        return face[np.arange(len(face)), nearest]

    def of_arm(point: Array) -> Array:
        shoulder, elbow, wrist = (points[f"{'rl'[side]}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        found = []
        for start, end in ((shoulder, elbow), (elbow, wrist)):
            way = end - start
            share = np.clip(((point - start) * way).sum(-1) / (way * way).sum(-1), 0, 1)
            found.append(start + share[:, None] * way)
        first, second = (np.linalg.norm(point - f, axis=-1, keepdims=True) for f in found)
        return np.where(first < second, found[0], found[1])

    if kind == "hand-face":
        return of_face
    if kind == "hand-arm":
        return of_arm
    return lambda point: other if kind == "hand-hand" else points[f"{'lr'[side]}_hip"]


def planted(figure: Figure, act: Performance) -> Array:
    """[F, 2] whether a foot truly stands."""
    found, stands = figure.joints(act)[0], []
    for side in "lr":
        low = np.min([found[f"{side}_{part}"][:, 2] for part in ("heel", "big_toe", "small_toe")], axis=0)
        path = found[f"{side}_ankle"]
        speed = np.linalg.norm(np.gradient(path, axis=0), axis=-1)
        stands.append((low < PLANTED * figure.height) & (speed < PLANTED * figure.height))
    return np.stack(stands, 1)


def feet_near(result: Motion, truth: Motion, figure: Figure) -> Array:
    """[F, 2] whether each ankle is where it truly is, after one shift of the whole clip."""
    ankles = [JOINT["l_ankle"], JOINT["r_ankle"]]
    step = (body_of(result) - body_of(truth))[:, ankles, :2]
    step = step - step.flatten(0, 1).median(dim=0).values
    return (step.norm(dim=-1) < HELD * pixel_height(figure)).numpy()
