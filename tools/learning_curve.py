"""Learning curves: losses of a run's stages and held-out figures of its checkpoints, over all their steps.

    python tools/learning_curve.py measure runs/mini_joint/animator.safetensors --clips 12
    python tools/learning_curve.py plot docs/logs/mini_{clips,face_hands,joint,finish}.jsonl

`measure` appends a line for each checkpoint to docs/logs/held_out.jsonl; run and step are those that the
checkpoint tells. `plot` draws the stages' logs (metrics.jsonl of a run, named as the run) one after the
other, and below them what was measured, into docs/images/learning_curve.png.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image, ImageDraw, ImageFont
from safetensors import safe_open

ROOT: Final = Path(__file__).resolve().parents[1]
HELD_OUT: Final = ROOT / "docs/logs/held_out.jsonl"
PICTURE: Final = ROOT / "docs/images/learning_curve.png"
SHOWN: Final = ("body_pck", "hand_pck", "aed", "ssim", "flicker")
WIDTH, PANEL, MARGIN, LEFT = 960, 120, 16, 190  # pixels
PAPER, INK, QUIET, LINE, POINT = (250, 250, 248), (34, 34, 34), (205, 205, 200), (44, 108, 176), (196, 70, 40)
HEADER: Final = 34  # above the panels: names of the stages, in two rows so that short ones have room
SMOOTHED: Final = 15  # steps that a loss is averaged over


@dataclass(frozen=True)
class Panel:
    """One figure over steps: lines, one a stage, and levels that it is compared with."""

    title: str
    curves: tuple[tuple[tuple[float, float], ...], ...]  # points (step, value)
    levels: tuple[tuple[str, float], ...] = ()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("measure", help="held-out figures of checkpoints")
    command.add_argument("weights", type=Path, nargs="+")
    command.add_argument("--data", type=Path, default=ROOT / "data/truth/val")
    command.add_argument("--clips", type=int, default=16)
    command.add_argument("--log", type=Path, default=HELD_OUT)
    command.set_defaults(run=measure)
    command = commands.add_parser("plot", help="draw logs and held-out figures")
    command.add_argument("logs", type=Path, nargs="+", help="metrics.jsonl of the stages, in their order")
    command.add_argument("--held-out", type=Path, default=HELD_OUT)
    command.add_argument("--out", type=Path, default=PICTURE)
    command.set_defaults(run=plot)
    arguments = parser.parse_args()
    arguments.run(arguments)


def measure(arguments: argparse.Namespace) -> None:
    """Append the figures of every checkpoint, with those of the prior and of the truth."""
    from kmc_core.evaluate.report import summarize
    from kmc_core.perception.suite import Perception
    from kmc_core.training.validate import ANIMATOR, PRIOR, TRUTH, evaluate

    torch.set_num_threads(1)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    for weights in arguments.weights:
        with safe_open(weights, "pt") as file:
            told = file.metadata() or {}
        found = summarize(evaluate(weights, [arguments.data], nets, steps=4, clips=arguments.clips))["all"]
        figures = {
            method: {name: round(found[method][name].value, 4) for name in SHOWN if name in found[method]}
            for method in (PRIOR, ANIMATOR, TRUTH)
        }
        at = {"run": told.get("run", weights.stem), "step": int(told.get("step", 0))}
        line = at | {"clips": arguments.clips, "figures": figures}
        with arguments.log.open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def plot(arguments: argparse.Namespace) -> None:
    """Draw the picture."""
    stages = {path.stem: lines(path) for path in arguments.logs}
    starts, total = {}, 0
    for name, rows in stages.items():
        starts[name] = total
        total += rows[-1]["step"]
    measured = lines(arguments.held_out) if arguments.held_out.is_file() else []
    measured = [row for row in measured if row["run"] in starts]
    panels = [losses(stages, starts, name) for name in ("loss", "l1")]
    panels += [held_out(measured, starts, name) for name in SHOWN if any(_has(row, name) for row in measured)]
    draw(panels, list(starts.items()), total, arguments.out)


def lines(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file; of a step that was written twice, the last counts."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return list({(row.get("run"), row["step"]): row for row in rows}.values())


def losses(stages: dict[str, list[dict[str, Any]]], starts: dict[str, int], name: str) -> Panel:
    """A figure that every step tells, smoothed."""
    curves = []
    for stage, rows in stages.items():
        values = [(row["step"], row[name]) for row in rows if name in row]
        smooth = []
        for index, (step, _) in enumerate(values):
            near = values[max(0, index - SMOOTHED + 1) : index + 1]
            smooth.append((starts[stage] + step, sum(v for _, v in near) / len(near)))
        curves.append(tuple(smooth[min(SMOOTHED, len(smooth) - 1) :]))
    return Panel(f"{name}, training", tuple(curves))


def held_out(measured: Sequence[dict[str, Any]], starts: dict[str, int], name: str) -> Panel:
    """What checkpoints were measured at, beside the prior alone and the truth."""
    from kmc_core.evaluate.score import METRICS

    known = [row for row in measured if _has(row, name)]
    curves = tuple(
        tuple(sorted((start + r["step"], r["figures"]["animator"][name]) for r in known if r["run"] == stage))
        for stage, start in starts.items()
    )
    others = [method for method in known[-1]["figures"] if method != "animator"]
    levels = tuple((method, known[-1]["figures"][method][name]) for method in others)
    return Panel(f"{METRICS[name][0]}, held out", curves, levels)


def _has(row: dict[str, Any], name: str) -> bool:
    return all(name in figures for figures in row["figures"].values())


def draw(panels: Sequence[Panel], stages: Sequence[tuple[str, int]], total: int, path: Path) -> None:
    """All panels under each other, with a line where a stage begins."""
    height = MARGIN + HEADER + len(panels) * (PANEL + MARGIN)
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    scale = (WIDTH - MARGIN - LEFT) / max(1, total)
    for number, (name, start) in enumerate(stages):
        x = LEFT + start * scale
        pen.line((x, MARGIN, x, height - MARGIN), QUIET)
        pen.text((x + 4, 6 + 16 * (number % 2)), f"{name} from {start}", INK, font)
    for row, panel in enumerate(panels):
        draw_panel(pen, panel, MARGIN + HEADER + row * (PANEL + MARGIN), scale, total)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def draw_panel(pen: ImageDraw.ImageDraw, panel: Panel, top: int, scale: float, total: int) -> None:
    """One panel; its values fill it."""
    font = ImageFont.load_default(13)
    values = [v for curve in panel.curves for _, v in curve] + [v for _, v in panel.levels]
    low, high = min(values), max(values)
    pen.rectangle((LEFT, top, WIDTH - MARGIN, top + PANEL), outline=QUIET)
    pen.text((MARGIN, top), panel.title, INK, font)
    pen.text((MARGIN, top + 18), f"{low:.3f} to {high:.3f}", INK, font)

    def place(step: float, value: float) -> tuple[float, float]:
        share = (value - low) / max(high - low, 1e-9)
        return LEFT + step * scale, top + PANEL - 6 - share * (PANEL - 12)

    for name, level in panel.levels:
        (x, y), (end, _) = place(0, level), place(total, level)
        pen.line((x, y, end, y), QUIET, 2)
        pen.text((x + 4, y if level > (low + high) / 2 else y - 16), f"{name} {level:.3f}", INK, font)
    for curve in panel.curves:
        points = [place(step, value) for step, value in curve]
        pen.line(points, LINE, 2)
        for x, y in points if panel.levels else ():
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), POINT)


if __name__ == "__main__":
    main()
