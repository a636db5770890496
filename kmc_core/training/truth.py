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
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import KMCError
from .acting import act_face
from .annotate import Annotator, Picture, expression_vector, to_motion
from .backdrop import Backdrop, random_backdrop
from .gestures import GESTURES, HELD_OUT, WHOLE_BODY, fingers, neutral, pose_act, smooth
from .mocap import DEFAULT_FOLDER, Mocap, body_rotations, read_bvh
from .people import Body, Person, as_cartoon, random_person, shape_person
from .render import Camera, Renderer
from .shards import ClipWords, Pictures, Shard, is_complete, write_shard
from .staging import Shot, compose, frame_shot, random_light

Array = NDArray[np.float64]
Split = Literal["train", "val"]

log = logging.getLogger(__name__)

FPS: Final = 12.0
FRAMES, VIEWS = 3, 3
SHOTS: Final[dict[Shot, float]] = {"full": 0.40, "half": 0.35, "face": 0.25}
SHOT_WORDS: Final[dict[Shot, str]] = {"full": "full body", "half": "half body", "face": "close-up"}
CLOSER: Final[dict[Shot, Shot]] = {"full": "half", "half": "face", "face": "half"}
# Share of clips driven by motion capture; in a bust the head and mouth are what moves.
MOCAP_SHARE: Final[dict[Shot, float]] = {"full": 0.4, "half": 0.25, "face": 0.0}
# Rows of each motion capture file per split: the end of the second file is never trained on.
MOCAP_ROWS: Final[dict[Split, dict[str, tuple[float, float]]]] = {
    "train": {"01_01.bvh": (0.0, 1.0), "01_03.bvh": (0.0, 0.65)},
    "val": {"01_03.bvh": (0.7, 1.0)},
}
DRIVERS: Final = "_drivers"  # what the folder and the names of driving videos end in
ATTEMPTS: Final = 8  # a clip that shows too little of its person is drawn again with the next seed


@dataclass(frozen=True)
class Pose:
    """What F pictures show, before cameras: bone rotations and expressions of one person."""

    world: dict[str, Array]  # bone -> [F, 3, 3]
    face: dict[str, Array]  # action -> [F]
    shift: Array  # [F, 3] metres
    motion: str
    words: str


@dataclass(frozen=True)
class Clip:
    """One rendered clip."""

    images: NDArray[np.uint8]  # [T + V, 3, H, W]
    masks: NDArray[np.uint8]  # [T + V, 1, H, W]
    truth: tuple[Picture, ...]
    words: ClipWords


class Studio:
    """Everything that is loaded once: the body, the renderer, the motion capture."""

    def __init__(self, mocap_folder: Path = DEFAULT_FOLDER) -> None:
        self.body = Body()
        self.renderer = Renderer(self.body.rest, self.body.paint, self.body.triangles)
        self.annotate = Annotator(self.body)
        names = sorted({name for rows in MOCAP_ROWS.values() for name in rows})
        self.mocap: dict[str, Mocap] = {name: read_bvh(mocap_folder / name) for name in names}


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
    height, width = clip.masks.shape[-2:]
    for picture, mask in list(zip(clip.truth, clip.masks, strict=True))[: FRAMES + 1]:
        points = picture.body[picture.body[:, 3] > 0]
        if mask.mean() < 0.02 * 255 or len(points) < 5:
            return False
        column, row = (
            np.clip(points[:, 0], 0, width - 1).astype(int),
            np.clip(points[:, 1], 0, height - 1).astype(int),
        )
        if (mask[0, row, column] > 60).mean() < 0.7:
            return False
    return True


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
    target = _motion(studio, split, shot, rest, rng)
    pose = _join([target, *(_view(rest, view, shot, rng) for view in range(VIEWS))])
    out = posed(studio, person, pose)
    offsets = pose.shift + grounding(studio, out)
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    head_size = person.scales.get("head", 1.0)
    cameras = _cameras(studio, out, meshes, shot, (size, size), rng, head_size)
    rng = other or rng
    light, backdrop = random_light(rng), random_backdrop((size, size), rng)
    walls = _walls(backdrop, (size, size), rng)
    drawn = [studio.renderer.draw(m, c, light, person.look) for m, c in zip(meshes, cameras, strict=True)]
    images = np.stack([compose(rgba, wall) for rgba, wall in zip(drawn, walls, strict=True)])
    masks = np.stack([rgba[None, ..., 3] for rgba in drawn])
    expressions = [
        expression_vector({k: float(v[i]) for k, v in pose.face.items()}) for i in range(len(meshes))
    ]
    truth = tuple(studio.annotate(out, i, offsets[i], cameras[i], expressions[i]) for i in range(len(meshes)))
    family = person.family
    caption = f"{person.words}, {backdrop.words}, {target.words}, fixed camera, {SHOT_WORDS[shot]}"
    return Clip(images, masks, truth, ClipWords(caption, name, target.motion, shot, family))


def posed(studio: Studio, person: Person, pose: Pose) -> dict[str, torch.Tensor]:
    """Mesh and bones of all frames of a pose."""
    frames = len(pose.shift)
    rotations = local_rotations(studio.body, pose.world, frames)
    known = [k for k in pose.face if k in studio.body.model.facial_action_labels]
    return studio.body.pose(person, rotations, np.stack([pose.face[k] for k in known], 1), known)


def local_rotations(body: Body, world: dict[str, Array], frames: int) -> Array:
    """[F, 104, 3, 3] relative to the parent bone; bones that `world` does not name follow their parent."""
    full: list[Array] = []
    local = np.tile(np.eye(3), (frames, len(body.bones), 1, 1))
    for index, (name, parent) in enumerate(zip(body.bones, body.parents, strict=True)):
        above = full[parent] if parent >= 0 else np.tile(np.eye(3), (frames, 1, 1))
        full.append(world.get(name, above))
        local[:, index] = above.transpose(0, 2, 1) @ full[-1]
    return local


def _motion(
    studio: Studio, split: Split, shot: Shot, rest: dict[str, Array], rng: np.random.Generator
) -> Pose:
    t = rng.uniform(0, 4) + np.arange(FRAMES) / FPS
    face = act_face(t, rng, 1.0 if shot == "face" else 0.5)
    if rng.random() < MOCAP_SHARE[shot]:
        return _captured(studio, split, t, rest, face, rng)
    return gesture(
        choose_gesture(split, shot, rng), t, rest, face, rng, _yaw(shot, rng), head_play=shot == "face"
    )


def choose_gesture(split: Split, shot: Shot, rng: np.random.Generator) -> str:
    """A gesture that the split may see and that shows in the shot."""
    if split == "val" and rng.random() < 0.5 and shot != "face":
        return str(rng.choice(HELD_OUT))
    names = [g for g in GESTURES if g not in HELD_OUT and not (shot == "face" and g in WHOLE_BODY)]
    if shot == "face" and rng.random() < 0.6:
        return str(rng.choice(["nod", "shake", "turn"]))
    return str(rng.choice([*names, "reach", "wave", "dance"] if shot != "face" else names))


def _yaw(shot: Shot, rng: np.random.Generator) -> float:
    """Turn of the whole person, radians: mostly towards the camera."""
    spread = {"full": 32, "half": 26, "face": 14}[shot]
    if shot == "full" and rng.random() < 0.06:
        return float(rng.uniform(-np.pi, np.pi))
    return float(np.radians(np.clip(rng.normal() * spread, -75, 75)))


def gesture(
    name: str,
    t: Array,
    rest: dict[str, Array],
    face: dict[str, Array],
    rng: np.random.Generator,
    yaw: float,
    *,
    head_play: bool,
) -> Pose:
    """A procedural gesture at times `t` [F]; `head_play` adds a close-up's lively head (up to 35 degrees)."""
    act = neutral(rest, len(t), rng)
    words, play = GESTURES[name]
    play(act, rest, t, rng)
    amount = (0.2, 0.12, 0.32) if head_play else (0.06, 0.05, 0.12)
    act.head += np.stack([rng.normal() * a + smooth(t, rng, a / 2) for a in amount], -1)
    act.head = np.clip(act.head, -0.61, 0.61)
    world = pose_act(act, rest, np.full(len(t), yaw))
    talks = face["jawOpen"].max() > 0.25 if "jawOpen" in face else False
    shift = act.hips if act.hips is not None else np.zeros((len(t), 3))
    return Pose(world, face, shift, name, words + (" and talking" if talks and head_play else ""))


def _captured(
    studio: Studio,
    split: Split,
    t: Array,
    rest: dict[str, Array],
    face: dict[str, Array],
    rng: np.random.Generator,
) -> Pose:
    """A stretch of motion capture, turned to a random side, with own fingers, head and arm variation."""
    files = MOCAP_ROWS[split]
    file = str(rng.choice(list(files)))
    mocap = studio.mocap[file]
    step = round(mocap.fps / FPS)
    low, high = (int(x * len(mocap.rows)) for x in files[file])
    start = int(rng.integers(low, high - step * FRAMES))
    world, root = body_rotations(mocap, mocap.rows[start : start + step * FRAMES : step], rest)
    forward = world["root"][FRAMES // 2] @ [0.0, -1.0, 0.0]
    turn = _about_z(_yaw("full", rng) - float(np.arctan2(forward[0], -forward[1])))
    world = {bone: turn @ rotation for bone, rotation in world.items()}
    world["head"] = world["neck02"] @ _euler(
        np.stack([rng.normal() * 0.15 + smooth(t, rng, 0.05) for _ in range(3)], -1)
    )
    for side in "LR":
        curl = rng.uniform(0.0, 0.9) + 0.2 * rng.normal(size=5) + np.stack([smooth(t, rng, 0.1)] * 5, -1)
        world |= fingers(rest, side, np.clip(curl, 0, 1.5), world[f"wrist.{side}"])
    path = (root - root[FRAMES // 2]) @ turn.T * [1, 1, 0]
    return Pose(world, face, path, f"{file}:{start}", "moving about")


def _view(rest: dict[str, Array], view: int, shot: Shot, rng: np.random.Generator) -> Pose:
    """One picture of a reference view: 0 at ease towards the camera, 1 turned, 2 closer, otherwise posed."""
    t = rng.uniform(0, 4, 1)
    face = act_face(t, rng, 0.2)
    if view == 0:
        calm = {k: 0.35 * v for k, v in face.items()}
        pose = gesture("hips" if rng.random() < 0.1 else "nod", t, rest, calm, rng, 0.0, head_play=False)
        return Pose(pose.world, calm, pose.shift, pose.motion, pose.words)
    yaw = np.radians(rng.uniform(20, 75)) * rng.choice([-1, 1])
    if shot == "full" and rng.random() < 0.25:
        yaw = np.pi + rng.normal() * 0.4
    name = str(rng.choice(["reach", "turn", "wave", "walk"]))
    return gesture(
        name, t, rest, face, rng, float(yaw if view == 1 else rng.normal() * 0.35), head_play=shot == "face"
    )


def _join(poses: list[Pose]) -> Pose:
    """One pose of all frames, from the bones that all poses turn; actions missing in some are 0 there."""
    counts = [len(p.shift) for p in poses]
    bones = set.intersection(*(set(p.world) for p in poses))
    actions = sorted({k for p in poses for k in p.face})
    world = {b: np.concatenate([p.world[b] for p in poses]) for b in sorted(bones)}
    face = {
        k: np.concatenate([p.face.get(k, np.zeros(n)) for p, n in zip(poses, counts, strict=True)])
        for k in actions
    }
    return Pose(world, face, np.concatenate([p.shift for p in poses]), poses[0].motion, poses[0].words)


def grounding(studio: Studio, out: dict[str, torch.Tensor]) -> Array:
    """[F, 3] lift that puts the lowest skin of every frame on the floor, z = 0."""
    lift = np.zeros((len(out["vertices"]), 3))
    lift[:, 2] = -out["vertices"][:, studio.body.skin, 2].amin(1).numpy()
    return lift


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
    return [shared] * (FRAMES + 1) + [frame([FRAMES + 1], shot), frame([FRAMES + 2], CLOSER[shot])]


def _walls(backdrop: Backdrop, size: tuple[int, int], rng: np.random.Generator) -> list[Array]:
    shared = backdrop.cut(size, None)
    return [shared] * (FRAMES + 1) + [backdrop.cut(size, rng) for _ in range(VIEWS - 1)]


def _about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _euler(angles: Array) -> Array:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", angles).as_matrix()


def to_shard(clips: list[Clip], split: str) -> Shard:
    """Stack clips."""
    parts = [_pictures(clips, slice(0, FRAMES)), _pictures(clips, slice(FRAMES, FRAMES + VIEWS))]
    return Shard(parts[0], parts[1], tuple(c.words for c in clips), FPS, split)


def _pictures(clips: list[Clip], which: slice) -> Pictures:
    size = (clips[0].images.shape[-1], clips[0].images.shape[-2])
    tracks = [to_motion(list(c.truth[which]), FPS, size).tracks[0] for c in clips]

    def stack(get) -> torch.Tensor:
        return torch.stack([get(track) for track in tracks]).float()

    return Pictures(
        torch.stack([torch.from_numpy(c.images[which]) for c in clips]),
        torch.stack([torch.from_numpy(c.masks[which]) for c in clips]),
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
        if is_complete(path, per_shard):
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
    parser.add_argument("--size", type=int, default=128)
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
