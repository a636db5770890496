"""Inputs that several nodes have."""

from typing import Any

from comfy_api.latest import io

WHOLE, FILLED = "whole picture", "cut to fill"
LONGEST = 16384  # frames: nine minutes at 30 frames a second


def person_input(tooltip: str, **more: Any) -> Any:
    """Which person of a motion, from 0."""
    return io.Int.Input("person", default=0, min=0, max=15, advanced=True, tooltip=tooltip, **more)


def framing_input() -> Any:
    """How the character's picture lies in an animation."""
    return io.Combo.Input(
        "framing",
        options=[WHOLE, FILLED],
        default=WHOLE,
        optional=True,
        tooltip=(
            f"{WHOLE}: the KMC animator shows all of the picture. {FILLED}: the 14B engines fill the result "
            "and cut what is too long."
        ),
    )


def frames_input(name: str, tooltip: str) -> Any:
    """A frame's number, or a number of frames."""
    return io.Int.Input(name, default=0, min=0, max=LONGEST, tooltip=tooltip)


def share_input(name: str, tooltip: str, *, default: float = 1.0, step: float = 0.05, **more: Any) -> Any:
    """A share or a strength from 0 to 1."""
    return io.Float.Input(name, default=default, min=0.0, max=1.0, step=step, tooltip=tooltip, **more)


def sampling_inputs(seed: str, steps: str, cfg: str, *, own_steps: bool = False) -> list[Any]:
    """Seed, steps and guidance of a sampler, with their tooltips; with `own_steps` 0 steps leave it to a
    preset.
    """
    return [
        io.Int.Input(
            "seed", default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True, tooltip=seed
        ),
        io.Int.Input(
            "steps", default=0 if own_steps else 4, min=0 if own_steps else 1, max=200, tooltip=steps
        ),
        io.Float.Input("cfg", default=1.0, min=0.0, max=20.0, step=0.1, tooltip=cfg),
    ]
