"""Who it is, from every side and over time: make -s benchmark NAME=identity [QUICK=1]

Rendered held-out people turn around while they gesture; every frame has exact truth. With 1, 2, 4 and 8
views (front; back; sides; between) the prior alone and the bundled animator are judged by L1 on the person
and by the likeness of face embeddings of result and truth, by how far the face is turned: a view can help a
face only where it shows it from nearer than the front does. Then: which view is chosen for every window
(view_choice.py); how far colours drift over 20 windows of an engine that drifts on purpose, anchored to the
reference, matched to the window before, and left alone (color_drift.py); how fast a library of 500 subjects
is listed; and how the prompt enhancer does. Prints one JSON object as its last line.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.color_drift import drift  # noqa: E402
from benchmarks.enhancer import score, wishes  # noqa: E402
from benchmarks.turning import Turning, turning_person, with_views  # noqa: E402
from benchmarks.view_choice import choices  # noqa: E402
from kmc_core.engines.kmc import build_conditions  # noqa: E402
from kmc_core.model.checkpoint import load_animator_file  # noqa: E402
from kmc_core.model.params import AnimatorParams  # noqa: E402
from kmc_core.motion.types import Track  # noqa: E402
from kmc_core.perception.extract import Perception  # noqa: E402
from kmc_core.perception.person import face_embedding  # noqa: E402
from kmc_core.sampling.solve import sample  # noqa: E402
from kmc_core.subject.catalogue import list_subjects  # noqa: E402
from kmc_core.subject.library import save_subject  # noqa: E402
from kmc_core.subject.types import Subject, View  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.validate import build  # noqa: E402

SIZE = (128, 128)
COUNTS = (1, 2, 4, 8)
TURNED = 60.0  # degrees from which a person shows its side
FACES = {"front": (0.0, 30.0), "turned": (30.0, 60.0), "side": (60.0, 75.0)}  # degrees; further shows no face
GESTURES = ("wave", "reach", "point", "raise")
STEPS = 4
SUBJECTS = 500
WEIGHTS = ROOT / "weights/animator/kmc_mini.safetensors"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer people, without the animator")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    studio = Studio()
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    animator = WEIGHTS if WEIGHTS.is_file() and not quick else None
    views = views_figures(studio, nets, 4 if quick else 8, animator)
    figures = views | choices(studio, nets, 2 if quick else 8)
    sway = 75 * np.sin(np.linspace(0, 3 * np.pi, 160))  # so that what shows of the person changes
    figures |= {"colour": drift(turning_person(studio, "val-colour", "half", SIZE, sway, "wave"))}
    figures |= {"library": listing(), "enhancer_slots": round(score(wishes())[0], 4)}
    figures |= {"enhancer_slots_held_out": round(score(wishes(held_out=True))[0], 4)}
    print(json.dumps(figures | {"load_average": os.getloadavg()[0]}))


def views_figures(studio: Studio, nets: Perception, people: int, weights: Path | None) -> dict:
    """Errors with 1, 2, 4 and 8 views."""
    rows: dict[str, dict[int, list[dict[str, float]]]] = {"prior": {}, "animator": {}}
    yaws = np.arange(-172.5, 180, 15.0)
    for index in range(people):
        shot = ("full", "half")[index % 2]
        who = turning_person(studio, f"val-turning-{index}", shot, SIZE, yaws, GESTURES[index // 2 % 4])
        for count in COUNTS:
            for method, frames in made(who, count, weights).items():
                rows[method].setdefault(count, []).extend(errors(frames, who, nets, shot == "half"))
        print(f"person {index + 1} of {people}", file=sys.stderr, flush=True)
    table = {
        method: {str(count): averages(part) for count, part in found.items()}
        for method, found in rows.items()
        if found
    }
    drops = {
        method: round(1 - table[method]["4"]["l1_turned"] / table[method]["1"]["l1_turned"], 4)
        for method in table
    }
    return {
        "error_drop_4_views": drops["prior"], "error_drop_4_views_animator": drops.get("animator"),
        "people": people, "views": table,
    }  # fmt: skip


def made(who: Turning, count: int, weights: Path | None) -> dict[str, Tensor]:
    """Frames [F, 3, H, W] 0..1 of the prior and of the animator with that many views."""
    subject = with_views(who.subject, count)
    params, state = load_animator_file(weights) if weights else (AnimatorParams(), {})
    text = torch.zeros(1, params.text.length, params.text.dim)
    told = build_conditions(who.motion, subject, text, params=params, size=SIZE)
    frames = {"prior": told.moved[0, :3].transpose(0, 1) / 2 + 0.5}
    if weights:
        animator, words = build(params, state)
        with torch.no_grad():
            told = replace(told, text=words(words.tokenize(subject.description)[None]))
            z = sample(animator, told, steps=STEPS, rng=torch.Generator().manual_seed(0))
        frames["animator"] = z[0].transpose(0, 1) / 2 + 0.5
    return frames


def errors(frames: Tensor, who: Turning, nets: Perception, near: bool) -> list[dict[str, float]]:
    """One row a frame: how far it is turned, L1 on the person, and how unlike the faces of both are."""
    face = who.motion.tracks[0].face
    assert face is not None
    rows = []
    for index, yaw in enumerate(who.yaws.tolist()):
        mask = who.masks[index]
        row = {
            "yaw": abs(yaw),
            "l1": float(((frames[index] - who.frames[index]).abs().mean(0) * mask[0]).sum() / mask.sum()),
        }
        if near and abs(yaw) < FACES["side"][1]:
            ours, theirs = (
                face_embedding(picture.clamp(0, 1), face.landmarks[index], nets)
                for picture in (frames[index], who.frames[index])
            )
            row["id_sim"] = float(F.cosine_similarity(ours, theirs, dim=0))
        rows.append(row)
    return rows


def averages(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over frames, all and turned ones."""
    turned = [row["l1"] for row in rows if row["yaw"] > TURNED]
    faces = {
        name: [row["id_sim"] for row in rows if "id_sim" in row and low <= row["yaw"] < high]
        for name, (low, high) in {"": (0.0, 180.0), **FACES}.items()
    }
    return {
        "l1": round(float(np.mean([row["l1"] for row in rows])), 4),
        "l1_turned": round(float(np.mean(turned)), 4),
        **{f"id_sim_{name}".rstrip("_"): round(float(np.mean(part)), 4) for name, part in faces.items()},
    }


def listing() -> dict[str, float]:
    """Milliseconds to list 500 subjects of four views, and to read one whole file of them."""
    generator = torch.Generator().manual_seed(0)
    pose = Track(body=torch.rand(1, 25, 4, generator=generator))
    picture = torch.rand(3, 256, 256, generator=generator)
    view = View(picture, torch.ones(1, 256, 256), pose, 0.0, "full", torch.zeros(128))
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.safetensors"
        save_subject(Subject("one", (view,) * 4), one)
        content = one.read_bytes()
        for number in range(SUBJECTS - 1):
            (Path(folder) / f"subject {number}.safetensors").write_bytes(content)
        times = []
        for _ in range(9):
            start = time.perf_counter()
            assert len(list_subjects([Path(folder)])) == SUBJECTS
            times.append(1000 * (time.perf_counter() - start))
    return {"subjects": SUBJECTS, "milliseconds": round(median(times), 1), "best": round(min(times), 1)}


if __name__ == "__main__":
    main()
