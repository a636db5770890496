"""Cutting a long animation into runs of an engine: which frames each makes, and which of them are kept."""

from dataclasses import dataclass

from ..errors import KMCError
from .catalog import Engine


@dataclass(frozen=True)
class Window:
    """One run of an engine."""

    index: int
    start: int  # first frame of the animation that the run makes, those that it shares included
    length: int  # frames that the run makes; the last one may reach past the end
    carried: int  # frames at its start that are given to it, from the end of the run before
    blended: int  # frames at its start that it shares with the run before; both are mixed
    kept: int  # frames from its start that belong to the animation

    @property
    def first(self) -> int:
        """First frame of the animation that this run alone decides."""
        return self.start + self.carried + self.blended

    @property
    def end(self) -> int:
        """One past the last frame of the animation that the run makes."""
        return self.start + self.kept


def plan_windows(frames: int, engine: Engine, first: int = 0) -> tuple[Window, ...]:
    """Runs that together make exactly `frames` frames from `first` on, each at most the engine's own length.

    Every run but the last is as long as the engine likes; the last is as short as what is left allows. So a
    longer animation starts with the same runs as a shorter one. Raises KMCError when there is no frame.
    """
    if frames < 1:
        raise KMCError(f"An animation of {frames} frames was asked for; there must be at least one.")
    windows: list[Window] = []
    done = 0
    while done < frames:
        carried, blended = (engine.carried, engine.blended) if windows else (0, 0)
        start = done - carried - blended
        kept = min(engine.window, frames - start)
        windows.append(Window(len(windows), first + start, engine.length(kept), carried, blended, kept))
        done = start + kept
    return tuple(windows)


def blend_weights(count: int) -> list[float]:
    """How much of the newer run shows in each of `count` shared frames: a straight line between 0 and 1."""
    return [(index + 1) / (count + 1) for index in range(count)]
