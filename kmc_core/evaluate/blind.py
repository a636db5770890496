"""Blind good/same/bad judging: one offline page, and (G+S)/(B+S) of every axis from its answers.

Which side is whose is drawn from the seed and stands nowhere in the page; scoring draws it again.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ..errors import KMCError

AXES: Final = {  # Kling-MotionControl (arXiv 2603.03160) judges the first six; it has none for hands
    "overall": "Overall preference",
    "visual": "Visual quality",
    "dynamic": "Dynamic quality",
    "identity": "Identity preservation",
    "motion": "Motion accuracy",
    "expression": "Expression accuracy",
    "hands": "Hands",
}
VERDICTS: Final = ("left", "same", "right")
MEDIA: Final = {
    ".mp4": "video/mp4", ".webm": "video/webm", ".png": "image/png", ".jpg": "image/jpeg",
    ".webp": "image/webp", ".gif": "image/gif",
}  # fmt: skip
PAGE: Final = Path(__file__).with_name("blind.html")


@dataclass(frozen=True)
class Pair:
    """Two results of one case, as they stand on the page."""

    left: Path
    right: Path
    other: str  # folder that the first one is compared with
    ours_left: bool


def pairs(folders: Sequence[Path], seed: int) -> list[Pair]:
    """Every case of the first folder beside the same of each other one, order and sides drawn from `seed`.

    Cases are files of one name without its ending. KMCError for fewer than two folders, none of media, or
    cases that a folder lacks.
    """
    if len(folders) < 2:
        raise KMCError(f"Expected two or more folders of results, got {len(folders)}; name one a line.")
    results = [
        {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in MEDIA}
        for folder in folders
    ]
    cases = sorted(results[0])
    if not cases:
        raise KMCError(f"The folder '{folders[0].name}' holds no results; expected {', '.join(MEDIA)}.")
    for folder, files in zip(folders, results, strict=True):
        if different := sorted(set(cases) ^ set(files)):
            raise KMCError(
                f"The folders '{folders[0].name}' and '{folder.name}' do not hold the same cases: "
                f"{', '.join(different[:5])}. Name the results of one case alike."
            )
    rng = Random(seed)
    drawn = []
    for folder, files in zip(folders[1:], results[1:], strict=True):
        for case in cases:
            ours_left = rng.random() < 0.5
            both = (results[0][case], files[case])
            left, right = both if ours_left else both[::-1]
            drawn.append(Pair(left, right, folder.name, ours_left))
    rng.shuffle(drawn)
    return drawn


def write_sheet(folders: Sequence[Path], path: Path, seed: int) -> None:
    """One HTML file with all results inside it; it needs no network and tells nothing of whose they are."""
    drawn = pairs(folders, seed)
    told = {
        "id": _identity(drawn),
        "axes": AXES,
        "pairs": [[_embedded(pair.left), _embedded(pair.right)] for pair in drawn],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_text(encoding="utf-8").replace("/*DATA*/", json.dumps(told))
    path.write_text(page, encoding="utf-8")


def score_answers(answers: str, folders: Sequence[Path], seed: int) -> str:
    """(G+S)/(B+S) of the first folder against each other one on every axis, as a Markdown table.

    `answers` holds what pages gave, one judge a line; empty gives an empty text. KMCError for answers to
    another page or damaged ones.
    """
    lines = [line for line in answers.splitlines() if line.strip()]
    drawn = pairs(folders, seed)
    counts = {(pair.other, axis): [0, 0, 0] for pair in drawn for axis in AXES}  # good, same, bad
    for line in lines:
        for number, axis, verdict in _read(line, drawn):
            pair = drawn[number]
            place = 1 if verdict == "same" else 0 if (verdict == "left") == pair.ours_left else 2
            counts[pair.other, axis][place] += 1
    if not lines:
        return ""
    rows = ["| against | axis | good | same | bad | (G+S)/(B+S) |", "|---|---|---|---|---|---|"]
    for (other, axis), (good, same, bad) in counts.items():
        if total := good + same + bad:
            ratio = f"{(good + same) / (bad + same):.2f}" if bad + same else f"all {total} good"
            rows.append(f"| {other} | {AXES[axis]} | {good} | {same} | {bad} | {ratio} |")
    return "\n".join(rows)


def _read(line: str, drawn: Sequence[Pair]) -> list[tuple[int, str, str]]:
    wrong = KMCError("These answers cannot be read; paste the whole line that the page gave at its end.")
    try:
        told = json.loads(line)
    except json.JSONDecodeError as error:
        raise wrong from error
    if not isinstance(told, dict) or not isinstance(told.get("answers"), list):
        raise wrong
    if told.get("id") != _identity(drawn):
        raise KMCError("These answers are for another page: use the same folders, files and seed as then.")
    for answer in told["answers"]:
        if (
            not isinstance(answer, list)
            or len(answer) != 3
            or not (isinstance(answer[0], int) and 0 <= answer[0] < len(drawn))
            or answer[1] not in AXES
            or answer[2] not in VERDICTS
        ):
            raise wrong
    return [(number, axis, verdict) for number, axis, verdict in told["answers"]]


def _identity(drawn: Sequence[Pair]) -> str:
    names = "\n".join(
        f"{p.left.parent.name}/{p.left.name} {p.right.parent.name}/{p.right.name}" for p in drawn
    )
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def _embedded(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f"data:{MEDIA[path.suffix.lower()]};base64,{content}"
