"""Figures mean what they say: perfect results are perfect, known errors have known sizes, intervals hold."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kmc_core.errors import KMCError
from kmc_core.evaluate.animation import evaluate_animation
from kmc_core.evaluate.blind import AXES, pairs, score_answers, write_sheet
from kmc_core.evaluate.metrics import colour_difference, flow, turn_between, warp_error
from kmc_core.evaluate.reading import Reading
from kmc_core.evaluate.report import Measured, as_json, difference, estimate, summarize, tables
from kmc_core.evaluate.score import SUBJECTS, Gallery, Truth, first_of_few, score
from kmc_core.motion.types import FaceMotion, Track
from media import astronaut, perception
from moving_person import character, person

FRAMES, SIDE = 3, 64


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def truth() -> tuple[Truth, Gallery]:
    """A moving texture with random joints, and the subject's face beside another one."""
    texture = torch.nn.functional.interpolate(noise(1, 3, 20, 20), size=(80, 80), mode="bilinear")[0]
    frames = torch.stack([texture[:, 8:72, 8 + shift : 72 + shift] for shift in (0, 3, 6)])
    body = torch.cat(
        [noise(FRAMES, 25, 2) * 50 + 5, torch.zeros(FRAMES, 25, 1), torch.ones(FRAMES, 25, 1)], -1
    )
    hands = torch.cat([noise(FRAMES, 2, 21, 3, seed=1) * 20 + 9, torch.ones(FRAMES, 2, 21, 1)], -1)
    landmarks = noise(FRAMES, 478, 3, seed=2) * 40 + 10
    rotation = torch.eye(3).expand(FRAMES, 3, 3)
    expression, sure = noise(FRAMES, 52, seed=3), torch.ones(FRAMES)
    track = Track(
        body, None, hands, FaceMotion(landmarks, expression, rotation, torch.zeros(FRAMES, 3), sure)
    )
    own, other = torch.eye(128)[:2]
    reading = Reading(body, hands, sure, expression, rotation, own.expand(FRAMES, 128))
    gallery = Gallery(torch.stack([other, own]), torch.tensor([0, 1]))
    return Truth.of(frames, torch.ones(FRAMES, 1, SIDE, SIDE), track, reading, 1), gallery


def figures(reading: Reading | None = None, frames: torch.Tensor | None = None) -> dict[str, float]:
    told, gallery = truth()
    shown = told.frames if frames is None else frames
    return {k: s / w for k, (s, w) in score(shown, reading or told.reading, told, gallery).items() if w}


def test_the_truth_itself_is_perfect():
    found = figures()
    assert found.pop("psnr") >= 99
    for name in ("ssim", "body_pck", "hand_pck", "faces_found", "id_sim", "id_rank1", "flicker"):
        assert found.pop(name) == pytest.approx(1), name
    assert all(value == pytest.approx(0, abs=0.05) for value in found.values()), found


def test_errors_are_as_large_as_they_were_made():
    told, _ = truth()
    body, hands = told.reading.body.clone(), told.reading.hands.clone()
    seen = told.reading.body[..., :2].flatten(0, 1)
    side = float((seen.amax(0) - seen.amin(0)).max())
    body[..., 0] += 0.05 * side
    hands[:, 0, :, 3] = 0  # not found
    half_turn = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]).expand(FRAMES, 3, 3)
    changed = replace(
        told.reading, body=body, hands=hands, expression=told.reading.expression + 0.1, rotation=half_turn,
        embeddings=torch.eye(128)[1].expand(FRAMES, 128),
    )  # fmt: skip
    found = figures(changed)
    assert found["body_pck"] == 1 and found["body_akd"] == pytest.approx(5, abs=0.01)
    assert found["hand_pck"] == 0.5 and found["hand_akd"] == pytest.approx(0, abs=1e-4)
    assert found["aed"] == pytest.approx(0.1) and found["apd"] == pytest.approx(90, abs=0.1)
    assert found["id_rank1"] == 0 and found["id_sim"] == pytest.approx(0)


def test_a_face_that_is_not_found_is_nobodys_and_has_no_expression():
    told, gallery = truth()
    blind = replace(told.reading, faces=torch.zeros(FRAMES))
    scores = score(told.frames, blind, told, gallery)
    assert scores["faces_found"] == (0, FRAMES) and scores["id_rank1"] == (0, FRAMES)
    assert scores["aed"][1] == scores["id_sim"][1] == 0


def test_flow_finds_a_shift_and_flicker_is_what_it_leaves():
    told, _ = truth()
    inside = told.shift[:, 8:-8, 8:-12]
    assert (inside[..., 0] == 3).float().mean() > 0.9 and (inside[..., 1] == 0).float().mean() > 0.9
    assert flow(told.frames[:1].repeat(2, 1, 1, 1)).abs().max() == 0
    lit = told.frames * torch.tensor([1.0, 0.9, 1.0]).view(3, 1, 1, 1)
    assert warp_error(lit, told.shift) > 1.3 * warp_error(told.frames, told.shift)
    assert figures(frames=lit)["flicker"] > 1.3


def test_turns_and_colours_have_their_known_size():
    assert turn_between(torch.eye(3)[None], torch.diag(torch.tensor([-1.0, 1, -1]))[None]).item() == 180
    white, black = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    assert colour_difference(white, black, torch.ones(1, 1, 4, 4)) == pytest.approx(100, abs=0.1)


def test_intervals_hold_the_value_and_a_group_without_a_metric_leaves_it_out():
    clips = [
        Measured(("all", "full" if i % 2 else "face"), {"animator": {"body_pck": (i % 5, 5.0)}})
        for i in range(40)
    ]
    found = summarize(clips)
    value = found["all"]["animator"]["body_pck"]
    assert value.value == pytest.approx(0.4) and 0.25 < value.low < 0.4 < value.high < 0.55
    assert set(found["full"]["animator"]) == {"body_pck"}
    assert summarize(clips) == found
    assert json.loads(as_json(found))["face"]["animator"]["body_pck"]["value"] > 0
    assert "### full" in tables(found) and "body PCK@0.1" in tables(found)


def test_a_difference_on_the_same_clips_is_surer_than_both_figures():
    hard = [{"aed": (0.01 * (i % 7), 1.0)} for i in range(30)]
    harder = [{"aed": (0.01 * (i % 7) + 0.005, 1.0)} for i in range(30)]
    apart, one = difference(harder, hard, "aed"), estimate(hard, "aed")
    assert apart is not None and one is not None
    assert apart.value == pytest.approx(0.005) and apart.high - apart.low < 0.1 * (one.high - one.low)
    assert difference(hard, [{} for _ in hard], "aed") is None


def test_a_face_is_recognised_among_few_however_many_there_are():
    owner = torch.arange(2 * SUBJECTS).repeat_interleave(2)  # two pictures of each
    best, second, last = (torch.linspace(0.5, 0, len(owner)) for _ in range(3))
    best[owner == 7] = torch.tensor([0.0, 0.9])  # one picture that is alike is enough
    second[owner == 7] = 0.495  # only one other subject is ahead
    last[owner == 7] = -1
    chance = first_of_few(torch.stack([best, second, last]), owner, 7)
    assert chance[0] == 1 and chance[2] == 0
    # Among 20 of 40, the one that is ahead is one of the 19 others with chance 19 / 39.
    assert chance[1].item() == pytest.approx(1 - 19 / 39)


def test_an_animation_is_measured_against_its_motion():
    subject, motion = character(), person(2)
    height, width = subject.views[0].image.shape[-2:]
    picture = torch.nn.functional.interpolate(astronaut()[None], size=(height, width))
    motion = replace(motion, size=(width, height))
    found = evaluate_animation(picture.expand(2, -1, -1, -1), motion, subject, perception())
    assert found.figures["flicker"] == 0 and found.figures["body_pck"] < 0.5  # somebody else, standing still
    assert json.loads(found.as_json())["frames"]["flicker"][0] is None
    assert found.as_markdown().startswith("| metric |")
    with pytest.raises(KMCError, match="The result has 1 frames, the motion 2"):
        evaluate_animation(picture, motion, subject, perception())


def folders(root: Path, names: tuple[str, ...] = ("ours", "theirs"), cases: int = 9) -> list[Path]:
    made = [root / name for name in names]
    for folder in made:
        folder.mkdir()
        for case in range(cases):
            (folder / f"case{case}.png").write_bytes(f"{folder.name}{case}".encode())
    return made


def answers(page: Path, verdicts: list[list]) -> str:
    told = json.loads(page.read_text().split("const told = ")[1].split(";\n")[0])
    return json.dumps({"id": told["id"], "answers": verdicts})


def test_a_blind_page_names_nobody_and_its_answers_score_the_first_folder(tmp_path: Path):
    both, page = folders(tmp_path), tmp_path / "page.html"
    write_sheet(both, page, seed=4)
    text = page.read_text()
    assert "ours" not in text and "theirs" not in text and "http" not in text
    drawn = pairs(both, 4)
    assert 0 < sum(pair.ours_left for pair in drawn) < 9
    wins = [[i, "hands", "left" if pair.ours_left else "right"] for i, pair in enumerate(drawn[:5])]
    lost = [[5, "hands", "right" if drawn[5].ours_left else "left"]]
    ties = [[i, "hands", "same"] for i in range(6, 9)]
    table = score_answers(answers(page, wins + lost + ties), both, 4)
    assert "| theirs | Hands | 5 | 3 | 1 | 2.00 |" in table
    assert score_answers("", both, 4) == "" and len(AXES) == 7


def test_wrong_folders_and_answers_are_refused(tmp_path: Path):
    both, page = folders(tmp_path), tmp_path / "page.html"
    write_sheet(both, page, seed=4)
    for line in ("[", "{}", answers(page, [[99, "hands", "left"]]), answers(page, [[0, "feet", "left"]])):
        with pytest.raises(KMCError):
            score_answers(line, both, 4)
    with pytest.raises(KMCError, match="for another page"):
        score_answers(answers(page, []), both, 5)
    with pytest.raises(KMCError, match="Expected two or more folders"):
        pairs(both[:1], 0)
    (both[1] / "case3.png").unlink()
    with pytest.raises(KMCError, match="do not hold the same cases: case3"):
        pairs(both, 4)
