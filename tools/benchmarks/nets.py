"""Time of every perception net per picture: make -s benchmark NAME=nets [QUICK=1]

The least of several runs, so that a busy machine disturbs little: processor time with one thread, wall-clock
time with more. Other backends are timed where they and their model files are there. The last line is one JSON
object.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from kmc_core.errors import KMCError
from kmc_core.perception.nets import NetName, load_net

WEIGHTS = Path(__file__).resolve().parents[2] / "weights/perception"
WANTED = {  # the outputs that extraction asks for
    "pose_landmarks": (0, 1, 3, 4),
    "face_landmarks": (0, 1),
    "hand_landmarks": (0, 1, 2),
}
BATCHES = (1, 4, 8, 16)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one thread, few runs")
    args = parser.parse_args()
    runs = 5 if args.quick else 15
    figures: dict[str, float] = {"load_average": round(os.getloadavg()[0], 1)}
    for threads in (1,) if args.quick else (1, os.cpu_count() or 1):
        torch.set_num_threads(threads)
        for name in get_args(NetName):
            figures |= time_net(name, threads, runs)
    print(json.dumps(figures))


def time_net(name: NetName, threads: int, runs: int) -> dict[str, float]:
    """Milliseconds a picture by "net/backend/dtype/batch/threads"; prints them as a line too."""
    clock = time.process_time if threads == 1 else time.perf_counter
    figures = {}
    for dtype in (torch.float32, torch.bfloat16):
        net = load_net(name, WEIGHTS, device="cpu", dtype=dtype)
        for batch in BATCHES:
            images = torch.rand(batch, *net.input_shape)
            seconds = least(clock, runs, lambda net=net, images=images: net(images, WANTED.get(name)))
            figures[f"{name}/torch/{str(dtype)[6:]}/{batch}/{threads}"] = round(1e3 * seconds / batch, 2)
    for backend in ("ai-edge-litert", "onnxruntime"):
        try:
            net = load_net(name, WEIGHTS, device="cpu", backend=backend)
        except KMCError:  # not installed, or its model files are not made
            continue
        seconds = least(clock, runs, lambda net=net: net(torch.rand(1, *net.input_shape)))
        figures[f"{name}/{backend}/float32/1/{threads}"] = round(1e3 * seconds, 2)
    print(*(f"{key} {milliseconds}" for key, milliseconds in figures.items()), flush=True)
    return figures


@torch.inference_mode()
def least(clock: Callable[[], float], runs: int, call: Callable[[], object]) -> float:
    """Seconds of the fastest of `runs` calls, after one that does not count."""
    call()
    seconds = []
    for _ in range(runs):
        start = clock()
        call()
        seconds.append(clock() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
