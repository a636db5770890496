"""Figures of groups of clips with bootstrap confidence intervals, as JSON and as Markdown tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .score import METRICS, Scores

Array = NDArray[np.float64]

RESAMPLES: Final = 1000
COVERED: Final = (2.5, 97.5)  # percentiles of a 95 % interval


@dataclass(frozen=True)
class Measured:
    """One clip: the groups that it counts in and every method's scores."""

    groups: tuple[str, ...]
    methods: Mapping[str, Scores]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval over clips."""

    value: float
    low: float
    high: float


Figures = dict[str, dict[str, dict[str, Estimate]]]  # group -> method -> metric


def summarize(clips: Sequence[Measured]) -> Figures:
    """Figures of all groups; a metric that no clip of a group shows is left out there."""
    groups = dict.fromkeys(group for clip in clips for group in clip.groups)
    figures: Figures = {}
    for group in groups:
        part = [clip for clip in clips if group in clip.groups]
        figures[group] = {}
        for method in part[0].methods:
            scores = [clip.methods[method] for clip in part]
            estimates = {metric: estimate(scores, metric) for metric in METRICS}
            figures[group][method] = {k: v for k, v in estimates.items() if v is not None}
    return figures


def estimate(scores: Sequence[Scores], metric: str) -> Estimate | None:
    """Sum over weight of one metric; the interval redraws whole clips (percentile bootstrap, Efron 1979)."""
    pairs = np.array([s[metric] for s in scores if metric in s], np.float64)
    return _redrawn(pairs[:, None], _ratio) if len(pairs) else None


def difference(scores: Sequence[Scores], others: Sequence[Scores], metric: str) -> Estimate | None:
    """One metric of `scores` less that of `others` on the same clips; the interval redraws clips for both."""
    both = [
        (s[metric], o[metric]) for s, o in zip(scores, others, strict=True) if metric in s and metric in o
    ]
    return _redrawn(np.array(both, np.float64), _ratio_apart) if both else None


def _redrawn(clips: Array, figure: Callable[[Array], Array]) -> Estimate | None:
    """`figure` of the sums over clips [N, M, 2] and over N of them drawn again and again."""
    if not clips[..., 1].sum(0).all():
        return None
    drawn = np.random.default_rng(0).integers(len(clips), size=(RESAMPLES, len(clips)))
    sums = clips[drawn].sum(1)
    low, high = np.percentile(figure(sums[(sums[..., 1] > 0).all(1)]), COVERED)
    return Estimate(float(figure(clips.sum(0))), float(low), float(high))


def _ratio(sums: Array) -> Array:
    return sums[..., 0, 0] / sums[..., 0, 1]


def _ratio_apart(sums: Array) -> Array:
    return sums[..., 0, 0] / sums[..., 0, 1] - sums[..., 1, 0] / sums[..., 1, 1]


def as_json(figures: Figures) -> str:
    """{group: {method: {metric: {value, low, high}}}}."""
    plain = {
        group: {method: {k: asdict(v) for k, v in values.items()} for method, values in methods.items()}
        for group, methods in figures.items()
    }
    return json.dumps(plain, indent=1)


def tables(figures: Figures) -> str:
    """One Markdown table a group: methods with their figures, and the intervals below them."""
    return "\n\n".join(f"### {group}\n\n{_table(methods)}" for group, methods in figures.items())


def page(figures: Figures, sheet: str, columns: Sequence[str], command: str, made: str) -> str:
    """A Markdown page: the picture sheet of a run, what its columns show, and all tables."""
    return f"""# Results

Made by `{command}`, {made}. Figures with 95 % intervals over clips (bootstrap). AED and APD
compare what detectors read in a result with what they read in the truth, where both show a face; joints are
compared with exact ones. Flicker is the change along the truth's flow against the truth's own. A face
counts from 16 pixels on, for identity from 30; rank-1 is among 20 of the subjects, drawn at random: the
benchmark `quality` asks it of people who are enrolled with close-ups. Beyond rendered people:
[out of domain](out_of_domain.md).

![{", ".join(columns)}]({sheet})

Columns: {", ".join(columns)}.

{tables(figures)}
"""


def _table(methods: Mapping[str, Mapping[str, Estimate]]) -> str:
    shown = [metric for metric in METRICS if any(metric in values for values in methods.values())]
    lines = ["| | " + " | ".join(METRICS[m][0] for m in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for method, values in methods.items():
        lines.append(f"| {method} | " + " | ".join(_cell(values.get(m)) for m in shown) + " |")
    return "\n".join(lines)


def _cell(value: Estimate | None) -> str:
    if value is None:
        return "–"
    digits = 1 if value.value >= 9.95 else 3
    return f"{value.value:.{digits}f}<br>{value.low:.{digits}f}–{value.high:.{digits}f}"
