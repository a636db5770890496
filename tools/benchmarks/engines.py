"""Engines and long videos on the real host: make -s benchmark NAME=engines [QUICK=1]

- parity: share of the tests that compare every tensor of our conditioning with what the host's own nodes
  give.
- lengths_exact: share of lengths and frame rates whose video holds exactly the driving clip's frames, each
  once and in order, told by numbers that are burned into the clip and carried through SCAIL-2 with an engine
  that gives back what it is shown. sound_late_frames: how far its sound is off at most.
- rss_ratio_481_160: peak resident memory of a video of 481 frames against one of 160, each in a process of
  its own, on Wan-Animate with tiny random weights at 480x832. Beside it the host's own nodes chained by hand,
  with all pictures in memory as such a graph has them. In both the network does nothing and the VAE averages
  pixels: their memory does not depend on the length, and a CPU would take hours.

The last line is one JSON object. Linux only (reads /proc).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
LENGTHS, QUICK_LENGTHS = (1, 5, 76, 77, 78, 81, 160, 481), (1, 5, 77, 81)
RATES = (24.0, 25.0, 30000 / 1001)
SHORT, LONG = 160, 481
SIZE, QUICK_SIZE = (832, 480), (208, 128)  # width, height
PARITY = "gets_what_the_hosts or goes_on_from or mask_alone"


@contextmanager
def real_host() -> Iterator[Any]:
    """ComfyUI inside this process, in a folder of its own."""
    import host as host_tool
    from harness.inprocess import InProcessHost

    with tempfile.TemporaryDirectory(prefix="kmc-engines-", ignore_cleanup_errors=True) as folder:
        host = InProcessHost(host_tool.locate(host_tool.DEFAULT_VERSION).comfyui, Path(folder))
        yield host
        host.close()


def parity() -> float:
    """Share of passing parity tests."""
    command = [sys.executable, "-m", "pytest", "tests/test_nodes_engines.py", "-q", "-k", PARITY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    return counts.get("passed", 0) / max(sum(counts.values()), 1)


def lengths(counts: tuple[int, ...]) -> dict[str, float]:
    """Share of exact videos, and the frames by which sound is off at most."""
    from counting_engine import beep_late, counting_inputs, numbers
    from test_nodes_long_video import made, prompt

    exact, late = [], []
    with real_host() as host:
        for frames in counts:
            for fps in RATES:
                path = made(host.run(prompt(host, None, **counting_inputs(host, frames, fps, host.base))))
                exact.append(numbers(path) == list(range(frames)))
                late.append(abs(beep_late(path, frames, fps)))
                said = "exact" if exact[-1] else "NOT exact"
                print(f"{frames} frames at {fps:.2f}: {said}, sound off by {late[-1]:.2f} frames", flush=True)
    return {
        "lengths_exact": round(sum(exact) / len(exact), 3),
        "sound_late_frames": round(max(late), 3),
    }


def peak_mib() -> float:
    """Peak resident memory of this process."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each)
    return round(int(line.split()[1]) / 1024, 1)


def wan_inputs(host: Any, frames: int) -> dict[str, Any]:
    """A fitted motion and Wan-Animate's real classes, without the network's work."""
    from kmc_core.motion.retarget import retarget
    from kmc_core.subject.identity import Identity
    from moving_person import Build, character, person
    from tiny_wan import load_tiny, load_tiny_vae, tiny_clip_vision, tiny_text

    subject = character(Build(arm=1.2))
    model = load_tiny(host.base, "animate")
    model.set_model_unet_function_wrapper(lambda network, given: given["input"] * 0)
    vae = load_tiny_vae(host.base)
    vae.first_stage_model = averaging()
    return {
        "model": model, "positive": tiny_text(0), "negative": tiny_text(1), "vae": vae,
        "motion": retarget(person(frames), subject), "identity": Identity(subject, 1.0),
        "clip_vision": tiny_clip_vision(),
    }  # fmt: skip


def averaging() -> Any:
    """The VAE's own shapes, [B, 3, 4 T - 3, 8 h, 8 w] <-> [B, 16, T, h, w], by mean and repetition."""
    import torch
    import torch.nn.functional as F

    class Averaging(torch.nn.Module):
        def encode(self, pixels: torch.Tensor) -> torch.Tensor:
            first = pixels[:, :, :1].expand(-1, -1, 4, -1, -1)
            pooled = F.avg_pool3d(torch.cat([first, pixels[:, :, 1:]], 2), (4, 8, 8))
            return F.pad(pooled, (0, 0, 0, 0, 0, 0, 0, 13))

        def decode(self, latent: torch.Tensor) -> torch.Tensor:
            return F.interpolate(latent[:, :3], scale_factor=(4.0, 8.0, 8.0))[:, :, 3:]

    return Averaging()


def ours(frames: int, size: tuple[int, int]) -> dict[str, float]:
    """Animate Long Video in this process."""
    from test_nodes_long_video import made, prompt

    with real_host() as host:
        inputs = wan_inputs(host, frames)
        begun = time.perf_counter()
        motion, plain = inputs.pop("motion"), {"width": size[0], "height": size[1], "face_strength": 0.0}
        asked = prompt(host, None, motion, **inputs, **plain)
        made(host.run(asked))
        return {"peak_mib": peak_mib(), "seconds": round(time.perf_counter() - begun, 1)}


def chained(frames: int, size: tuple[int, int]) -> dict[str, float]:
    """The host's own nodes one after the other, as a graph without us has them, in this process."""
    import torch

    from kmc_core.engines.framing import cover, on_canvas
    from kmc_core.motion.draw_skeleton import draw_skeleton

    with real_host() as host, torch.inference_mode():  # as in a run of a graph
        inputs = wan_inputs(host, frames)
        begun = time.perf_counter()
        motion = on_canvas(inputs["motion"], cover(inputs["motion"].size, size), size)
        poses = draw_skeleton(motion).permute(0, 2, 3, 1).float() / 255
        picture = inputs["identity"].subject.views[0].image.permute(1, 2, 0)[None]
        (seen,) = host.call("CLIPVisionEncode", clip_vision=inputs["clip_vision"], image=picture, crop="none")
        parts: list[torch.Tensor] = []
        given: dict[str, Any] = {"video_frame_offset": 0}
        while sum(map(len, parts)) < frames:
            positive, negative, latent, trim, cut, offset = host.call(
                "WanAnimateToVideo", positive=inputs["positive"], negative=inputs["negative"],
                vae=inputs["vae"], width=size[0], height=size[1], length=77, batch_size=1,
                clip_vision_output=seen, reference_image=picture, pose_video=poses,
                continue_motion_max_frames=5, **given,
            )  # fmt: skip
            (sampled,) = host.call(
                "KSampler", model=inputs["model"], seed=1, steps=1, cfg=1.0, sampler_name="euler",
                scheduler="simple", positive=positive, negative=negative, latent_image=latent, denoise=1.0,
            )  # fmt: skip
            (trimmed,) = host.call("TrimVideoLatent", samples=sampled, trim_amount=trim)
            (decoded,) = host.call("VAEDecode", samples=trimmed, vae=inputs["vae"])
            parts.append(decoded[cut:])
            given = {"video_frame_offset": offset, "continue_motion": decoded}
        (video,) = host.call("CreateVideo", images=torch.cat(parts), fps=25.0)
        video.save_to(str(host.output / "chained.mp4"))
        return {"peak_mib": peak_mib(), "seconds": round(time.perf_counter() - begun, 1)}


WAYS = {"ours": ours, "chained": chained}


def measured(way: str, frames: int, size: tuple[int, int]) -> dict[str, float]:
    """One way in a process of its own."""
    command = [sys.executable, __file__, "--here", way, "--frames", str(frames), "--size", *map(str, size)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{way} with {frames} frames failed:\n{done.stderr[-2000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{way}, {frames} frames: {result['peak_mib']} MiB, {result['seconds']} s", flush=True)
    return result


def main() -> None:
    """All three figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer lengths, a smaller picture")
    parser.add_argument("--here", choices=WAYS, help="measure one way in this process")
    parser.add_argument("--frames", type=int, default=SHORT)
    parser.add_argument("--size", type=int, nargs=2, default=SIZE)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(WAYS[args.here](args.frames, tuple(args.size))))
        return
    size = QUICK_SIZE if args.quick else SIZE
    memory = {
        (way, frames): measured(way, frames, size)
        for way, counts in (("ours", (SHORT, LONG)), ("chained", (SHORT, LONG)))
        for frames in counts
    }
    result = {
        "parity": round(parity(), 3),
        **lengths(QUICK_LENGTHS if args.quick else LENGTHS),
        "rss_ratio_481_160": ratio(memory, "ours"),
        "rss_ratio_481_160_chained": ratio(memory, "chained"),
        "memory": {f"{way}_{frames}": value for (way, frames), value in memory.items()},
        "size": list(size),
    }
    print(json.dumps(result))


def ratio(memory: dict[tuple[str, int], dict[str, float]], way: str) -> float:
    """Peak memory of the long video against the short one."""
    return round(memory[way, LONG]["peak_mib"] / memory[way, SHORT]["peak_mib"], 3)


if __name__ == "__main__":
    main()
