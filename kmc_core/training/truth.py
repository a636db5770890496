"""Render training clips of random people with exact truth: `python -m kmc_core.training.truth --split train`.

A clip is T consecutive frames of a person in motion and V other views of the person in the same clothes: the
first as a user's picture would be (at ease, same camera), the others turned away or closer. The split decides
the people and the motions: validation has its own identities, its own part of the motion capture and gestures
that training never sees.
"""

import argparse
import logging
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import KMCError
from .annotate import Picture, expression_vector, to_motion
from .backdrop import Backdrop, random_backdrop
from .mocap import DEFAULT_FOLDER
from .people import as_cartoon, random_person, shape_person
from .posing import (
    FPS,
    FRAMES,
    grounding,
    joined,
    posed,
    random_motion,
    random_view,
)
from .render import Camera
from .shards import ClipWords, Pictures, Shard, is_complete, write_shard
from .staging import Shot, compose, frame_shot, random_light
from .studio import Split, Studio

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

VIEWS = 3
REFERENCE: Final = 2  # views' side over that of the frames: users' pictures are larger than the canvas
SHOTS: Final[dict[Shot, float]] = {"full": 0.40, "half": 0.35, "face": 0.25}
SHOT_WORDS: Final[dict[Shot, str]] = {"full": "full body", "half": "half body", "face": "close-up"}
CLOSER: Final[dict[Shot, Shot]] = {"full": "half", "half": "face", "face": "half"}
DRIVERS: Final = "_drivers"  # what the folder and the names of driving videos end in
ATTEMPTS: Final = 8  # a clip that shows too little of its person is drawn again with the next seed


class Views(NamedTuple):
    """P pictures and what is true of them."""

    images: NDArray[np.uint8]  # [P, 3, H, W]
    masks: NDArray[np.uint8]  # [P, 1, H, W]
    truth: tuple[Picture, ...]


@dataclass(frozen=True)
class Clip:
    """One rendered clip."""

    frames: Views  # T
    references: Views  # V, REFERENCE times as large
    words: ClipWords


def render_clip(
    studio: Studio,
    split: Split,
    seed: int,
    index: int,
    size: int,
    *,
    cartoons: float = 0.0,
    driver: bool = False,
) -> Clip:
    """Clip `index` of a split; the same arguments give the same clip.

    `cartoons` is the share of clips that show a drawn character instead of a person. `driver` gives somebody
    else who does the same in another place and light: a driving video for that clip.
    """
    name = f"{split}-{seed}-{index}"
    for attempt in range(ATTEMPTS):
        seeds = [seed, zlib.crc32(split.encode()), index, attempt]
        clip = _attempt(studio, split, name, np.random.default_rng(seeds), size, cartoons)
        if not shows_person(clip):
            continue
        if not driver:
            return clip
        other = np.random.default_rng([*seeds, len(DRIVERS)])
        return _attempt(studio, split, name + DRIVERS, np.random.default_rng(seeds), size, cartoons, other)
    raise KMCError(f"Clip {index} of {split} showed no person in {ATTEMPTS} attempts; choose another seed.")


def shows_person(clip: Clip) -> bool:
    """True when every frame and the first view hold a visible person whose joints lie on it."""
    frames, views = clip.frames, clip.references
    pictures = (*frames.truth, views.truth[0])
    return all(map(_shown, pictures, (*frames.masks, views.masks[0])))


def _shown(picture: Picture, mask: NDArray[np.uint8]) -> bool:
    height, width = mask.shape[-2:]
    points = picture.body[picture.body[:, 3] > 0]
    if mask.mean() < 0.02 * 255 or len(points) < 5:
        return False
    column = np.clip(points[:, 0], 0, width - 1).astype(int)
    row = np.clip(points[:, 1], 0, height - 1).astype(int)
    return bool((mask[0, row, column] > 60).mean() >= 0.7)


def _attempt(
    studio: Studio,
    split: Split,
    name: str,
    rng: np.random.Generator,
    size: int,
    cartoons: float,
    other: np.random.Generator | None = None,
) -> Clip:
    """A clip drawn by `rng`, of a cartoon with that chance; `other` draws another person, light and place."""
    person = shape_person(random_person(name, rng), studio.body, rng)
    if cartoons and rng.random() < cartoons:
        person = as_cartoon(person, rng)
    if other is not None:
        person = shape_person(random_person(name, other), studio.body, other)
    rest = studio.body.rest_heads(person.phenotype, person.shape, person.scales)
    shots = list(SHOTS)
    shot = shots[int(rng.choice(len(shots), p=list(SHOTS.values())))]
    target = random_motion(studio, split, shot, rest, rng)
    pose = joined([target, *(random_view(rest, view, shot, rng) for view in range(VIEWS))])
    out = posed(studio, person, pose)
    offsets = pose.shift + grounding(studio, out)
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    head_size = person.scales.get("head", 1.0)
    cameras = _cameras(studio, out, meshes, shot, (size, size), rng, head_size)
    rng = other or rng
    large = (size * REFERENCE, size * REFERENCE)
    light, backdrop = random_light(rng), random_backdrop(large, rng)
    walls = _walls(backdrop, large, rng)
    drawn = [studio.renderer.draw(m, c, light, person.look) for m, c in zip(meshes, cameras, strict=True)]
    images = [compose(rgba, wall) for rgba, wall in zip(drawn, walls, strict=True)]
    expressions = [
        expression_vector({k: float(v[i]) for k, v in pose.face.items()}) for i in range(len(meshes))
    ]
    truth = tuple(studio.annotate(out, i, offsets[i], cameras[i], expressions[i]) for i in range(len(meshes)))
    family = person.family
    caption = f"{person.words}, {backdrop.words}, {target.words}, fixed camera, {SHOT_WORDS[shot]}"
    frames, references = (
        Views(np.stack(images[part]), np.stack([rgba[None, ..., 3] for rgba in drawn[part]]), truth[part])
        for part in (slice(FRAMES), slice(FRAMES, FRAMES + VIEWS))
    )
    return Clip(frames, references, ClipWords(caption, name, target.motion, shot, family))


def _cameras(
    studio: Studio,
    out: dict[str, torch.Tensor],
    meshes: NDArray[np.float32],
    shot: Shot,
    size: tuple[int, int],
    rng: np.random.Generator,
    head_size: float,
) -> list[Camera]:
    """One camera for the frames and the first view, own ones for the other views."""
    bones = {name: studio.body.bone(name) for name in ("head", "upperleg01.L", "upperleg01.R")}
    lift = (meshes[:, 0] - out["vertices"][:, 0].numpy()).astype(np.float64)
    points = {k: out["bone_poses"][:, i, :3, 3].numpy() + lift for k, i in bones.items()}
    hips = (points["upperleg01.L"] + points["upperleg01.R"]) / 2

    def frame(which: list[int], kind: Shot) -> Camera:
        return frame_shot(
            meshes[which][:, studio.body.skin], points["head"][which], hips[which], kind, size, rng, head_size
        )

    shared = frame(list(range(FRAMES + 1)), shot)
    views = [shared, frame([FRAMES + 1], shot), frame([FRAMES + 2], CLOSER[shot])]
    large = (size[0] * REFERENCE, size[1] * REFERENCE)
    return [shared] * FRAMES + [replace(camera, size=large) for camera in views]


def _walls(backdrop: Backdrop, size: tuple[int, int], rng: np.random.Generator) -> list[Array]:
    """The frames' at their size, then those of the views at theirs, which is `size`."""
    shared = backdrop.cut(size, None)
    small = shared.reshape(3, size[1] // REFERENCE, REFERENCE, size[0] // REFERENCE, REFERENCE).mean((2, 4))
    return [small] * FRAMES + [shared, *(backdrop.cut(size, rng) for _ in range(VIEWS - 1))]


def to_shard(clips: list[Clip], split: str) -> Shard:
    """Stack clips."""
    parts = _pictures([c.frames for c in clips]), _pictures([c.references for c in clips])
    return Shard(*parts, tuple(c.words for c in clips), FPS, split)


def _pictures(clips: list[Views]) -> Pictures:
    size = (clips[0].images.shape[-1], clips[0].images.shape[-2])
    tracks = [to_motion(list(c.truth), FPS, size).tracks[0] for c in clips]

    def stack(get) -> torch.Tensor:
        return torch.stack([get(track) for track in tracks]).float()

    return Pictures(
        torch.stack([torch.from_numpy(c.images) for c in clips]),
        torch.stack([torch.from_numpy(c.masks) for c in clips]),
        stack(lambda k: k.body),
        stack(lambda k: k.world),
        stack(lambda k: k.hands),
        stack(lambda k: k.face.landmarks),
        stack(lambda k: k.face.expression),
        stack(lambda k: k.face.rotation),
        stack(lambda k: k.face.crop),
        stack(lambda k: k.face.confidence),
    )


def render_split(
    studio: Studio,
    folder: Path,
    split: Split,
    clips: int,
    per_shard: int,
    seed: int,
    size: int,
    *,
    cartoons: float = 0.0,
    driver: bool = False,
) -> int:
    """Write all shards of a split that are not there yet; returns the number of clips rendered now.

    `driver` writes the driving videos of its clips instead.
    """
    if clips % per_shard:
        raise KMCError(
            f"Expected clips that fill shards of {per_shard}, got {clips}: change --clips or --per-shard."
        )
    rendered = 0
    for number in range(clips // per_shard):
        path = folder / (split + DRIVERS * driver) / f"shard_{number:05d}.safetensors"
        if is_complete(path, per_shard, size):
            continue
        start = time.perf_counter()
        indices = range(number * per_shard, (number + 1) * per_shard)
        done = [
            render_clip(studio, split, seed, index, size, cartoons=cartoons, driver=driver)
            for index in indices
        ]
        write_shard(to_shard(done, split), path)
        rendered += per_shard
        rate = per_shard * (FRAMES + VIEWS) / (time.perf_counter() - start)
        log.info("%s: %d clips, %.1f pictures/s", path, per_shard, rate)
    return rendered


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("data/truth"))
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--clips", type=int, default=2560)
    parser.add_argument("--per-shard", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument(
        "--mocap", type=Path, default=DEFAULT_FOLDER, help="folder with 01_01.bvh and 01_03.bvh"
    )
    parser.add_argument("--cartoons", type=float, default=0.0, help="share of drawn characters, 0..1")
    parser.add_argument("--drivers", action="store_true", help="the driving videos of the split's clips")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    studio = Studio(arguments.mocap)
    render_split(
        studio,
        arguments.out,
        arguments.split,
        arguments.clips,
        arguments.per_shard,
        arguments.seed,
        arguments.size,
        cartoons=arguments.cartoons,
        driver=arguments.drivers,
    )


if __name__ == "__main__":
    main()
