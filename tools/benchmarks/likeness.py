"""Rank-1 of identity in close-ups: is a result most like its own among held-out people?

People are enrolled with nearly frontal pictures that no result is made of; one other picture is what the
animator is given, and exact motion from it on.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from benchmarks.turning import Turning, turning_person, with_views
from kmc_core.engines.kmc import build_conditions
from kmc_core.errors import KMCError
from kmc_core.evaluate.reading import FACE_FOUND, read_pictures
from kmc_core.evaluate.report import Estimate, estimate
from kmc_core.evaluate.score import Gallery, Scores, first_of_few
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import Animator
from kmc_core.perception.suite import Perception
from kmc_core.sampling.solve import sample
from kmc_core.training.studio import Studio
from kmc_core.training.validate import ANIMATOR, COPY, PRIOR, TRUTH, build

PEOPLE: Final = 20
SIDES: Final = (0, 15, -15, 25, -25)  # degrees; the first picture is given, the others are enrolled
RANK_1: Final = "likeness_rank1"
YAWS: Final = (-15.0, -5.0, 5.0, 15.0)  # of the film


def rank_1(studio: Studio, nets: Perception, weights: Path, size: int, steps: int) -> dict[str, Estimate]:
    """The share of frames that are most like their own person among PEOPLE, for every method."""
    animator, text = build(*load_animator_file(weights))
    people = [
        turning_person(studio, f"val-likeness-{n}", "face", (size, size), np.array(YAWS), "nod", SIDES)
        for n in range(PEOPLE)
    ]
    gallery = enrolled(people, nets)
    scores: dict[str, list[Scores]] = {}
    for number, who in enumerate(people):
        for method, frames in results(who, animator, text, nets, steps).items():
            scores.setdefault(method, []).append({RANK_1: recognised(frames, number, gallery, nets)})
        print(f"{number + 1} of {PEOPLE} people", file=sys.stderr, flush=True)
    found = {method: estimate(rows, RANK_1) for method, rows in scores.items()}
    return {method: value for method, value in found.items() if value is not None}


def enrolled(people: Sequence[Turning], nets: Perception) -> Gallery:
    """Faces of everybody from all pictures but the first. KMCError where no face is found of somebody."""
    found = [
        (read_pictures(view.image[None], 1.0, nets).embeddings[0], number)
        for number, who in enumerate(people)
        for view in who.subject.views[1:]
    ]
    missing = sorted(set(range(len(people))) - {number for face, number in found if face.any()})
    if missing:
        raise KMCError(
            f"Expected a face in one of the pictures that each person is enrolled with, found none of person "
            f"{', '.join(map(str, missing))}. Make the pictures larger, or render those people anew."
        )
    embeddings, owner = zip(*[(face, number) for face, number in found if face.any()], strict=True)
    return Gallery(torch.stack(embeddings), torch.tensor(owner))


@torch.no_grad()
def results(
    who: Turning, animator: Animator, text: TextEncoder, nets: Perception, steps: int
) -> dict[str, Tensor]:
    """Frames [F, 3, H, W] in 0..1 of every method, from the first picture."""
    subject = with_views(who.subject, 1)
    first = subject.views[0]
    face = read_pictures(first.image[None], 1.0, nets).embeddings[0]
    subject = replace(subject, views=(replace(first, embedding=face if face.any() else None),))
    words = text(text.tokenize(subject.description)[None])
    told = build_conditions(who.motion, subject, words, params=animator.params, size=who.motion.size)
    made = sample(animator, told, steps=steps, rng=torch.Generator().manual_seed(0))
    return {
        COPY: first.image.expand_as(who.frames),
        PRIOR: (told.moved[0, :3].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        ANIMATOR: (made[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        TRUTH: who.frames,
    }


def recognised(frames: Tensor, number: int, gallery: Gallery, nets: Perception) -> tuple[float, float]:
    """How many of the frames are most like their own person, and of how many; a face that is not found is
    nobody's.
    """
    reading = read_pictures(frames, 1.0, nets)
    likeness = torch.nn.functional.cosine_similarity(reading.embeddings[:, None], gallery.embeddings, dim=-1)
    hits = first_of_few(likeness, gallery.owner, number) * (reading.faces > FACE_FOUND)
    return float(hits.sum()), float(len(frames))
