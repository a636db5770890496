"""What the animator makes of what it never saw: python tools/out_of_domain.py --out SHEET.jpg

The astronaut portrait that scikit-image carries (public domain) and three drawn characters of our own, each
driven by a real talking head (that of `make demo`) and by the bundled body clip. The first row shows the
drivers' frames, each other one a character and what becomes of it.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from demo import talking_head  # noqa: E402
from kmc_core.engines.kmc import animate_conditions  # noqa: E402
from kmc_core.model.checkpoint import load_animator_file  # noqa: E402
from kmc_core.motion.retarget import retarget  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.clips import TensorClip, VideoFile  # noqa: E402
from kmc_core.perception.extract import Perception, encode_body, encode_face, encode_hands  # noqa: E402
from kmc_core.sampling.solve import sample  # noqa: E402
from kmc_core.subject.create import create_subject  # noqa: E402
from kmc_core.subject.identity import choose_identity  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.truth import render_clip  # noqa: E402
from kmc_core.training.validate import build  # noqa: E402

SHOWN, STRIDE, CELL, STEPS = 3, 12, 128, 4
DRAWN = (1, 5, 9)  # clips of the drawn family, seed 7


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=ROOT / "weights/animator/kmc_mini.safetensors")
    parser.add_argument("--face", type=Path, default=None, help="a video of a talking head")
    parser.add_argument("--body", type=Path, default=ROOT / "workflows/assets/full_body.mp4")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    params, state = load_animator_file(arguments.weights)
    animator, text = build(params, state)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    (ROOT / "out").mkdir(exist_ok=True)
    face = arguments.face or talking_head(ROOT / "out")
    drivers = [frames_of(path) for path in (face, arguments.body)]
    motions = [read(frames, nets) for frames in drivers]
    rows = [torch.cat([torch.ones(3, CELL, CELL), *(cell(f) for frames in drivers for f in frames)], 2)]
    for picture, words in characters():
        subject = create_subject([picture], nets, name="somebody").subject
        row = [cell(picture)]
        for motion in motions:
            fitted = retarget(motion, subject)
            conditions, _ = animate_conditions(fitted, choose_identity(subject), params=params)
            told = text(text.tokenize(words)[None])
            made = sample(
                animator, replace(conditions, text=told), steps=STEPS, rng=torch.Generator().manual_seed(0)
            )
            row += [cell(frame / 2 + 0.5) for frame in made[0].transpose(0, 1)]
        rows.append(torch.cat(row, 2))
    sheet = (torch.cat(rows, 1).clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(arguments.out, quality=88)


def frames_of(path: Path) -> Tensor:
    """Some frames [SHOWN, 3, H, W] in 0..1 of a video's first second."""
    frames = next(VideoFile(path).chunks(SHOWN * STRIDE))
    return frames[::STRIDE].float() / 255


def read(frames: Tensor, nets: Perception) -> Motion:
    """Body, face and hands of a driver."""
    clip = TensorClip(frames, fps=2.0)
    return encode_hands(clip, nets, motion=encode_face(clip, nets, motion=encode_body(clip, nets)))


def characters() -> list[tuple[Tensor, str]]:
    """Pictures [3, H, W] in 0..1 and who they show."""
    import skimage.data

    photograph = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1).float() / 255
    studio = Studio()
    clips = [render_clip(studio, "val", 7, index, 128, cartoons=1.0) for index in DRAWN]
    drawn = [(torch.from_numpy(c.references.images[0]).float() / 255, c.words.caption) for c in clips]
    return [(photograph, "a woman in an orange space suit"), *drawn]


def cell(picture: Tensor) -> Tensor:
    """A picture [3, H, W] fitted into a white square [3, CELL, CELL]."""
    scale = CELL / max(picture.shape[-2:])
    size = [max(1, round(side * scale)) for side in picture.shape[-2:]]
    small = F.interpolate(picture[None].float(), size=size, mode="bilinear", antialias=True)[0]
    white = torch.ones(3, CELL, CELL)
    top, left = (CELL - size[0]) // 2, (CELL - size[1]) // 2
    white[:, top : top + size[0], left : left + size[1]] = small
    return white


if __name__ == "__main__":
    main()
