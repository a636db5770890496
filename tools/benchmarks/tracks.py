"""Several people who cross: make -s benchmark NAME=tracks [QUICK=1]

Rendered clips with exact truth (crossing_clips.py). A person of the truth is found by the track whose joints
lie on it; `identity_switches` counts how often that is another track than before, over all clips (as the
CLEAR MOT metrics do, doi 10.1155/2008/246309: a track that still lies on its person stays its). Times are of
the processor on one thread, medians a frame of the body alone, all people and only one, alternating;
`crowd_seconds_per_frame` is what telling 30 people apart takes once their boxes are found.
Prints one JSON object as its last line.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.crossing_clips import FPS, SCENES, Crossing, render  # noqa: E402
from kmc_core.motion.skeleton import JOINT  # noqa: E402
from kmc_core.motion.types import Motion, Track  # noqa: E402
from kmc_core.perception.extract import Perception, TensorClip, encode_body  # noqa: E402
from kmc_core.perception.matching import least_cost  # noqa: E402
from kmc_core.perception.who import Sighting, WhoIsWho  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402

VISIBLE = 0.5  # share of a person's joints that must show in a frame for it to count
NEAR = 0.15  # of its height: joints this close on average are that person's
CLOSE = 0.05  # of its height: a joint this close to its true place counts as correct
TRUNK = [JOINT[name] for name in ("neck", "l_shoulder", "r_shoulder", "l_hip", "r_hip")]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two clips, timed once")
    args = parser.parse_args()
    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    studio = Studio()
    figures = []
    for scene in SCENES[::3] if args.quick else SCENES:
        crossing = render(studio, scene)
        measured = measure(crossing, nets, runs=1 if args.quick else 3)
        print(scene.name, {k: round(float(v), 4) for k, v in measured.items()}, file=sys.stderr, flush=True)
        figures.append(measured)
    total = {
        "clips": len(figures),
        "load_average": os.getloadavg()[0],
        "crowd_seconds_per_frame": crowd_seconds(30),
    }
    for name in figures[0]:
        values = [figure[name] for figure in figures]
        counted = name in ("identity_switches", "people", "tracks")
        total[name] = sum(values) if counted else float(np.mean(values))
    print(json.dumps({key: round(float(value), 4) for key, value in total.items()}))


def measure(crossing: Crossing, nets: Perception, runs: int) -> dict[str, float]:
    """Figures of one clip."""
    clip, many, one = TensorClip(crossing.frames, FPS), [], []
    people = len(crossing.truth.tracks)
    for _ in range(runs):
        start = time.process_time()
        motion = encode_body(clip, nets, people=people)
        many.append((time.process_time() - start) / len(crossing.frames))
        start = time.process_time()
        encode_body(clip, nets)
        one.append((time.process_time() - start) / len(crossing.frames))
    times = {"seconds_per_frame": float(np.median(many)), "seconds_per_frame_one": float(np.median(one))}
    return {**score(crossing, motion), "people": people, "tracks": len(motion.tracks), **times}


def crowd_seconds(people: int) -> float:
    """Median time a frame of numbering so many people in random clothes who walk at random."""
    rng = torch.Generator().manual_seed(0)
    who = WhoIsWho(FPS, (1280, 720), "largest", (0.5, 0.5))
    clothes = torch.rand(people, 2, 125, generator=rng)
    places, seconds = torch.rand(people, 2, generator=rng) * 700, []
    for frame in range(48):
        places = places + 4 * torch.randn(people, 2, generator=rng)
        boxes = torch.cat([places - 50, places + 50], dim=1)
        seen = [Sighting(p, 100.0, b, c / c.sum()) for p, b, c in zip(places, boxes, clothes, strict=True)]
        start = time.process_time()
        who(frame, seen)
        seconds.append(time.process_time() - start)
    return float(np.median(seconds))


def score(crossing: Crossing, motion: Motion) -> dict[str, float]:
    """Switches of identity, share of visible people that were found, share of their joints that are right."""
    bodies = [_body(track) for track in crossing.truth.tracks]
    found = [_body(track) for track in motion.tracks]
    last: dict[int, int] = {}
    switches, matched, correct, visible = 0, 0, [], 0
    for frame in range(motion.frames):
        shown = [i for i in range(len(bodies)) if crossing.visible[i, frame] >= VISIBLE]
        ways = [[_way(bodies[i][frame], body[frame]) for body in found] for i in shown]
        stay = [
            [way - NEAR * (last.get(i) == j) for j, way in enumerate(row)]
            for i, row in zip(shown, ways, strict=True)
        ]
        visible += len(shown)
        for person, track in zip(shown, least_cost(stay, NEAR), strict=True):
            if track is None:
                continue
            matched += 1
            switches += last.get(person, track) != track
            last[person] = track
            correct.append(_right(bodies[person][frame], found[track][frame]))
    return {"identity_switches": switches, "found": matched / visible, "pck05": float(np.mean(correct))}


def _body(track: Track) -> np.ndarray:
    assert track.body is not None
    return track.body.numpy()


def _height(truth: np.ndarray) -> float:
    return float(np.ptp(truth[:, 1]))


def _way(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean distance of the trunk's joints [25, 4] over the person's height; infinite where it is too far."""
    seen = [joint for joint in TRUNK if found[joint, 3] > 0]
    if not seen:
        return np.inf
    way = float(np.linalg.norm(truth[seen, :2] - found[seen, :2], axis=-1).mean()) / _height(truth)
    return way if way < NEAR else np.inf


def _right(truth: np.ndarray, found: np.ndarray) -> float:
    """Share of the joints that both name which are at their place."""
    seen = (truth[:, 3] > 0) & (found[:, 3] > 0)
    error = np.linalg.norm(truth[seen, :2] - found[seen, :2], axis=-1) / _height(truth)
    return float((error < CLOSE).mean())


if __name__ == "__main__":
    main()
