"""Peak memory of extraction for a short and a long clip: make -s benchmark NAME=rss [QUICK=1]

The difference must be the results alone. The clip (ARGS="--clip CLIP --frames 150 1500 --size 1280 720") is
looped and scaled to each length; body, face and hands are encoded in a process of its own, twice: as glibc's
allocator works by itself, which keeps freed blocks in pieces and so a peak by chance, and told to give every
freed block of a MiB or more back (`peak_returned_mib`), which shows what is really needed.
`growth_beyond_results_mib` is what the longest clip needs above the shortest, less its larger results. The
last line is one JSON object. Linux only (reads /proc).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

RATE = 30
RETURNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}  # bytes; glibc's own threshold rises with what is freed
ROOT = Path(__file__).resolve().parents[2]


def looped(source: Path, target: Path, frames: int, size: tuple[int, int]) -> None:
    """Write `frames` frames of `size`: the source forwards and again from its start."""
    import av

    written = 0
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        while written < frames:
            with av.open(str(source)) as container:
                for frame in container.decode(video=0):
                    picture = frame.reformat(*size, format="yuv420p")
                    picture.pts, picture.time_base = written, Fraction(1, RATE)
                    output.mux(stream.encode(picture))
                    written += 1
                    if written == frames:
                        break
        output.mux(stream.encode())


def encoded(clip: Path) -> dict[str, float]:
    """Encode all parts of a clip in this process: frames, peak memory and result in MiB, seconds."""
    import time

    import torch

    from kmc_core.perception.extract import Perception, VideoFile, encode_body, encode_face, encode_hands

    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights" / "perception", device="cpu")
    video, started = VideoFile(clip), time.process_time()
    motion = encode_hands(video, nets, motion=encode_face(video, nets, motion=encode_body(video, nets)))
    track = motion.tracks[0]
    assert track.body is not None and track.world is not None and track.face is not None
    assert track.hands is not None
    tensors = [track.body, track.world, track.hands, track.face.landmarks, track.face.expression]
    size = sum(tensor.nbytes for tensor in tensors)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return {
        "frames": motion.frames,
        "peak_mib": round(int(peak.split()[1]) / 1024, 1),
        "result_mib": round(size / 2**20, 1),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    """Measure each length in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "workflows" / "assets" / "full_body.mp4")
    parser.add_argument("--frames", type=int, nargs="+", default=[150, 1500])
    parser.add_argument("--size", type=int, nargs=2, default=[1280, 720])
    parser.add_argument("--quick", action="store_true", help="30 and 150 frames")
    parser.add_argument("--here", action="store_true", help="encode this clip in this process")
    args = parser.parse_args()
    if args.here:
        print(json.dumps(encoded(args.clip)))
        return
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for frames in (30, 150) if args.quick else args.frames:
            path = Path(folder) / f"{frames}.mp4"
            looped(args.clip, path, frames, tuple(args.size))
            own, returned = (apart(path, {}), apart(path, RETURNED))
            results[f"{frames} frames"] = own | {"peak_returned_mib": returned["peak_mib"]}
            print(json.dumps(results), file=sys.stderr, flush=True)
    short, *_, long = results.values()
    larger = long["result_mib"] - short["result_mib"]
    growth = {name: round(long[name] - short[name] - larger, 1) for name in ("peak_mib", "peak_returned_mib")}
    print(json.dumps({**results, "growth_beyond_results_mib": growth}))


def apart(clip: Path, environment: dict[str, str]) -> dict[str, float]:
    """`encoded` in a process of its own."""
    command = [sys.executable, __file__, "--here", "--clip", str(clip)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
