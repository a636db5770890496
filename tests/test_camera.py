"""Camera moves: words <-> data, a smooth similarity for each frame, and a motion that follows it exactly."""

import math
from dataclasses import replace

import pytest
import torch

from kmc_core.errors import KMCError
from kmc_core.motion.camera import (
    DIRECTIONS,
    NOT_FLAT,
    SHIFT,
    ZOOM,
    Camera,
    CameraMove,
    apply_camera,
    camera_path,
)
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion, Track
from kmc_core.prompt.camera_words import asked_camera, camera_report, camera_words, read_camera
from moving_person import person

SIZE = (640, 720)
FRAMES = 25
MOVES = [
    CameraMove(kind, direction, speed)
    for kind, directions in DIRECTIONS.items()
    for direction in directions
    for speed in (("slow", "normal", "fast") if kind not in ("static", "handheld") else ("normal",))
]


def last(*moves: CameraMove, strength: float = 1.0) -> torch.Tensor:
    """[2, 3] the path's last frame."""
    return camera_path(Camera(moves), FRAMES, SIZE, strength=strength)[-1]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_words_of_a_move_read_as_the_same_move(move: CameraMove) -> None:
    assert read_camera(camera_words(Camera((move,)))) == Camera((move,))


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("camera pans from left to right", ["pan right"]),
        ("slow zoom in, handheld", ["zoom in slow", "handheld"]),
        ("The camera slowly pushes in on her face", ["dolly in slow"]),
        ("pull back quickly, tilt up", ["dolly out fast", "tilt up"]),
        ("the camera moves around the dancer", ["orbit"]),
        ("no camera movement", ["static"]),
        ("crane shot", ["crane up"]),
        ("zoom in and out", ["zoom in", "zoom out"]),
        ("镜头慢慢推近，然后向左摇", ["dolly in slow", "pan left"]),
        ("固定镜头", ["static"]),
        ("她看着镜头，煎锅", []),
        ("she tilts her head to the left and pushes a cart; a frying pan", []),
        ("a truck rolls down the road, a satellite in orbit", []),
    ],
)
def test_camera_words_are_read_and_other_words_are_not(text: str, moves: list[str]) -> None:
    assert [str(move) for move in read_camera(text).moves] == moves


def test_a_text_without_a_move_is_refused_where_a_camera_is_asked() -> None:
    assert asked_camera(" ") == Camera()
    with pytest.raises(KMCError, match="Expected camera words such as .* got 'hello'"):
        asked_camera("hello")


def test_a_direction_that_a_move_lacks_is_refused() -> None:
    with pytest.raises(KMCError, match=r"A camera's zoom has the direction in, out, got 'left'"):
        CameraMove("zoom", "left")


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_every_path_is_a_smooth_similarity_that_starts_at_the_identity(move: CameraMove) -> None:
    path = camera_path(Camera((move,)), 101, SIZE)
    assert torch.equal(path[0], torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    a, b, c, d = path[:, 0, 0], path[:, 0, 1], path[:, 1, 0], path[:, 1, 1]
    assert torch.allclose(a, d) and torch.allclose(b, -c)
    steps = path.diff(dim=0).flatten(1).norm(dim=1)
    if not move.flat or move.kind == "static":
        assert float(steps.max()) == 0
        return
    assert steps.max() > 0 and steps[0] < 0.1 * steps.max() and steps[-1] < 0.1 * steps.max()
    assert steps.diff().abs().max() < 0.1 * steps.max()


def test_signs_are_those_of_the_camera() -> None:
    width, height = SIZE
    corner = torch.tensor((100.0, 100.0, 1.0))
    assert torch.allclose(last(CameraMove("pan", "left")) @ corner, torch.tensor((100 + 0.2 * width, 100.0)))
    assert torch.allclose(last(CameraMove("tilt", "up")) @ corner, torch.tensor((100, 100.0 + 0.2 * height)))
    middle = torch.tensor((width / 2, height / 2, 1.0))
    for kind in ("zoom", "roll"):
        direction = "in" if kind == "zoom" else "left"
        assert torch.allclose(last(CameraMove(kind, direction)) @ middle, middle[:2], atol=1e-3)
    assert float(last(CameraMove("zoom", "in"))[0, 0]) == pytest.approx(ZOOM["normal"])
    assert float(last(CameraMove("dolly", "out", "fast"))[0, 0]) == pytest.approx(1 / ZOOM["fast"])
    right_of_middle = torch.tensor((width / 2 + 100, height / 2, 1.0))
    assert float((last(CameraMove("roll", "left")) @ right_of_middle)[1]) > height / 2


def test_strength_scales_a_move_and_zero_undoes_it() -> None:
    pan = CameraMove("pan", "left", "slow")
    assert float(last(pan, strength=2)[0, 2]) == pytest.approx(2 * SHIFT["slow"] * SIZE[0])
    assert torch.equal(last(pan, strength=0), torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    with pytest.raises(KMCError, match="give a number from 0 up"):
        last(pan, strength=math.nan)


def test_moves_of_one_kind_follow_each_other_and_of_different_kinds_go_together() -> None:
    there_and_back = camera_path(Camera((CameraMove("zoom", "in"), CameraMove("zoom", "out"))), FRAMES, SIZE)
    assert float(there_and_back[FRAMES // 2, 0, 0]) == pytest.approx(ZOOM["normal"])
    assert torch.allclose(there_and_back[-1], there_and_back[0], atol=1e-3)
    together = camera_path(Camera((CameraMove("zoom", "in"), CameraMove("pan", "left"))), FRAMES, SIZE)
    half = together[FRAMES // 2]
    middle = torch.tensor((SIZE[0] / 2, SIZE[1] / 2, 1.0))
    assert float(half[0, 0]) > 1.05 and float((half @ middle)[0]) > SIZE[0] / 2 + 10


@pytest.mark.parametrize("move", [move for move in MOVES if move.speed == "normal"], ids=str)
def test_every_seen_point_of_a_motion_follows_the_path(move: CameraMove) -> None:
    motion = person(FRAMES)
    path = camera_path(Camera((move,)), FRAMES, motion.size)
    before, after = motion.tracks[0], apply_camera(motion, Camera((move,))).tracks[0]

    def expected(points: torch.Tensor) -> torch.Tensor:
        return (
            torch.einsum("fij,f...j->f...i", path[..., :2], points)
            + path[(slice(None), *(None,) * (points.dim() - 2), slice(None), 2)]
        )

    scale = path[:, :, 0].norm(dim=1)
    for part in ("body", "hands"):
        old, new = getattr(before, part), getattr(after, part)
        assert torch.allclose(new[..., :2], expected(old[..., :2]), atol=1e-3)
        assert torch.allclose(new[..., 2], old[..., 2] * scale.view(-1, *(1,) * (old.dim() - 2)), atol=1e-3)
        assert torch.equal(new[..., 3], old[..., 3])
    assert before.face is not None and after.face is not None
    assert torch.allclose(after.face.landmarks[..., :2], expected(before.face.landmarks[..., :2]), atol=1e-3)
    assert torch.allclose(after.face.crop[:, :2], expected(before.face.crop[:, :2]), atol=1e-3)
    assert torch.allclose(after.face.crop[:, 2], before.face.crop[:, 2] * scale, atol=1e-3)
    assert torch.equal(after.face.expression, before.face.expression)


def test_a_roll_turns_metric_joints_and_the_head_with_the_picture() -> None:
    motion = person(FRAMES)
    rolled = apply_camera(motion, Camera((CameraMove("roll", "left", "fast"),))).tracks[0]
    before = motion.tracks[0]
    assert rolled.world is not None and before.world is not None and rolled.body is not None
    assert rolled.face is not None and before.face is not None
    assert torch.allclose(rolled.world.norm(dim=-1), before.world.norm(dim=-1), atol=1e-5)

    def angle(joints: torch.Tensor) -> float:
        across = joints[-1, JOINT["l_shoulder"], :2] - joints[-1, JOINT["r_shoulder"], :2]
        return math.degrees(math.atan2(float(across[1]), float(across[0])))

    assert angle(rolled.world) - angle(before.world) == pytest.approx(20, abs=0.01)
    assert angle(rolled.body) == pytest.approx(angle(rolled.world), abs=0.01)
    identity = rolled.face.rotation @ rolled.face.rotation.transpose(1, 2)
    assert torch.allclose(identity, torch.eye(3).expand(FRAMES, 3, 3), atol=1e-5)
    nod = rolled.face.rotation[-1] @ before.face.rotation[-1].T
    assert math.degrees(math.atan2(float(nod[1, 0]), float(nod[0, 0]))) == pytest.approx(20, abs=0.01)


def test_what_was_not_seen_stays_as_it_is_and_the_rest_of_the_motion_is_kept() -> None:
    motion = person(FRAMES)
    track = motion.tracks[0]
    assert track.body is not None and track.face is not None
    body = track.body.clone()
    body[:, JOINT["l_wrist"]] = 0
    unseen = replace(track.face, confidence=torch.zeros(FRAMES), landmarks=torch.zeros(FRAMES, 478, 3))
    hidden = replace(motion, tracks=(replace(track, body=body, face=unseen, name="Ada"), Track(body=body)))
    moved = apply_camera(hidden, Camera((CameraMove("pan", "right"),)))
    assert moved.tracks[0].body is not None and moved.tracks[0].face is not None
    assert not bool(moved.tracks[0].body[:, JOINT["l_wrist"]].any())
    assert not bool(moved.tracks[0].face.landmarks.any())
    assert (moved.fps, moved.size, moved.tracks[0].name) == (motion.fps, motion.size, "Ada")
    assert moved.tracks[1].body is not None and torch.equal(moved.tracks[1].body, moved.tracks[0].body)


def test_no_camera_and_a_static_one_change_nothing() -> None:
    motion = person(FRAMES)
    for camera in (Camera(), Camera((CameraMove("static"),))):
        moved = apply_camera(motion, camera).tracks[0]
        assert moved.body is not None and motion.tracks[0].body is not None
        assert torch.equal(moved.body, motion.tracks[0].body)
    assert apply_camera(Motion(25.0, SIZE, ()), Camera((CameraMove("pan", "left"),))).frames == 0


def test_the_report_names_what_a_flat_picture_cannot_show() -> None:
    assert camera_report(read_camera("slow zoom in")) == "Applied: camera slowly zooms in."
    assert camera_report(read_camera("static camera")) == "The picture stands still."
    report = camera_report(read_camera("pan left, orbit right, handheld"))
    assert report.startswith("Applied: camera pans left.\nLeft out")
    assert "camera orbits right around the subject, handheld camera" in report
    assert set(NOT_FLAT) == {"orbit", "follow", "handheld"}
