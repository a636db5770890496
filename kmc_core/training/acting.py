"""Expressions, gaze and head turns over time, with the ARKit names that both Anny and MediaPipe use."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .gestures import smooth

Array = NDArray[np.float64]

# (actions that move together, how high they go): speech, feelings, brows.
_SPEECH: Final = (
    ("jawOpen",),
    ("mouthFunnel",),
    ("mouthPucker",),
    ("mouthStretchLeft", "mouthStretchRight"),
    ("mouthLowerDownLeft", "mouthLowerDownRight"),
    ("mouthUpperUpLeft", "mouthUpperUpRight"),
    ("mouthRollLower",),
    ("mouthShrugUpper",),
    ("mouthPressLeft", "mouthPressRight"),
)
_MOODS: Final = (
    ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"),
    ("mouthFrownLeft", "mouthFrownRight", "browDownLeft", "browDownRight"),
    ("jawOpen", "eyeWideLeft", "eyeWideRight", "browInnerUp"),
    ("noseSneerLeft", "noseSneerRight", "browDownLeft", "browDownRight"),
    ("mouthDimpleLeft", "mouthDimpleRight"),
    ("mouthLeft",),
    ("mouthRight",),
    ("jawLeft",),
    ("jawRight",),
    ("cheekPuff",),
    ("mouthSmileLeft",),
    ("mouthSmileRight",),
    ("eyeSquintLeft", "eyeSquintRight"),
)
_BROWS: Final = (
    ("browInnerUp",),
    ("browOuterUpLeft", "browOuterUpRight"),
    ("browDownLeft", "browDownRight"),
    ("browOuterUpLeft",),
)


def act_face(t: Array, rng: np.random.Generator, lively: float) -> dict[str, Array]:
    """Coefficients [F] per action over times `t` [F]; `lively` 0 is calm, 1 a close-up's full play."""
    play: dict[str, Array] = {}

    def add(group: tuple[str, ...], curve: Array) -> None:
        for name in group:
            play[name] = np.clip(play.get(name, np.zeros(len(t))) + curve, 0, 1)

    talking = rng.random() < 0.6
    for index in rng.choice(len(_SPEECH), 4, replace=False):
        height = rng.uniform(0.1, 0.7) * (0.4 + 0.6 * lively) * (1.0 if talking else 0.25)
        add(_SPEECH[index], height * np.abs(smooth(3 * t, rng, 0.7)))
    if talking:
        add(
            ("jawOpen",),
            rng.uniform(0.15, 0.6)
            * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(2, 4) * t + rng.uniform(0, 6))),
        )
    add(
        _MOODS[int(rng.integers(len(_MOODS)))],
        rng.uniform(0, 0.9) * (0.5 + 0.5 * lively) * np.clip(0.6 + smooth(t, rng, 0.5), 0, 1),
    )
    add(
        _BROWS[int(rng.integers(len(_BROWS)))], rng.uniform(0, 0.9) * np.clip(0.4 + smooth(t, rng, 0.6), 0, 1)
    )
    blink = np.exp(-(((t - rng.uniform(t.min() - 0.5, t.max() + 0.5)) / 0.09) ** 2))
    closed = rng.uniform(0.6, 1) if rng.random() < 0.08 else 0.0
    add(("eyeBlinkLeft",), np.maximum(blink, closed))
    add(("eyeBlinkRight",), np.maximum(blink, closed if rng.random() < 0.8 else 0.0))
    return play | gaze_actions(smooth(t, rng, 0.35), smooth(t, rng, 0.22))


def gaze_actions(left: Array, up: Array) -> dict[str, Array]:
    """Eye coefficients of a gaze towards the person's own left and up, -1..1."""
    left, up = np.clip(left, -1, 1), np.clip(up, -1, 1)
    play: dict[str, Array] = {}
    for side, outwards in (("Left", left), ("Right", -left)):
        play[f"eyeLookOut{side}"] = np.maximum(outwards, 0)
        play[f"eyeLookIn{side}"] = np.maximum(-outwards, 0)
        play[f"eyeLookUp{side}"] = np.maximum(up, 0)
        play[f"eyeLookDown{side}"] = np.maximum(-up, 0)
    return play
