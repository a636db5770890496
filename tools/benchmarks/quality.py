"""The bundled animator on held-out people and motions: make -s benchmark NAME=quality [QUICK=1]

Figures beside floors and ceiling of the same run (`make evaluate` prints all of them). Renders the held-out
clips and their drivers when they are not there, and close-ups of 20 people among whom results have to be
recognised (likeness_rank1; id_rank1 is the evaluation's own, among the clips' reference views). Prints one
JSON object as its last line.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.likeness import PEOPLE, rank_1  # noqa: E402
from kmc_core.evaluate.report import Estimate, Figures, Measured, difference, summarize, tables  # noqa: E402
from kmc_core.model.params import AnimatorParams  # noqa: E402
from kmc_core.perception.suite import Perception  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.truth import render_split  # noqa: E402
from kmc_core.training.validate import ANIMATOR, COPY, PRIOR, TRUTH, evaluate  # noqa: E402

CLIPS, SEED, STEPS = 64, 1, 4
ADDED = ("body_pck", "hand_pck", "aed", "ssim", "flicker")
CLOSE = "half or face"
GROUPS = {"all": "", "full": "_full", "half": "_half", "face": "_face", CLOSE: "_close"}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clips")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights/animator/kmc_mini.safetensors")
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth", help="folder of held-out clips")
    parser.add_argument("--size", type=int, default=AnimatorParams().size, help="side of the pictures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    studio = Studio()
    for driver in (False, True):
        render_split(studio, arguments.data, "val", CLIPS, CLIPS, SEED, arguments.size, driver=driver)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    clips = 16 if arguments.quick else CLIPS
    measured = evaluate(arguments.weights, [arguments.data / "val"], nets, steps=STEPS, clips=clips)
    figures = summarize(with_close(measured))
    print(tables(figures), file=sys.stderr)
    ranks = rank_1(studio, nets, arguments.weights, arguments.size, STEPS)
    print(
        json.dumps(
            {"clips": clips, "size": arguments.size} | keys(figures) | over_prior(measured) | likeness(ranks)
        )
    )


def with_close(clips: Sequence[Measured]) -> list[Measured]:
    """The clips, with half figures and faces in a group of their own: where hands are large."""
    shots = {"half", "face"}
    return [replace(c, groups=(*c.groups, CLOSE)) if shots & set(c.groups) else c for c in clips]


def over_prior(clips: Sequence[Measured]) -> dict[str, Any]:
    """What the animator adds to the prior alone on the same clips, with its 95 % interval."""
    own, prior = ([clip.methods[method] for clip in clips] for method in (ANIMATOR, PRIOR))
    changes = {metric: difference(own, prior, metric) for metric in ADDED}
    rounded = {k: [round(x, 4) for x in (d.value, d.low, d.high)] for k, d in changes.items() if d}
    return {"over_prior": rounded}


def likeness(ranks: Mapping[str, Estimate]) -> dict[str, Any]:
    """Rank-1 among the people who were enrolled: the animator's, and every method's with its interval."""
    every = {method: [round(x, 4) for x in (r.value, r.low, r.high)] for method, r in ranks.items()}
    return {"likeness_rank1": every[ANIMATOR][0], "people": PEOPLE, "likeness": every}


def keys(figures: Figures) -> dict[str, float]:
    """The promised figures, over all clips and by shot; those that a shot does not show are left out."""
    wanted = {
        "body_pck_of_ceiling": ("body_pck", TRUTH),
        "hand_pck_of_ceiling": ("hand_pck", TRUTH),
        "aed_of_floor": ("aed", COPY),
        "id_rank1": ("id_rank1", None),
        "flicker": ("flicker", None),
    }
    found = {}
    for group, suffix in GROUPS.items():
        for key, (metric, beside) in wanted.items():
            values = {method: of.get(metric) for method, of in figures.get(group, {}).items()}
            own, other = values.get(ANIMATOR), values.get(beside) if beside else None
            if own is not None and (beside is None or (other is not None and other.value > 0)):
                found[key + suffix] = round(own.value / (other.value if other else 1.0), 4)
    return found


if __name__ == "__main__":
    main()
