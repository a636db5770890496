"""The appearance-flow prior on rendered held-out people: make -s benchmark NAME=prior [QUICK=1]

Copying the reference, the 2-D cut-out puppet, the proxy body with one view and with three, and the truth
itself, by shot and by how far the person turned. Prints one JSON object as its last line.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from kmc_core.engines.kmc import canvas_pose, placement  # noqa: E402
from kmc_core.errors import KMCError  # noqa: E402
from kmc_core.evaluate.metrics import correct_joints, ssim  # noqa: E402
from kmc_core.evaluate.reading import READ_AT  # noqa: E402
from kmc_core.evaluate.score import REACH  # noqa: E402
from kmc_core.model.background import fill_background  # noqa: E402
from kmc_core.model.limbs import Pose  # noqa: E402
from kmc_core.model.prior import move_person, resized  # noqa: E402
from kmc_core.model.proxy_views import Picture  # noqa: E402
from kmc_core.model.puppet import cut_out, moving  # noqa: E402
from kmc_core.motion.skeleton import JOINT  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.clips import TensorClip  # noqa: E402
from kmc_core.perception.extract import Perception, encode_body, encode_face  # noqa: E402
from kmc_core.training.data import track_of  # noqa: E402
from kmc_core.training.shards import Pictures, Shard  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.truth import render_split  # noqa: E402
from kmc_core.training.validate import held_out  # noqa: E402

SIZE, PER_SHARD, SEED = 128, 8, 1
TIMED, LONG = 12, 24  # cases and frames of each
TURNS = {"turned_under_15": (0.0, 15.0), "turned_15_to_40": (15.0, 40.0), "turned_over_40": (40.0, 181.0)}
METHODS = ("copy", "puppet", "proxy_1_view", "proxy_3_views", "truth")
Drawn = tuple[Tensor, Tensor]  # frames [F, 3, H, W] in 0..1 and coverage [F, 1, H, W]


@dataclass(frozen=True)
class Case:
    """One clip: the character's views, its motion and what it should look like."""

    views: list[Picture]
    target: Pose
    truth: Tensor  # [F, 3, H, W] 0..1
    mask: Tensor  # [F, 1, H, W]
    motion: Motion
    groups: tuple[str, ...]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clips")
    clips = 16 if parser.parse_args().quick else 48
    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    folder = ROOT / "data/prior_truth"
    print("rendering what is not there yet", file=sys.stderr, flush=True)
    render_split(Studio(), folder, "val", clips, PER_SHARD, SEED, SIZE)
    cases = [case_of(shard, clip) for shard, clip in held_out(folder / "val", clips)]
    rows: list[dict] = []
    for index, case in enumerate(cases):
        rows += measure(case, nets)
        print(f"clip {index + 1} of {clips}", file=sys.stderr, flush=True)
    figures = {"clips": clips, "load_average": os.getloadavg()[0], "milliseconds": speed(cases[:TIMED])}
    print(json.dumps(figures | {"methods": summary(rows)}))


def case_of(shard: Shard, clip: int) -> Case:
    """A clip of a shard and the groups that it counts in."""
    references, frames = shard.references, shard.frames
    views = [
        Picture(references.images[clip, k].float() / 127.5 - 1, references.masks[clip, k].float() / 255, pose)
        for k, pose in enumerate(_pose(references, clip, slice(k, k + 1)) for k in range(3))
    ]
    target = _pose(frames, clip, slice(None))
    shot = shard.words[clip].shot
    turn = _turn(target, views[0].pose) if shot != "face" else _head_turn(frames, references, clip)
    group = next(name for name, (low, high) in TURNS.items() if low <= turn < high)
    motion = Motion(shard.fps, (SIZE, SIZE), (track_of(frames, clip, slice(None)),))
    truth, mask = frames.images[clip].float() / 255, frames.masks[clip].float() / 255
    return Case(views, target, truth, mask, motion, ("all", shot, group))


def _pose(pictures: Pictures, clip: int, part: slice) -> Pose:
    return canvas_pose(track_of(pictures, clip, part), *placement((SIZE, SIZE), (SIZE, SIZE)))


def _turn(target: Pose, source: Pose) -> float:
    """Degrees between the shoulders of both."""

    def angle(pose: Pose) -> Tensor:
        across = pose.body[:, JOINT["l_shoulder"]] - pose.body[:, JOINT["r_shoulder"]]
        return torch.atan2(-across[:, 2], across[:, 0])

    return _mean_turn(angle(target) - angle(source))


def _head_turn(frames: Pictures, references: Pictures, clip: int) -> float:
    def yaw(rotation: Tensor) -> Tensor:
        return torch.atan2(-rotation[..., 0, 2], rotation[..., 2, 2])

    return _mean_turn(yaw(frames.rotation[clip]) - yaw(references.rotation[clip, :1]))


def _mean_turn(angles: Tensor) -> float:
    return float(torch.rad2deg(torch.atan2(angles.sin(), angles.cos())).abs().mean())


def measure(case: Case, nets: Perception) -> list[dict]:
    """One row a method."""
    reads = {name: read(drawn, case, nets) for name, drawn in draw(case).items()}
    found_in_truth = reads["truth"].pop("faces")
    rows = []
    for name, row in reads.items():
        faces = row.pop("faces", found_in_truth) & found_in_truth
        row |= {"faces_found": int(faces.sum()), "faces": int(found_in_truth.sum())}
        rows.append(row | {"method": name, "groups": case.groups})
    return rows


def ways(case: Case) -> dict[str, Callable[[Pose], Drawn]]:
    """The priors that are compared."""
    first = resized(case.views[0], (SIZE, SIZE))
    scene = fill_background(first.image, first.mask)

    def puppet(target: Pose) -> Drawn:
        frames = list(moving(cut_out(*first, scene), first.pose, target))
        return torch.stack([colour for colour, _ in frames]), torch.stack([covered for _, covered in frames])

    return {
        "puppet": puppet,
        "proxy_1_view": lambda target: move_person(case.views[:1], target, background=scene)[:2],
        "proxy_3_views": lambda target: move_person(case.views, target, background=scene)[:2],
    }


def speed(cases: list[Case]) -> dict[str, float]:
    """Processor milliseconds a frame in clips of LONG frames on one thread, medians over cases."""
    spent: dict[str, list[float]] = {}
    for case in cases:
        t, times = case.target, LONG // len(case.truth)
        target = Pose(*(torch.cat([x] * times) for x in (t.body, t.hands, t.landmarks, t.face_seen)))
        for name, way in ways(case).items():
            start = time.process_time()
            way(target)
            spent.setdefault(name, []).append((time.process_time() - start) / LONG * 1000)
    return {name: round(median(values), 1) for name, values in spent.items()}


def draw(case: Case) -> dict[str, Drawn]:
    """What every method shows."""
    first, count = resized(case.views[0], (SIZE, SIZE)), len(case.truth)
    drawn = {name: way(case.target) for name, way in ways(case).items()}
    copied = (first.image.expand(count, -1, -1, -1), first.mask.expand(count, -1, -1, -1))
    signed = {"copy": copied} | drawn
    return {name: (colour / 2 + 0.5, covered) for name, (colour, covered) in signed.items()} | {
        "truth": (case.truth, case.mask)
    }


def read(drawn: Drawn, case: Case, nets: Perception) -> dict:
    """Figures of one method on one clip; the detectors look at enlarged frames."""
    frames, covered = drawn
    mask, body = case.mask, case.motion.tracks[0].body
    face = case.motion.tracks[0].face
    assert body is not None and face is not None
    size = (READ_AT, READ_AT)
    enlarged = F.interpolate(frames, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
    found, faces = look(TensorClip(enlarged, fps=case.motion.fps), nets, body)
    seen = body[body[..., 3] > 0][:, :2]
    reach = REACH * float((seen.amax(0) - seen.amin(0)).max())
    correct, counted = correct_joints(found, body, reach)
    difference = (frames - case.truth).abs().mean(1, keepdim=True)
    return {
        "l1_person": float((difference * mask).sum() / mask.sum()),
        "l1": float(difference.mean()),
        "ssim": ssim(frames, case.truth),
        "overlap": float(covered.minimum(mask).sum() / covered.maximum(mask).sum()),
        "correct": int(correct.sum()),
        "counted": int(counted.sum()),
        "faces": faces & (face.confidence > 0.5),
    }


def look(clip: TensorClip, nets: Perception, body: Tensor) -> tuple[Tensor, Tensor]:
    """Joints [F, 25, 4] in pixels of the small frames and which faces [F] are found."""
    faces = torch.zeros(len(body), dtype=torch.bool)
    try:
        motion = encode_body(clip, nets)
    except KMCError:
        return torch.zeros_like(body), faces
    found = motion.tracks[0].body
    assert found is not None
    found = torch.cat((found[..., :2] * (SIZE / READ_AT), found[..., 2:]), -1)
    try:
        face = encode_face(clip, nets, motion=motion).tracks[0].face
    except KMCError:
        return found, faces
    return found, faces if face is None else face.confidence > 0.3


def summary(rows: list[dict]) -> dict:
    """By method and group: means over clips, joints and faces over all frames."""
    result: dict = {}
    for method in METHODS:
        result[method] = {}
        for group in ("all", "full", "half", "face", *TURNS):
            part = [row for row in rows if row["method"] == method and group in row["groups"]]
            if not part:
                continue
            means = {
                name: round(sum(row[name] for row in part) / len(part), 4)
                for name in ("l1_person", "l1", "ssim", "overlap")
            }
            joints = sum(row["correct"] for row in part) / max(1, sum(row["counted"] for row in part))
            faces = sum(row["faces_found"] for row in part) / max(1, sum(row["faces"] for row in part))
            result[method][group] = {
                "clips": len(part), **means, "pck": round(joints, 4), "face_found": round(faces, 4)
            }  # fmt: skip
    return result


if __name__ == "__main__":
    main()
