"""Cutting long animations into runs: every length comes out exactly, on every engine."""

from itertools import pairwise

import pytest

from kmc_core.engines.catalog import ENGINES
from kmc_core.engines.windows import blend_weights, plan_windows
from kmc_core.errors import KMCError

LENGTHS = [*range(1, 400), 481, 1000, 1001, 1002, 1003, 16384]


@pytest.mark.parametrize("name", list(ENGINES))
def test_all_frames_are_made_once_and_none_is_left_out(name):
    engine = ENGINES[name]
    for frames in LENGTHS:
        windows = plan_windows(frames, engine)
        decided = [frame for w in windows for frame in range(w.first, w.end)]
        assert decided == list(range(frames))
        for before, window in pairwise(windows):
            assert window.start == before.end - window.carried - window.blended
            assert (window.carried, window.blended) == (engine.carried, engine.blended)


@pytest.mark.parametrize("name", list(ENGINES))
def test_runs_have_lengths_that_the_engine_takes(name):
    engine = ENGINES[name]
    for frames in LENGTHS:
        *whole, last = plan_windows(frames, engine)
        assert all(w.length == w.kept == engine.window for w in whole)
        assert (last.length - 1) % engine.step == 0
        assert last.kept <= last.length < last.kept + engine.step and last.length <= engine.window


def test_a_longer_animation_starts_with_the_runs_of_a_shorter_one():
    engine = ENGINES["wan_animate"]
    assert plan_windows(481, engine)[:6] == plan_windows(480, engine)[:6]
    assert [w.length for w in plan_windows(78, engine)] == [77, 9]
    assert [w.length for w in plan_windows(77, engine)] == [77]
    assert [(w.start, w.kept, w.length) for w in plan_windows(80, engine)] == [(0, 77, 77), (72, 8, 9)]


def test_an_animation_without_frames_is_refused():
    with pytest.raises(KMCError, match="there must be at least one"):
        plan_windows(0, ENGINES["kmc"])


def test_shared_frames_pass_from_the_older_run_to_the_newer():
    weights = blend_weights(3)
    assert weights == [0.25, 0.5, 0.75] and blend_weights(0) == []
