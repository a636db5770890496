"""Training clips: truth shards turned once into the animator's conditions, then drawn from memory.

Preparing takes most of a naive training step (prior, maps), so it is done once and kept as bytes.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..engines.kmc import build_conditions
from ..errors import KMCError
from ..model.conditions import KEEP, AnimatorConditions
from ..model.params import AnimatorParams
from ..model.text import TextEncoder
from ..motion.types import FaceMotion, Motion, Track
from ..perception.head_pose import head_yaw
from ..perception.person import face_embedding
from ..perception.suite import Perception
from ..subject.types import Subject, View
from .batch import Batch
from .noise import disturbed, doubtful, extracted, scaled
from .regions import regions
from .shards import Pictures, Shard, read_shard

PREPARED: Final = "16"  # raised when engines/kmc.py gives other conditions for the same clip
BYTES: Final = ("moved", "background", "maps", "references", "reference_maps")  # conditions kept as bytes
EXTRACTED: Final = 0.125  # share of clips whose motion and poses our own extractor reads from the pictures
LARGE: Final = 0.25  # side of a face's or a hand's region, share of the picture's: a close-up
FEWEST_FACE_PIXELS: Final = 24.0  # a smaller face gives the identity net nothing


def prepare_shard(source: Path, target: Path, params: AnimatorParams, nets: Perception, seed: int) -> None:
    """Turn one truth shard into conditions, written whole or not at all; a file made the same way is kept."""
    made = made_with(params)
    if target.is_file() and _metadata(target) == made:
        return
    shard = read_shard(source)
    if (side := shard.frames.images.shape[-1]) != params.size:
        raise KMCError(
            f"{source} holds pictures of {side} pixels, the animator takes {params.size}. Render clips of "
            "that --size, or set `size` in the config."
        )
    rng = torch.Generator().manual_seed(seed)
    tokenize = TextEncoder(params.text, device="meta").tokenize
    rows = []
    for clip, words in enumerate(shard.words):
        conditions = clip_conditions(shard, clip, params, nets, rng)
        row = {
            f.name: value[0]
            for f in fields(conditions)
            if f.name not in ("text", "keep") and (value := getattr(conditions, f.name)) is not None
        }
        row = {name: _to_bytes(name, value) if name in BYTES else value.half() for name, value in row.items()}
        track = track_of(shard.frames, clip, slice(None))
        rows.append(
            row
            | {
                "x0": shard.frames.images[clip].transpose(0, 1),
                "tokens": tokenize(words.caption).short(),
                "regions": regions(track).half(),
            }
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    save_file({name: torch.stack([row[name] for row in rows]) for name in rows[0]}, partial, made)
    partial.replace(target)


def made_with(params: AnimatorParams) -> dict[str, str]:
    """What prepared clips are made with, as their file tells it: other sizes are the network's own."""
    told = {name: getattr(params, name) for name in ("size", "patch", "channels", "map_channels")}
    return {"prepared": PREPARED, "params": json.dumps(told | {"text": asdict(params.text)})}


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def clip_conditions(
    shard: Shard, clip: int, params: AnimatorParams, nets: Perception, rng: torch.Generator | None
) -> AnimatorConditions:
    """Conditions of one clip, batch 1. With a generator they are as in use: motion and poses of the
    views have the extractor's errors or are its own answer, and one to all of the views are known; a
    missing view repeats the first.
    """
    size = shard.frames.images.shape[-1], shard.frames.images.shape[-2]
    motion = motion_of(shard.frames, clip, shard.fps)
    subject = subject_of(shard.references, clip, shard.words[clip].subject, nets)
    if rng is not None:
        motion, subject = _as_read(motion, subject, shard, clip, nets, rng)
        known = int(torch.randint(len(subject.views), (1,), generator=rng)) + 1
        missing = len(subject.views) - known
        subject = replace(subject, views=subject.views[:known] + subject.views[:1] * missing)
    text = torch.zeros(1, params.text.length, params.text.dim)
    motion = motion_in(motion, subject.views[0])
    return build_conditions(motion, subject, text, params=params, size=size)


def _as_read(
    motion: Motion, subject: Subject, shard: Shard, clip: int, nets: Perception, rng: torch.Generator
) -> tuple[Motion, Subject]:
    """A clip's motion and subject as users have them, read from pictures."""
    track = doubtful(motion.tracks[0], motion.size[0], rng)
    poses = [disturbed(view.pose, view.image.shape[-1], rng) for view in subject.views]
    if torch.rand((), generator=rng) < EXTRACTED:
        track = extracted(shard.frames.images[clip], shard.fps, nets) or track
        read = [extracted(picture[None], shard.fps, nets) for picture in shard.references.images[clip]]
        poses = [pose or guess for pose, guess in zip(read, poses, strict=True)]
    views = tuple(replace(v, pose=pose) for v, pose in zip(subject.views, poses, strict=True))
    return replace(motion, tracks=(track,)), replace(subject, views=views)


def motion_of(pictures: Pictures, clip: int, fps: float) -> Motion:
    """The truth of one clip as a Motion."""
    height, width = pictures.images.shape[-2:]
    return Motion(fps, (width, height), (track_of(pictures, clip, slice(None)),))


def motion_in(motion: Motion, view: View) -> Motion:
    """A motion in the pixels of a view of the same camera, whatever its size."""
    height, width = view.image.shape[-2:]
    tracks = tuple(scaled(track, width / motion.size[0]) for track in motion.tracks)
    return replace(motion, size=(width, height), tracks=tracks)


def track_of(pictures: Pictures, clip: int, part: slice) -> Track:
    """Some pictures of a clip as a Track."""
    p = pictures
    face = FaceMotion(
        *(x[clip, part] for x in (p.landmarks, p.expression, p.rotation, p.crop, p.face_confidence))
    )
    return Track(p.body[clip, part], p.world[clip, part], p.hands[clip, part], face)


def subject_of(pictures: Pictures, clip: int, name: str, nets: Perception) -> Subject:
    """The reference views of a clip; the face embedding is read from the first one only."""
    views = []
    for k in range(pictures.images.shape[1]):
        image, mask = pictures.images[clip, k].float() / 255, pictures.masks[clip, k].float() / 255
        pose = track_of(pictures, clip, slice(k, k + 1))
        assert pose.face is not None
        face = pose.face.landmarks[0]
        readable = (
            k == 0 and pose.face.confidence[0] > 0 and (face.amax(0) - face.amin(0))[0] >= FEWEST_FACE_PIXELS
        )
        embedding = face_embedding(image, face, nets) if readable else None
        yaw = float(head_yaw(pose.face.rotation)[0])
        views.append(View(image, mask, pose, yaw, "full", embedding))
    return Subject(name, tuple(views))


def _to_bytes(name: str, value: Tensor) -> Tensor:
    """0..1 or, for pictures, -1..1 (their last channel, a mask, 0..1) -> bytes."""
    value = value.clone()
    colours = _colours(name, value)
    if colours is not None:
        colours.mul_(0.5).add_(0.5)
    return (value.clamp(0, 1) * 255).round().byte()


def _from_bytes(name: str, value: Tensor) -> Tensor:
    value = value.float().div_(255)
    colours = _colours(name, value)
    if colours is not None:
        colours.mul_(2).sub_(1)
    return value


def _colours(name: str, value: Tensor) -> Tensor | None:
    """The signed part of a picture condition, a view into it; the axes count from the end to hold with and
    without B.
    """
    if name in ("moved", "background"):
        return value[..., :3, :, :, :]
    return value[..., :3, :, :] if name == "references" else None


@dataclass(frozen=True)
class Clips:
    """All prepared clips of a split in memory, as stored."""

    tensors: dict[str, Tensor]  # name -> [N, ...]

    @classmethod
    def load(cls, folder: Path, params: AnimatorParams) -> "Clips":
        """Read every prepared shard of a folder; KMCError when there is none, or one made for others."""
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise KMCError(f"No prepared clips in {folder}. Render them first: make truth.")
        for file in files:
            if _metadata(file) != made_with(params):
                raise KMCError(
                    f"{file} was prepared for another animator or by another version. Prepare it again: "
                    "leave out --prepared."
                )
        shards = [load_file(file) for file in files]
        return cls({name: torch.cat([shard[name] for shard in shards]) for name in shards[0]})

    def __len__(self) -> int:
        return len(self.tensors["x0"])

    def closeups(self) -> "Clips":
        """Those that show a face or a hand large in some frame."""
        sides = self.tensors["regions"][..., 2].float().amax((1, 2))
        large = sides >= LARGE * self.tensors["x0"].shape[-1]
        if not large.any():
            raise KMCError(
                "No clip shows a face or a hand large. Render more clips, or leave out `closeups`."
            )
        return Clips({name: values[large] for name, values in self.tensors.items()})

    def draw(self, rng: torch.Generator, *, batch: int, frames: int, views: int) -> Batch:
        """A random batch: `frames` consecutive frames of every clip, the first view and up to views - 1
        others.
        """
        clips = torch.randint(len(self), (batch,), generator=rng)
        total = self.tensors["x0"].shape[2]
        first = int(torch.randint(total - frames + 1, (1,), generator=rng))
        count = int(torch.randint(1, views + 1, (1,), generator=rng))
        part = slice(first, first + frames)
        t = {name: values[clips] for name, values in self.tensors.items()}
        for name in ("x0", "moved", "maps"):
            t[name] = t[name][:, :, part]
        for name in ("hands", "hand_positions", "face", "regions"):
            t[name] = t[name][:, part]
        for name in ("references", "reference_maps"):
            t[name] = t[name][:, :count]
        conditions = {
            k: _from_bytes(k, v) if k in BYTES else v.float()
            for k, v in t.items()
            if k not in ("x0", "tokens", "regions")
        }
        tokens = t["tokens"].long()
        placeholder = torch.zeros(batch, tokens.shape[1], 1)  # the objective puts the encoded text here
        return Batch(
            t["x0"].float() / 127.5 - 1,
            AnimatorConditions(text=placeholder, keep=torch.ones(batch, len(KEEP)), **conditions),
            tokens,
            t["regions"].float(),
        )


def prepare_folder(
    source: Path, target: Path, params: AnimatorParams, nets: Perception, progress: Callable[[int, int], None]
) -> None:
    """Prepare every shard of a folder that is not prepared yet."""
    shards = sorted(source.glob("*.safetensors"))
    if not shards:
        raise KMCError(f"No truth shards in {source}. Render them first: make truth.")
    for index, shard in enumerate(shards):
        prepare_shard(shard, target / shard.name, params, nets, seed=int(shard.stem.rpartition("_")[2]))
        progress(index + 1, len(shards))
