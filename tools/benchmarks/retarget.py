"""Retargeting against exact truth, the same motion on two people: make -s benchmark NAME=retarget [QUICK=1]

Each case is a driver's motion, pictures of another figure, and that figure really doing the motion. Beside
ours stand "no retargeting" (the driver's skeleton as it is) and "frame-0 bone scaling" (limbs stretched by
the ratio of 2-D lengths between the picture and the clip's first frame, as common packs do), all shifted to
lie best on the truth. Errors are in percent of the figure's height. Prints one JSON object as its last line.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.figures import (  # noqa: E402
    FPS,
    SIZE,
    Array,
    Build,
    Figure,
    Performance,
    perform,
    same_motion,
)
from benchmarks.made_motions import Take, film  # noqa: E402
from benchmarks.smooth import STILL_GESTURES, jitter_ratio  # noqa: E402
from kmc_core.motion.intent import find_intent  # noqa: E402
from kmc_core.motion.retarget import retarget  # noqa: E402
from kmc_core.motion.skeleton import BODY_BONES, JOINT  # noqa: E402
from kmc_core.motion.smooth import smooth  # noqa: E402
from kmc_core.motion.solid import PALM  # noqa: E402
from kmc_core.motion.types import Intent, Motion  # noqa: E402
from kmc_core.subject.types import Subject, View  # noqa: E402
from kmc_core.training.annotate import Annotator  # noqa: E402
from kmc_core.training.people import Body  # noqa: E402
from kmc_core.training.truth import Studio  # noqa: E402

MOTIONS = (
    "wave",
    "point",
    "raise",
    "reach",
    "dance",
    "walk",
    "walk away",
    "run",
    "jump",
    "step",
    "turn",
    "sit",
)
TOUCHES = {"facepalm": "hand-face", "clap": "hand-hand", "hips": "hand-hip", "crossed": "hand-arm"}
ACTIONS = {"hips": "hands on hips", "shake": "shake head", "step": "step aside", "raise": "raise arms",
           "reach": "gesture", "crossed": "cross arms", "walk away": "walk"}  # fmt: skip
GROUNDED = ("walk", "walk away", "step", "dance", "jump")
NAMED = (*MOTIONS, *TOUCHES, "nod", "shake", "idle")
TOUCH = 0.12  # of the height, from the palm's middle: a hand this close touches
NOSE_TIP = 4  # of the face landmarks
HELD = 0.03  # of the height: a contact this close to where it belongs is kept
CLAMP = (0.4, 2.5)  # frame-0 scaling gets the limits of ours
PLANTED = 0.02  # of the height: a foot lower and slower (a frame) than this stands


@dataclass(frozen=True)
class Pair:
    """Who drives whom, seen from where."""

    name: str
    driver: Build
    character: Build
    yaw: float = 0.0  # of the driver, radians
    motions: tuple[str, ...] = MOTIONS
    pictured: str = "nod"  # what the character does in its picture


PAIRS = (
    Pair("short limbs", Build(seed=1), Build(arm=0.6, leg=0.6, seed=1)),
    Pair("long limbs", Build(seed=2), Build(arm=1.6, leg=1.6, seed=2)),
    Pair("short arms, long legs", Build(seed=3), Build(arm=0.6, leg=1.6, seed=3)),
    Pair("long arms, short legs", Build(seed=4), Build(arm=1.6, leg=0.6, seed=4), 0.4),
    Pair("adult to child", Build(seed=2), Build(arm=0.8, leg=0.7, head=1.35, seed=3), -0.4),
    Pair("child to adult", Build(arm=0.8, leg=0.7, head=1.35, seed=1), Build(seed=2)),
    Pair("human to cartoon", Build(seed=1), Build(arm=0.65, leg=0.6, head=2.2, hand=1.3), 0.3),
    Pair("side to front", Build(seed=2), Build(arm=1.2, leg=0.8, seed=1), 1.4),
    Pair("sitting to standing", Build(seed=3), Build(arm=1.3, leg=0.75, seed=2), 0.2, ("seated wave",) * 6),
    Pair("standing to sitting", Build(), Build(arm=0.8, leg=1.25, seed=3), 0.0, MOTIONS[:9], "seated wave"),
)  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter clips, one of each")
    args = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(Stage(), 36 if args.quick else 48, 1 if args.quick else 2)
    print(json.dumps(figures | {"jitter_ratio": round(smoothed_jitter(), 4)}))


def smoothed_jitter() -> float:
    """What Smooth Motion leaves of the jitter; `make benchmark NAME=smooth` tells more."""
    studio = Studio()
    takes = [Take(name, seed=40 + i, frames=72) for i, name in enumerate(STILL_GESTURES)]
    return jitter_ratio([film(studio, take)[0] for take in takes], smooth)


class Stage:
    """The figures, each made once."""

    def __init__(self) -> None:
        self._body = Body()
        self._annotate = Annotator(self._body)
        self._known: dict[Build, Figure] = {}

    def figure(self, build: Build) -> Figure:
        """The figure of a build."""
        if build not in self._known:
            self._known[build] = Figure(self._body, self._annotate, build)
        return self._known[build]


def measure(stage: Stage, frames: int, takes: int) -> dict[str, object]:
    """All numbers."""
    rows = []
    for pair in PAIRS:
        found = [joint_errors(stage, pair, name, frames, take)
                 for take in range(takes) for name in dict.fromkeys(pair.motions)]  # fmt: skip
        rows.append(np.median(np.array(found), axis=0))
        print(f"{pair.name:24} ours {rows[-1][0]:5.2f}  frame 0 {rows[-1][1]:6.2f}  none {rows[-1][2]:6.2f}  "
              f"3-D {rows[-1][3]:5.2f}  drift {rows[-1][4]:.4f} %", file=sys.stderr)  # fmt: skip
    ours, frame0, none, solid, drift = np.array(rows).T
    kept = np.array([contacts(stage, pair, frames, take) for pair in PAIRS[:8] for take in range(takes)])
    totals = kept.sum(axis=0)  # contacts, kept, kept without, feet, feet kept, feet kept without
    named = [actions(stage, pair, frames, take) for pair in PAIRS[:8] for take in range(takes)]
    right, right_after, count = np.sum(named, axis=0)
    own = [own_error(stage, name, frames) for name in MOTIONS]
    return {
        "error_ratio": round(float(np.median(ours) / np.median(frame0)), 4),
        "error_ratio_worst_pair": round(float((ours / frame0).max()), 4),
        "error_percent": round(float(np.median(ours)), 3),
        "error_percent_frame0": round(float(np.median(frame0)), 3),
        "error_percent_no_retargeting": round(float(np.median(none)), 3),
        "error_percent_3d": round(float(np.median(solid)), 3),
        "bone_drift_percent": round(float(drift.max()), 5),
        "own_character_error_percent": round(float(np.mean([mean for mean, _ in own])), 4),
        "own_character_error_percent_worst_joint": round(max(worst for _, worst in own), 4),
        "contacts_kept": round(float(totals[1] / totals[0]), 4),
        "contacts_kept_without_ik": round(float(totals[2] / totals[0]), 4),
        "feet_kept": round(float(totals[4] / totals[3]), 4),
        "feet_kept_without_ik": round(float(totals[5] / totals[3]), 4),
        "action_accuracy": round(float(right / count), 4),
        "action_accuracy_after_retargeting": round(float(right_after / count), 4),
        "pairs": {
            pair.name: [round(float(v), 3) for v in row[:3]] for pair, row in zip(PAIRS, rows, strict=True)
        },
    }


def subject(figure: Figure, pictured: str) -> Subject:
    """What a user has of a character: one picture and the pose in it."""
    pose = figure.film(perform(figure.rest, pictured, 1, 5, 0.0), figure.camera())
    image = torch.zeros(3, SIZE[1], SIZE[0])
    return Subject("figure", (View(image, torch.zeros(1, SIZE[1], SIZE[0]), pose.tracks[0], 0.0, "full"),))


def joint_errors(stage: Stage, pair: Pair, name: str, frames: int, take: int) -> list[float]:
    """Ours, frame-0 scaling, none, ours in 3-D: mean joint errors; drift of bone lengths; all in percent."""
    a, b = stage.figure(pair.driver), stage.figure(pair.character)
    act = perform(a.rest, name, frames, 10 * take + 1, pair.yaw)
    driver, truth = a.film(act, a.camera()), b.film(same_motion(act, a, b), b.camera())
    who = subject(b, pair.pictured)
    result = retarget(driver, who)
    height = pixel_height(b)
    apart = 100 / height
    true_body, picture = body_of(truth), who.views[0].pose
    world, true_world = result.tracks[0].world, truth.tracks[0].world
    assert picture.body is not None and world is not None and true_world is not None
    return [
        apart * distance(body_of(result), true_body),
        apart * distance(frame0_scaling(body_of(driver), picture.body), true_body),
        apart * distance(body_of(driver), true_body),
        100 / b.height * float((at_own_size(world, true_world) - true_world).norm(dim=-1).mean()),
        100 * drift(world),
    ]


def body_of(motion: Motion) -> torch.Tensor:
    """[F, 25, 4]."""
    body = motion.tracks[0].body
    assert body is not None
    return body


def pixel_height(figure: Figure) -> float:
    """Height of a standing figure in its picture."""
    camera = figure.camera()
    return figure.height * camera.focal / float(np.linalg.norm(np.subtract(camera.eye, camera.target)))


def distance(body: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean distance in pixels of joints [F, 25, 4], shifted as a whole to lie on the truth."""
    seen = (body[..., 3] > 0) & (truth[..., 3] > 0)
    step = (body - truth)[..., :2][seen]
    return float((step - step.median(dim=0).values).norm(dim=-1).mean())


def at_own_size(world: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Metric joints keep the driver's size: one factor brings them to the character's."""
    return world * ((world * truth).sum() / world.square().sum())


def drift(world: torch.Tensor) -> float:
    """Largest change of a bone's length over time, as a share of it."""
    lengths = torch.stack([(world[:, a] - world[:, b]).norm(dim=-1) for a, b in BODY_BONES])
    return float(((lengths.amax(1) - lengths.amin(1)) / lengths.mean(1)).max())


def frame0_scaling(body: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """What common packs do: 2-D bone vectors times the ratio of lengths in the first frame."""

    def length(joints: torch.Tensor, a: int, b: int) -> float:
        return max(float((joints[0, a, :2] - joints[0, b, :2]).norm()), 1.0)

    ratios = [length(picture, a, b) / length(body, a, b) for a, b in BODY_BONES]
    size = float(np.median(ratios))
    result = body.clone()
    pelvis = JOINT["pelvis"]
    result[:, pelvis, :2] = picture[0, pelvis, :2] + size * (body[:, pelvis, :2] - body[0, pelvis, :2])
    for (a, b), ratio in zip(BODY_BONES, ratios, strict=True):
        limited = min(max(ratio, CLAMP[0] * size), CLAMP[1] * size)
        result[:, b, :2] = result[:, a, :2] + limited * (body[:, b, :2] - body[:, a, :2])
    return result


def own_error(stage: Stage, name: str, frames: int) -> tuple[float, float]:
    """Mean and largest joint error in percent of the height of a motion fitted to the person who does it."""
    figure = stage.figure(PAIRS[2].driver)
    motion = figure.film(perform(figure.rest, name, frames, 4, 0.3), figure.camera())
    result = retarget(motion, subject(figure, "nod"))
    step = (body_of(result) - body_of(motion))[..., :2]
    step = step - step.flatten(0, 1).median(dim=0).values  # the picture's place need not be the video's
    error = 100 / pixel_height(figure) * step.norm(dim=-1)
    return float(error.mean()), float(error.max())


def contacts(stage: Stage, pair: Pair, frames: int, take: int) -> list[int]:
    """Frames with a true hand contact; kept; kept without inverse kinematics; the same three for feet."""
    a, b = stage.figure(pair.driver), stage.figure(pair.character)
    who, counts = subject(b, pair.pictured), np.zeros(6, int)
    for name, kind in TOUCHES.items():
        act = perform(a.rest, name, frames, 10 * take + 2, pair.yaw)
        driver = a.film(act, a.camera())
        results = [retarget(driver, who, keep_contacts=keep) for keep in (True, False)]
        for side in (0, 1):
            touching, held = touches(a, b, act, results, kind, side)
            counts[0] += int(touching.sum())
            counts[1:3] += [int((touching & kept).sum()) for kept in held]
    for name in GROUNDED:
        act = perform(a.rest, name, frames, 10 * take + 3, pair.yaw)
        driver, truth = a.film(act, a.camera()), b.film(same_motion(act, a, b), b.camera())
        stands = planted(a, act)
        counts[3] += int(stands.sum())
        for column, keep in ((4, True), (5, False)):
            result = retarget(driver, who, keep_contacts=keep)
            counts[column] += int((feet_near(result, truth, b) & stands).sum())
    print(f"{pair.name:24} contacts {counts.tolist()}", file=sys.stderr)
    return counts.tolist()


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


def actions(stage: Stage, pair: Pair, frames: int, take: int) -> list[int]:
    """How many of the driver's actions are named right, how many of the result's, of how many."""
    a, b = stage.figure(pair.driver), stage.figure(pair.character)
    who, counts = subject(b, pair.pictured), [0, 0, 0]
    for name in NAMED:
        motion = a.film(perform(a.rest, name, 72, 10 * take + 4, pair.yaw), a.camera())
        wanted = ACTIONS.get(name, name)
        counts[0] += main_action(find_intent(motion.tracks[0], FPS)) == wanted
        fitted = retarget(motion, who).tracks[0]
        counts[1] += main_action(find_intent(fitted, FPS)) == wanted
        counts[2] += 1
    return counts


def main_action(intent: Intent) -> str:
    """The action that fills most of a clip."""
    filled: dict[str, float] = {}
    for action in intent.actions:
        filled[action.name] = filled.get(action.name, 0.0) + (action.end - action.start) * action.confidence
    return max(filled, key=lambda name: filled[name], default="")


if __name__ == "__main__":
    main()
