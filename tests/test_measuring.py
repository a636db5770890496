"""What the tools of training's measuring side promise: parts that are really gone, curves in their order."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import learning_curve
from benchmarks import quality
from benchmarks.likeness import enrolled
from benchmarks.parts import CHANNELS, nothing_moved, part_scores, without_parts
from benchmarks.turning import Turning
from kmc_core.errors import KMCError
from kmc_core.evaluate.report import Estimate, Measured, summarize
from kmc_core.subject.types import Subject, View
from kmc_core.training.validate import ANIMATOR, PRIOR, TRUTH
from media import astronaut, perception
from moving_person import person
from tiny import tiny_animator, tiny_conditions, tiny_noise


def test_without_its_path_a_part_changes_nothing():
    model, told = tiny_animator(), tiny_conditions()
    other = tiny_conditions(seed=1)
    for part in ("hands", "face"):
        maps = told.maps.clone()
        maps[:, list(CHANNELS[part])] = other.maps[:, list(CHANNELS[part])]
        changed = told.__class__(**vars(told) | {"maps": maps, part: getattr(other, part)})
        level = torch.ones(1)
        results = [model(tiny_noise(), level, without_parts(c, part)) for c in (told, changed)]
        assert torch.equal(*results)
        assert not torch.equal(model(tiny_noise(), level, told), model(tiny_noise(), level, changed))


def test_without_the_prior_only_the_background_is_left():
    told = tiny_conditions()
    bare = nothing_moved(told).moved
    assert bare[:, -1].abs().max() == 0
    assert all(torch.equal(bare[:, :-1, f], told.background[:, :, 0]) for f in range(bare.shape[2]))


def test_parts_are_judged_where_they_are_drawn():
    told = tiny_conditions()
    maps = torch.zeros_like(told.maps)
    maps[:, CHANNELS["hands"][0], :, :4, :4] = 1
    told = told.__class__(**vars(told) | {"maps": maps})
    truth = torch.zeros(3, 3, 32, 32)
    frames = truth.clone()
    frames[..., :8, :8] = 0.5
    found = part_scores(frames, truth, told)
    assert set(found) == {"l1_hands"}  # no face is drawn
    assert found["l1_hands"][0] / found["l1_hands"][1] == pytest.approx(0.5)


def test_curves_follow_each_other_and_a_step_counts_once(tmp_path: Path):
    def log(name: str, steps: list[int]) -> Path:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"step": s, "loss": s / 10, "l1": 0.1}) + "\n" for s in steps))
        return path

    first, second = log("first", [1, 2, 3, 2, 3, 4]), log("second", [1, 2])  # resumed after step 1
    assert [row["step"] for row in learning_curve.lines(first)] == [1, 2, 3, 4]
    stages = {path.stem: learning_curve.lines(path) for path in (first, second)}
    curves = learning_curve.losses(stages, {"first": 0, "second": 4}, "loss").curves
    assert [step for step, _ in curves[0]][-1] == 4 and curves[1][-1][0] == 6
    figures = {method: {"aed": 0.05} for method in ("prior alone", "animator", "truth")}
    held_out = tmp_path / "held_out.jsonl"
    held_out.write_text(json.dumps({"run": "second", "step": 2, "figures": figures}) + "\n")
    panel = learning_curve.held_out(learning_curve.lines(held_out), {"first": 0, "second": 4}, "aed")
    assert panel.curves == ((), ((6, 0.05),)) and dict(panel.levels) == {"prior alone": 0.05, "truth": 0.05}
    options = {"logs": [first, second], "held_out": held_out, "out": tmp_path / "curve.png"}
    learning_curve.plot(type("Options", (), options))
    shown = Image.open(tmp_path / "curve.png")
    panels = 3 * (learning_curve.PANEL + learning_curve.MARGIN)
    assert shown.size[1] == learning_curve.MARGIN + learning_curve.HEADER + panels


def test_likeness_does_not_go_by_the_name_of_the_evaluations_own_rank_1():
    figures = {
        group: {ANIMATOR: {"id_rank1": Estimate(value, 0.0, 1.0)}}
        for group, value in (("all", 0.5), ("half", 0.4), ("face", 0.75))
    }
    likeness = quality.likeness({ANIMATOR: Estimate(0.95, 0.9, 1.0)})
    assert likeness["likeness"] == {ANIMATOR: [0.95, 0.9, 1.0]}
    assert {key: value for key, value in (quality.keys(figures) | likeness).items() if "rank1" in key} == {
        "id_rank1": 0.5, "id_rank1_half": 0.4, "id_rank1_face": 0.75, "likeness_rank1": 0.95,
    }  # fmt: skip


def test_close_shots_are_told_together_and_what_is_added_to_the_prior_goes_by_clip():
    def clip(shot: str, own: float, prior: float) -> Measured:
        scores = {ANIMATOR: own, PRIOR: prior, TRUTH: 10.0}
        return Measured(
            ("all", shot), {method: {"hand_pck": (right, 10.0)} for method, right in scores.items()}
        )

    clips = [clip("half", 8.0, 7.0), clip("face", 4.0, 3.0), clip("full", 1.0, 0.0)]
    found = quality.keys(summarize(quality.with_close(clips)))
    assert found["hand_pck_of_ceiling_close"] == 0.6 and found["hand_pck_of_ceiling_full"] == 0.1
    assert quality.over_prior(clips) == {"over_prior": {"hand_pck": [0.1, 0.1, 0.1]}}


def test_somebody_who_cannot_be_enrolled_is_named_before_anything_is_animated():
    shown, empty = astronaut(), torch.zeros_like(astronaut())
    views = {0: (empty, empty, shown), 1: (shown, empty, empty)}  # the first is not enrolled
    people = []
    for name, three in (("found", (empty, empty, shown)), ("not", (shown, empty, empty))):
        views = tuple(View(image, image[:1], person(1).tracks[0], 0.0, "face") for image in three)
        motion, frames = person(1), torch.stack(three[:1])  # the first picture is not enrolled
        people.append(Turning(Subject(name, views), motion, frames, frames[:, :1], torch.zeros(1)))
    assert enrolled(people[:1], perception()).owner.tolist() == [0]
    with pytest.raises(KMCError, match="found none of person 1"):
        enrolled(people, perception())
