"""Actions named on exact motion and on motion read from pictures: make -s benchmark NAME=actions [QUICK=1]

Every gesture of the training data by rendered people (whole figures, 3 s at 16 frames a second, 360x480),
turned a little; our own extraction reads body, hands and face from the pictures. A clip counts where the
action that fills most of it is the one that was played. Prints one JSON object as its last line.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.made_motions import Take, film  # noqa: E402
from kmc_core.motion.intent import find_intent  # noqa: E402
from kmc_core.motion.smooth import smooth  # noqa: E402
from kmc_core.motion.types import Intent, Motion  # noqa: E402
from kmc_core.perception.extract import (  # noqa: E402
    Perception,
    TensorClip,
    encode_body,
    encode_face,
    encode_hands,
)
from kmc_core.training.gestures import GESTURES  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402

# What our rules call a gesture of the made motions, where the name differs.
ACTIONS = {"hips": "hands on hips", "shake": "shake head", "step": "step aside", "raise": "raise arms",
           "reach": "gesture", "crossed": "cross arms", "walk away": "walk"}  # fmt: skip
YAWS = (0.0, 0.3, -0.3)  # radians that people are turned by


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one person, on whom no rule was set")
    args = parser.parse_args()
    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    studio = Studio()
    rights = []
    for person in (2,) if args.quick else (2, 1):
        for index, name in enumerate(GESTURES):
            take = Take(name, seed=100 * person + index, frames=48, size=(360, 480),
                        yaw=YAWS[(person + index) % 3], fps=16.0, draw=True)  # fmt: skip
            rights.append(named_right(studio, nets, take))
    columns = zip(*rights, strict=True)
    shares = {f"right_{kind}": round(sum(column) / len(column), 4)
              for kind, column in zip(("exact", "read", "smoothed"), columns, strict=True)}  # fmt: skip
    print(json.dumps({"clips": len(rights)} | shares))


def named_right(studio: Studio, nets: Perception, take: Take) -> list[bool]:
    """Whether a take's gesture is named on exact motion, as read, and as read and smoothed."""
    exact, frames = film(studio, take)
    assert frames is not None
    read = extract(frames, take.fps, nets)
    named = [main_action(find_intent(m.tracks[0], m.fps)) for m in (exact, read, smooth(read))]
    wanted = ACTIONS.get(take.gesture, take.gesture)
    print(f"{wanted:14} {take.seed:4} exact, read, smoothed: {', '.join(named)}", file=sys.stderr, flush=True)
    return [name == wanted for name in named]


def extract(frames: torch.Tensor, fps: float, nets: Perception) -> Motion:
    """Body, hands and face of frames uint8 [F, 3, H, W]."""
    clip = TensorClip(frames, fps)
    motion = encode_body(clip, nets)
    for encode in (encode_hands, encode_face):
        motion = encode(clip, nets, motion=motion)
    return motion


def main_action(intent: Intent) -> str:
    """The action that fills most of a clip."""
    filled: dict[str, float] = {}
    for action in intent.actions:
        filled[action.name] = filled.get(action.name, 0.0) + (action.end - action.start) * action.confidence
    return max(filled, key=lambda name: filled[name], default="")


if __name__ == "__main__":
    main()
