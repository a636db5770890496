"""The animator on held-out truth, beside three floors (copy the reference; the driver's own video; the prior
alone) and a ceiling (the truth), all read by the same detectors.

Held-out people do held-out motions; the motion is given on the character's own bones, so every frame has
exact truth. The driver is somebody else who does the same elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from ..errors import KMCError
from ..evaluate.reading import Reading, read_pictures
from ..evaluate.report import Measured
from ..evaluate.score import IDENTITY_PIXELS, Gallery, Truth, face_sizes, score
from ..model.checkpoint import load_animator_file
from ..model.conditions import AnimatorConditions
from ..model.params import AnimatorParams
from ..model.text import TextEncoder
from ..model.transformer import Animator
from ..perception.suite import Perception
from ..sampling.solve import sample
from .data import clip_conditions, track_of
from .kept_readings import kept_reading
from .shards import Pictures, Shard, read_shard
from .truth import DRIVERS

COPY, DRIVER, PRIOR, ANIMATOR, TRUTH = METHODS = (
    "copy the reference", "the driver's own video", "prior alone", "animator", "truth"
)  # fmt: skip
SHEET_ROWS: Final = 12
SHEET_COLUMNS: Final = ("reference", DRIVER, PRIOR, ANIMATOR, TRUTH)


@dataclass(frozen=True)
class Case:
    """One held-out clip with its driver."""

    shard: Shard
    clip: int
    driver: Tensor  # [F, 3, H, W] in 0..1
    kept: Path  # folder of what detectors read before
    nets: Perception

    @property
    def truth(self) -> Tensor:
        """[F, 3, H, W] in 0..1."""
        return self.shard.frames.images[self.clip].float() / 255

    def read(self, frames: Tensor, *, keep: bool) -> Reading:
        """What detectors read in frames; `keep` for pictures that no weights change."""
        look = partial(read_pictures, frames, self.shard.fps, self.nets)
        return kept_reading(self.kept, frames, look) if keep else look()


def evaluate(
    weights: Path,
    folders: list[Path],
    nets: Perception,
    *,
    steps: int,
    clips: int,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Measured]:
    """Scores of every method on the first `clips` clips of each folder; optionally a picture sheet.

    What detectors read in pictures that do not depend on the weights is kept beside the shards.
    """
    params, state = load_animator_file(weights)
    animator, text = build(params, state)
    cases = [case for folder in folders for case in held_out_cases(folder, clips, nets)]
    subjects = [(case.shard.references, case.clip) for case in cases]
    gallery = gallery_of(subjects, lambda picture: cases[0].read(picture, keep=True))
    rows, measured = [], []
    for index, case in enumerate(cases):
        words = case.shard.words[case.clip]
        conditions = clip_conditions(case.shard, case.clip, params, nets, None)
        conditions = replace(conditions, text=text(text.tokenize(words.caption)[None]))
        results = animate_all(animator, conditions, case, steps, seed=index)
        readings = {m: case.read(frames, keep=m != ANIMATOR) for m, frames in results.items()}
        track, mask = track_of(case.shard.frames, case.clip, slice(None)), case.shard.frames.masks[case.clip]
        who = index if index in gallery.owner else None
        truth = Truth.of(case.truth, mask.float() / 255, track, readings[TRUTH], who)
        scores = {m: score(frames, readings[m], truth, gallery) for m, frames in results.items()}
        measured.append(Measured(("all", words.shot, words.family), scores))
        rows.append(torch.cat([results[m][-1] for m in (COPY, *SHEET_COLUMNS[1:])], 2))
        progress(index + 1, len(cases))
    if sheet is not None:
        write_sheet(rows[:: max(1, len(rows) // SHEET_ROWS)], sheet)
    return measured


def build(params: AnimatorParams, state: dict[str, Tensor]) -> tuple[Animator, TextEncoder]:
    """The networks of a checkpoint in float32."""
    animator, text = Animator(params), TextEncoder(params.text)
    for prefix, module in (("animator.", animator), ("text.", text)):
        part = {k[len(prefix) :]: v.float() for k, v in state.items() if k.startswith(prefix)}
        module.load_state_dict(part)
    return animator.eval(), text.eval()


def held_out(data: Path, clips: int) -> Iterator[tuple[Shard, int]]:
    """The first clips of a folder of shards."""
    files = sorted(data.glob("*.safetensors"))
    if not files:
        raise KMCError(f"No truth shards in {data}. Render them first: make truth.")
    given = 0
    for file in files:
        shard = read_shard(file)
        for clip in range(min(len(shard.words), clips - given)):
            yield shard, clip
            given += 1
        if given >= clips:
            return


def held_out_cases(folder: Path, clips: int, nets: Perception) -> Iterator[Case]:
    """The first clips of a folder with their drivers, which lie in the folder beside it."""
    drivers = folder.with_name(folder.name + DRIVERS)
    for (shard, clip), (other, same) in zip(held_out(folder, clips), held_out(drivers, clips), strict=True):
        names = shard.words[clip].subject, other.words[same].subject
        if names[1] != names[0] + DRIVERS:
            raise KMCError(f"The driver of {names[0]} in {drivers} is {names[1]}; render the drivers again.")
        yield Case(shard, clip, other.frames.images[same].float() / 255, folder.with_name("readings"), nets)


def gallery_of(subjects: Sequence[tuple[Pictures, int]], read: Callable[[Tensor], Reading]) -> Gallery:
    """Faces of subjects (reference pictures, number of the clip there), numbered as they come, from those
    views that show a large face.
    """
    embeddings, owner = [], []
    for number, (faces, clip) in enumerate(subjects):
        large = (faces.face_confidence[clip] > 0) & (face_sizes(faces.landmarks[clip]) >= IDENTITY_PIXELS)
        for view in torch.nonzero(large)[:, 0].tolist():
            embedding = read(faces.images[clip, view, None].float() / 255).embeddings[0]
            if embedding.any():
                embeddings.append(embedding)
                owner.append(number)
    return Gallery(torch.stack(embeddings), torch.tensor(owner))


@torch.no_grad()
def animate_all(
    animator: Animator, conditions: AnimatorConditions, case: Case, steps: int, seed: int
) -> Mapping[str, Tensor]:
    """Frames [F, 3, H, W] in 0..1 of every method."""
    made = sample(animator, conditions, steps=steps, rng=torch.Generator().manual_seed(seed))
    return {
        COPY: (conditions.references[0, :1, :3] / 2 + 0.5).expand_as(case.truth),
        DRIVER: case.driver,
        PRIOR: (conditions.moved[0, :3].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        ANIMATOR: (made[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        TRUTH: case.truth,
    }


def write_sheet(rows: list[Tensor], path: Path) -> None:
    """Rows [3, H, W] of SHEET_COLUMNS under each other as one picture."""
    picture = (torch.cat(rows, 1).clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
