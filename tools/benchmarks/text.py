"""Does the animator do what a prompt says? make -s benchmark NAME=text [ARGS="--weights FILE"]

20 prompts, captions of held-out clips with one thing changed: the background, the shirt's colour, or the
camera, whose words *Apply Camera* turns into geometry. A colour is followed when the part becomes nearer
(OKLab) to it than to the colour that the caption named before; a camera when the person is moved to within
half of the move. The background is also asked for with its condition blank, because the picture's own scene
is a condition. `read_right` tells how often the same measure reads the true caption's colour in the truth.
Beside it what a changed prompt costs in body PCK. Prints one JSON object as its last line.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from kmc_core.engines.color import to_oklab  # noqa: E402
from kmc_core.engines.kmc import build_conditions  # noqa: E402
from kmc_core.evaluate.reading import Reading, read_pictures  # noqa: E402
from kmc_core.evaluate.score import joint_scores  # noqa: E402
from kmc_core.model.checkpoint import load_animator_file  # noqa: E402
from kmc_core.model.conditions import AnimatorConditions  # noqa: E402
from kmc_core.model.text import TextEncoder  # noqa: E402
from kmc_core.model.transformer import Animator  # noqa: E402
from kmc_core.motion.camera import apply_camera, camera_path  # noqa: E402
from kmc_core.motion.draw import LIMB_CHANNELS  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.suite import Perception  # noqa: E402
from kmc_core.prompt.camera_words import asked_camera  # noqa: E402
from kmc_core.sampling.solve import sample  # noqa: E402
from kmc_core.training.data import motion_in, motion_of, subject_of  # noqa: E402
from kmc_core.training.people import PALETTE  # noqa: E402
from kmc_core.training.shards import Shard  # noqa: E402
from kmc_core.training.validate import build, held_out  # noqa: E402

COLOURS: Final = ("red", "green", "blue", "yellow", "purple", "orange", "pink")
CAMERAS: Final = (
    "camera zooms in", "camera zooms out", "camera pans left", "camera pans right", "camera tilts up",
    "camera rolls left",
)  # fmt: skip
SHIRT: Final = re.compile(r" in an? (\w+) shirt and ")
PLAIN: Final = re.compile(r"plain (\w+) background")
STEPS: Final = 4
NEAR: Final = 0.5  # of a camera's move: what is further off did not follow it
SURE: Final = 0.3  # confidence of a joint that was read
FEWEST: Final = 6  # such joints that tell where a person is


@dataclass(frozen=True)
class Subjects:
    """Everything to animate and read clips with."""

    animator: Animator
    text: TextEncoder
    nets: Perception

    def read(self, frames: Tensor) -> Reading:
        """What detectors read in frames."""
        return read_pictures(frames, 1.0, self.nets)


@dataclass(frozen=True)
class Clip:
    """One held-out clip and how it is animated."""

    shard: Shard
    number: int
    use: Subjects

    @property
    def caption(self) -> str:
        """As it was rendered."""
        return self.shard.words[self.number].caption

    def motion(self) -> Motion:
        """Its exact motion."""
        return motion_of(self.shard.frames, self.number, self.shard.fps)

    def told(self, caption: str, motion: Motion | None = None) -> AnimatorConditions:
        """Conditions with a caption, and another motion where one is given."""
        motion = motion or self.motion()
        subject = subject_of(self.shard.references, self.number, "subject", self.use.nets)
        words = self.use.text(self.use.text.tokenize(caption)[None])
        larger = motion_in(motion, subject.views[0])
        return build_conditions(larger, subject, words, params=self.use.animator.params, size=motion.size)

    def made(self, told: AnimatorConditions) -> Tensor:
        """Frames [F, 3, H, W] in 0..1, from the same noise each time."""
        clip = sample(self.use.animator, told, steps=STEPS, rng=torch.Generator().manual_seed(self.number))
        return (clip[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1)

    def pck(self, frames: Tensor, motion: Motion) -> float:
        """Body PCK against a motion."""
        correct, counted = joint_scores(self.use.read(frames), motion.tracks[0])["body_pck"]
        return correct / max(counted, 1.0)

    def background(self) -> Tensor:
        """Weights [F, 1, H, W] of what is not the person."""
        mask = self.shard.frames.masks[self.number].float() / 255
        return (F.max_pool2d(mask, 5, 1, 2) < 0.1).float()

    def shirt(self) -> Tensor:
        """Weights [F, 1, H, W] of the person's trunk."""
        mask = self.shard.frames.masks[self.number].float() / 255
        told = self.told(self.caption)
        trunk = told.maps[0, LIMB_CHANNELS.index("torso")][:, None]
        return (F.interpolate(trunk, size=mask.shape[-2:]) > 0.5) * (mask > 0.9).float()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one prompt of each kind")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights/animator/kmc_mini.safetensors")
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth/val", help="held-out clips")
    args = parser.parse_args()
    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    use = Subjects(*build(*load_animator_file(args.weights)), nets)
    clips = [Clip(shard, number, use) for shard, number in held_out(args.data, 64)]
    count = 1 if args.quick else len(COLOURS)
    with torch.no_grad():
        found = {
            "background": [background(*case) for case in recoloured(clips, PLAIN, count)],
            "clothes": [clothes(*case) for case in recoloured(clips, SHIRT, count)],
            "camera": [camera(*case) for case in filmed(clips, 1 if args.quick else len(CAMERAS))],
        }
    for kind, rows in found.items():
        print(kind, *(json.dumps(row) for row in rows), sep="\n", file=sys.stderr)
    figures = {kind: means(rows) for kind, rows in found.items()}
    every = [row for rows in found.values() for row in rows]
    print(json.dumps({
        "prompts": len(every), "followed": sum(row["followed"] for row in every),
        "pck_cost": round(fmean(row["pck"] - row["pck_asked"] for row in every), 4), **figures,
    }))  # fmt: skip


def recoloured(clips: list[Clip], part: re.Pattern[str], count: int) -> Iterator[tuple[Clip, str, str, str]]:
    """The first clips whose caption names the part's colour; that colour, the one asked for, and the caption
    that asks.
    """
    colours = cycle(COLOURS)
    shown = [(clip, match) for clip in clips if (match := part.search(clip.caption)) and match[1] in PALETTE]
    for clip, match in shown[:count]:
        asked = next(colour for colour in colours if colour != match[1])
        start, end = match.span(1)
        yield clip, match[1], asked, clip.caption[:start] + asked + clip.caption[end:]


def background(clip: Clip, own: str, asked: str, caption: str) -> dict[str, Any]:
    """A scene in another colour, as the animator is used and with its condition blank."""
    return repainted(clip, own, asked, caption, clip.background(), blank)


def clothes(clip: Clip, own: str, asked: str, caption: str) -> dict[str, Any]:
    """A shirt in another colour."""
    return repainted(clip, own, asked, caption, clip.shirt(), None)


def repainted(
    clip: Clip, own: str, asked: str, caption: str, where: Tensor, without: Callable | None
) -> dict[str, Any]:
    """How the colour of a part [F, 1, H, W] follows a caption; `without` takes the part's condition away."""
    before, told = clip.made(clip.told(clip.caption)), clip.told(caption)
    after = clip.made(told)
    start, end = mean_colour(before, where), mean_colour(after, where)
    way = named(asked) - start

    def turns(one: Tensor, other: Tensor) -> bool:
        return nearer(other, asked, own) and not nearer(one, asked, own)

    truth = mean_colour(clip.shard.frames.images[clip.number].float() / 255, where)
    row = {
        "asked": asked, "was": own, "read_right": not nearer(truth, asked, own),
        "followed": turns(start, end),
        "share_of_the_way": round(float((end - start) @ way / way.square().sum()), 4),
        "pck": round(clip.pck(before, clip.motion()), 4),
        "pck_asked": round(clip.pck(after, clip.motion()), 4),
    }  # fmt: skip
    if without is not None:
        bare, painted = (
            mean_colour(clip.made(without(clip.told(words))), where) for words in (clip.caption, caption)
        )
        row |= {"followed_when_blank": turns(bare, painted)}
    return row


def blank(told: AnimatorConditions) -> AnimatorConditions:
    """Grey behind the person instead of the picture's scene."""
    colour, cover = told.moved[:, :-1], told.moved[:, -1:]
    bare = colour - (1 - cover) * told.background  # grey is 0
    return replace(told, moved=torch.cat((bare, cover), 1), background=torch.zeros_like(told.background))


def mean_colour(frames: Tensor, where: Tensor) -> Tensor:
    """OKLab [3] of frames [F, 3, H, W] in 0..1 weighted by [F, 1, H, W]."""
    return (to_oklab(frames) * where).sum((0, 2, 3)) / where.sum().clamp(min=1e-6)


def named(colour: str) -> Tensor:
    """OKLab [3] of a colour that captions name."""
    return to_oklab(torch.tensor(PALETTE[colour]).view(1, 3, 1, 1)).flatten()


def nearer(colour: Tensor, one: str, other: str) -> bool:
    """Whether a colour [3] in OKLab is nearer to one named colour than to another."""
    return bool((colour - named(one)).norm() < (colour - named(other)).norm())


def filmed(clips: list[Clip], count: int) -> Iterator[tuple[Clip, str]]:
    """Clips that show more than a face, and what the camera shall do."""
    wide = [clip for clip in clips if clip.shard.words[clip.number].shot != "face"]
    yield from zip(wide, CAMERAS[:count], strict=False)


def camera(clip: Clip, words: str) -> dict[str, Any]:
    """Whether the person is where the camera puts it at the end."""
    motion, asked = clip.motion(), asked_camera(words)
    moved = apply_camera(motion, asked)
    before = clip.made(clip.told(clip.caption))
    after = clip.made(clip.told(clip.caption.replace("fixed camera", words), moved))
    path = camera_path(asked, motion.frames, motion.size)[-1]
    there, here = (clip.use.read(frames).body[-1] for frames in (after, before))
    both = (there[:, 3] > SURE) & (here[:, 3] > SURE)
    wanted = here[both, :2] @ path[:, :2].T + path[:, 2]
    off, move = ((a - b).norm(dim=-1) for a, b in ((there[both, :2], wanted), (wanted, here[both, :2])))
    share = float(off.median() / move.median()) if both.sum() >= FEWEST else float("inf")
    return {
        "asked": words, "off_share_of_the_move": round(share, 4), "followed": share <= NEAR,
        "pck": round(clip.pck(before, motion), 4), "pck_asked": round(clip.pck(after, moved), 4),
    }  # fmt: skip


def means(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """How many prompts of a kind were followed, and means of the other figures."""
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, (bool, float))}
    shares = {
        name: round(fmean(float(row[name]) for row in rows), 4) for name in sorted(numbers - {"followed"})
    }
    return {"prompts": len(rows), "followed": sum(row["followed"] for row in rows)} | shares


if __name__ == "__main__":
    main()
