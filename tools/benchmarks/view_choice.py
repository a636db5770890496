"""Which view is chosen for every window of a person who turns, by exact poses and by those that we read."""

import sys
from dataclasses import replace

import numpy as np
import torch

from benchmarks.turning import FPS, SIDES, Turning, turning_person, with_views
from kmc_core.errors import KMCError
from kmc_core.motion.types import Motion
from kmc_core.perception.clips import TensorClip
from kmc_core.perception.extract import Perception, encode_body, encode_face
from kmc_core.subject.create import create_subject
from kmc_core.subject.facing import apart, facing, view_facing
from kmc_core.subject.select import choose_views, flips_a_minute, windows_of
from kmc_core.subject.types import Subject
from kmc_core.training.studio import Studio

GESTURES = ("wave", "reach", "point", "raise")
WINDOW = 8  # frames
HELD, NEAR = 4.0, 10.0  # degrees: what a choice holds on to, and a tie that no detector can tell


def choices(studio: Studio, nets: Perception, people: int) -> dict:
    """How often the nearest view is chosen, by exact poses and by poses that our own detectors read.

    Judged by the person's true turn, or by its true head and body, up to HELD or NEAR degrees; beside the
    changes of view are those of the truth.
    """
    rng = np.random.default_rng(3)
    rights: dict[str, list[bool]] = {}
    flips: dict[str, list[float]] = {}
    read = 0
    for index in range(people):
        t = np.linspace(0, 1, 192)
        way = np.cumsum(rng.normal(size=6))
        yaws = 140 * np.sin(2 * np.pi * (t * rng.uniform(1, 2) + rng.random())) + 25 * np.interp(
            t, np.linspace(0, 1, 6), way
        )
        shot = ("full", "half")[index % 2]
        who = turning_person(studio, f"val-choice-{index}", shot, (256, 256), yaws, GESTURES[index % 4])
        seen = read_again(who, nets)
        read += seen is not None
        for count in (4, 8):
            judge(who, (who.subject, who.motion), count, "", rights, flips)
            if seen is not None:
                judge(who, seen, count, "_read_by_detectors", rights, flips)
        print(f"choices of person {index + 1} of {people}", file=sys.stderr, flush=True)
    return {
        **{name: round(float(np.mean(values)), 4) for name, values in rights.items()},
        "windows": len(rights["view_choice"]), "people_read_by_detectors": read,
        **{name: round(float(np.mean(values)), 1) for name, values in flips.items()},
    }  # fmt: skip


def judge(
    who: Turning,
    given: tuple[Subject, Motion],
    count: int,
    how: str,
    rights: dict[str, list[bool]],
    flips: dict[str, list[float]],
) -> None:
    """Choose views for every window of a subject and a motion, and add up how right they are."""
    subject, motion = given
    windows = windows_of(len(who.yaws), WINDOW)
    chosen = choose_views(motion, with_views(subject, count), windows)
    turns = torch.stack([who.yaws.deg2rad()] * 2, 1), torch.tensor(SIDES[:count]).deg2rad()[:, None]
    views = torch.stack([view_facing(view) for view in who.subject.views[:count]])
    truths = {"": turns, "_head_and_body": (facing(who.motion.tracks[0]), views)}
    for name, (yaws, sides) in truths.items():
        gaps = [apart(yaws[a:b, None], sides[None]).nanmean((0, 2)).rad2deg() for a, b in windows]
        for near, limit in (("", HELD), ("_near", NEAR)):
            right = [
                bool(gap[choice.views[0]] <= gap.min() + limit)
                for gap, choice in zip(gaps, chosen, strict=True)
            ]
            rights.setdefault(f"view_choice{how}{name}{near}", []).extend(right)
        if name == "" and how == "":
            best = [replace(c, views=(int(gap.argmin()),)) for c, gap in zip(chosen, gaps, strict=True)]
            flips.setdefault("flips_a_minute_of_truth", []).append(flips_a_minute(best, FPS))
    flips.setdefault(f"flips_a_minute{how}", []).append(flips_a_minute(chosen, FPS))


def read_again(who: Turning, nets: Perception) -> tuple[Subject, Motion] | None:
    """Subject and motion of the same pictures as our detectors read them; None where they see nobody."""
    clip = TensorClip((who.frames * 255).round().to(torch.uint8), FPS)
    try:
        pictures = [view.image for view in who.subject.views]
        subject = create_subject(pictures, nets, name="read").subject
        motion = encode_body(clip, nets)
        return subject, encode_face(clip, nets, motion=motion)
    except KMCError as error:
        print(f"not read: {error}", file=sys.stderr)
        return None
