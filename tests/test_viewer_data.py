"""The file for the page's viewer holds what is drawn, where it is, and nothing that was not seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kmc_core.motion.files import load_tensors
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Action, Contact, Intent, Motion, Track
from kmc_core.motion.viewer_data import FACE_POINTS, REACH, STEPS, VIEW_FILE, viewer_data
from moving_person import HEIGHT, WIDTH, person


def read(motion: Motion, folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    path = folder / "motion.kmcview"
    path.write_bytes(viewer_data(motion))
    return load_tensors(path, VIEW_FILE)


def pixels(shares: Tensor) -> Tensor:
    """Coordinates as js/motion_file.js places them."""
    return (0.5 + shares.double() * (0.5 + REACH) / STEPS) * torch.tensor([WIDTH, HEIGHT])


def with_body(body: Tensor) -> Motion:
    motion = person(len(body))
    return replace(motion, tracks=(Track(body=body),))


def test_every_drawn_point_comes_back_where_it_was(tmp_path: Path) -> None:
    motion = person(9)
    tensors, about = read(motion, tmp_path)
    (track,) = motion.tracks
    assert track.body is not None and track.hands is not None and track.face is not None
    assert (about["fps"], about["size"], about["frames"]) == (25.0, [WIDTH, HEIGHT], 9)
    for name, points in {
        "body": track.body[..., :2],
        "hands": track.hands[..., :2].flatten(1, 2),
        "face": track.face.landmarks[:, list(FACE_POINTS), :2],
    }.items():
        found = pixels(tensors[f"tracks.0.{name}"])
        assert float((found - points).abs().max()) < 0.03
        assert int(tensors[f"tracks.0.{name}.confidence"].min()) == 255
        used = {point for line in about["lines"][name] for point in line["points"]}
        assert used == set(range(points.shape[1])), (
            f"a point of the {name} is in no line, or beyond its points"
        )


def test_a_point_that_has_no_place_has_no_confidence(tmp_path: Path) -> None:
    body = person(1).tracks[0].body
    assert body is not None
    body = body.clone()
    body[0, 0, 3] = 0.2  # doubtful, but somewhere
    body[0, 1] = torch.tensor([0, 0, 0, 0.2])  # as retargeting leaves what it could not place
    body[0, 2] = float("nan")
    body[0, 3, :2] = torch.tensor([1e9, -1e9])
    tensors, about = read(with_body(body), tmp_path)
    confidence = tensors["tracks.0.body.confidence"][0]
    assert confidence[:3].tolist() == [51, 0, 0] and about["seen"] * 255 > 51
    assert tensors["tracks.0.body"][0, 3].tolist() == [STEPS, -STEPS]


def test_parts_that_a_track_lacks_are_absent(tmp_path: Path) -> None:
    body = person(2).tracks[0].body
    assert body is not None
    tensors, _ = read(with_body(body), tmp_path)
    assert sorted(tensors) == ["tracks.0.body", "tracks.0.body.confidence"]


def test_names_actions_and_contacts_travel_with_the_points_to_mark(tmp_path: Path) -> None:
    touches = (Contact("hand-face", "right", 1, 3), Contact("foot-ground", "left", 0, 4))
    intent = Intent((Action("wave", 0, 3, 0.75),), touches)
    (track,) = person(4).tracks
    two = replace(person(4), tracks=(replace(track, intent=intent, name="Anna"), track))
    _, about = read(two, tmp_path)
    anna, other = about["people"]
    assert anna["name"] == "Anna" and other == {"name": "", "actions": [], "contacts": []}
    assert anna["actions"] == [{"name": "wave", "start": 0, "end": 3, "confidence": 0.75}]
    hand, foot = anna["contacts"]
    assert (hand["kind"], hand["start"], hand["end"]) == ("hand-face", 1, 3)
    assert hand["at"] == [["hands", 30], ["body", JOINT["r_wrist"]]]
    assert foot["at"] == [["body", JOINT["l_big_toe"]], ["body", JOINT["l_ankle"]]]


@pytest.mark.parametrize(("people", "megabytes"), [(1, 1.5), (3, 4.5)])
def test_a_minute_of_people_stays_small(people: int, megabytes: float) -> None:
    motion = person(1500)
    crowd = replace(motion, tracks=motion.tracks * people)
    assert len(viewer_data(crowd)) < megabytes * 1e6
