"""Retargeting against exact truth, the same motion on two people: make -s benchmark NAME=retarget [QUICK=1]

Each case is a driver's motion, pictures of another figure, and that figure really doing the motion. Beside
ours stand "no retargeting" (the driver's skeleton as it is) and "frame-0 bone scaling" (limbs stretched by
the ratio of 2-D lengths between the picture and the clip's first frame, as common packs do), all shifted to
lie best on the truth. Errors are in percent of the figure's height. Prints one JSON object as its last line.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.actions import ACTIONS, main_action  # noqa: E402
from benchmarks.figures import FPS, SIZE, Build, Figure, perform, same_motion  # noqa: E402
from benchmarks.kept_contacts import body_of, feet_near, pixel_height, planted, touches  # noqa: E402
from benchmarks.made_motions import Take, film  # noqa: E402
from benchmarks.smooth import STILL_GESTURES, jitter_ratio  # noqa: E402
from kmc_core.motion.intent import find_intent  # noqa: E402
from kmc_core.motion.retarget import retarget  # noqa: E402
from kmc_core.motion.skeleton import BODY_BONES, JOINT  # noqa: E402
from kmc_core.motion.smooth import smooth  # noqa: E402
from kmc_core.subject.types import Subject, View  # noqa: E402
from kmc_core.training.annotate import Annotator  # noqa: E402
from kmc_core.training.body import Body  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402

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
GROUNDED = ("walk", "walk away", "step", "dance", "jump")
NAMED = (*MOTIONS, *TOUCHES, "nod", "shake", "idle")
CLAMP = (0.4, 2.5)  # frame-0 scaling gets the limits of ours


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


if __name__ == "__main__":
    main()
