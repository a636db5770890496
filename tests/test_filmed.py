"""A finished animation filmed by a moving camera: person and background by one path, edges never seen."""

import pytest
import torch

from kmc_core.engines.filmed import film
from kmc_core.engines.kmc import placement
from kmc_core.errors import KMCError
from kmc_core.motion.camera import DIRECTIONS, Camera, CameraMove, camera_path, kept_inside
from kmc_core.motion.skeleton import JOINT
from moving_person import person

FRAMES = 9
FLAT_MOVES = [
    CameraMove(kind, direction, "fast")
    for kind in ("pan", "tilt", "zoom", "dolly", "crane", "roll")
    for direction in DIRECTIONS[kind]
]


def seen_corners(path: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """[F, 4, 2] places of the picture that the corners of each frame show."""
    corners = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]]) * torch.tensor(size)
    return torch.linalg.solve(path[:, :, :2], (corners - path[:, None, :, 2]).mT).mT


@pytest.mark.parametrize("move", FLAT_MOVES, ids=str)
def test_a_path_kept_inside_never_shows_the_edge_and_wastes_no_picture(move: CameraMove) -> None:
    size = (640, 360)
    path = camera_path(Camera((move,)), FRAMES, size)
    inside = kept_inside(path, size)
    seen, extent = seen_corners(inside, size), torch.tensor(size)
    assert (seen >= -0.05).all() and (seen <= extent + 0.05).all()
    touched = [
        (seen[..., axis].amin() < 0.1) & (seen[..., axis].amax() > size[axis] - 0.1) for axis in (0, 1)
    ]
    assert any(touched), "the picture is enlarged by no more than it takes"
    moves = torch.linalg.inv(path[:1, :, :2]) @ path[:, :, :2]
    kept = torch.linalg.inv(inside[:1, :, :2]) @ inside[:, :, :2]
    assert torch.allclose(moves, kept, atol=1e-5), "all frames are enlarged alike"


def test_a_camera_that_stays_inside_by_itself_is_left_as_it_is() -> None:
    path = camera_path(Camera((CameraMove("zoom", "in"),)), FRAMES, (640, 360))
    assert torch.equal(kept_inside(path, (640, 360)), path)


@pytest.mark.parametrize("edges", ["stay inside", "mirror"])
@pytest.mark.parametrize(
    "move", [CameraMove("pan", "left"), CameraMove("zoom", "out"), CameraMove("roll", "left")]
)
def test_a_mark_in_the_picture_lands_where_its_joint_lands(move: CameraMove, edges: str) -> None:
    motion = person(FRAMES)
    width, height = motion.size
    body = motion.tracks[0].body
    assert body is not None
    place = body[:, JOINT["neck"], :2]
    ys, xs = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    spot = torch.exp(-((xs - place[:, :1, None]) ** 2 + (ys - place[:, 1:, None]) ** 2) / 200)  # F H W
    frames, filmed = film(spot[:, None].expand(-1, 3, -1, -1), motion, Camera((move,)), edges=edges)  # type: ignore[arg-type]
    moved = filmed.tracks[0].body
    assert moved is not None
    for index in range(FRAMES):
        light = frames[index, 0] * (frames[index, 0] > 0.3)
        found = torch.stack([(light * xs).sum(), (light * ys).sum()]) / light.sum()
        assert torch.allclose(found, moved[index, JOINT["neck"], :2], atol=1.0)


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("edges", ["stay inside", "mirror"])
@pytest.mark.parametrize(
    "move", [CameraMove("pan", "left"), CameraMove("zoom", "out"), CameraMove("roll", "left")], ids=str
)
@pytest.mark.parametrize("size", [(512, 256), (240, 400), (320, 352)], ids=str)
def test_the_motion_fits_pictures_of_another_shape(
    move: CameraMove, edges: str, filled: bool, size: tuple[int, int]
) -> None:
    """A mark where the engine puts the pelvis lies, once filmed, where that of the filmed motion is put."""
    motion = person(FRAMES)
    factor, offset = placement(motion.size, size, filled)
    place = motion.tracks[0].body[:, JOINT["pelvis"], :2] * factor + offset
    ys, xs = torch.meshgrid(torch.arange(size[1]) + 0.5, torch.arange(size[0]) + 0.5, indexing="ij")
    spot = torch.exp(-((xs - place[:, :1, None]) ** 2 + (ys - place[:, 1:, None]) ** 2) / 50)
    pictures = spot[:, None].expand(-1, 3, -1, -1)
    camera = Camera((move,))
    frames, filmed = film(pictures, motion, camera, edges=edges, filled=filled)  # type: ignore[arg-type]
    moved = filmed.tracks[0].body[:, JOINT["pelvis"], :2] * factor + offset
    light = frames[:, 0] * (frames[:, 0] > 0.3)
    found = torch.stack([(light * xs).sum((1, 2)), (light * ys).sum((1, 2))], -1) / light.sum((1, 2))[:, None]
    inside = ((moved > 25) & (moved < torch.tensor(size) - 25)).all(1)
    assert inside.sum() >= 3
    assert (found - moved)[inside].abs().max() < 1.5


def test_mirrored_edges_show_the_picture_again_and_never_a_bar() -> None:
    motion = person(FRAMES)
    width, height = motion.size
    picture = (torch.arange(width) / width).expand(FRAMES, 3, height, width) * 0.5 + 0.25
    frames, _ = film(picture, motion, Camera((CameraMove("pan", "left", "fast"),)), edges="mirror")
    shift = round(0.35 * width)
    assert torch.allclose(frames[-1, :, :, :shift].flip(-1), picture[-1, :, :, :shift], atol=0.01)


def test_a_still_camera_gives_the_same_pictures_to_the_bit() -> None:
    motion = person(FRAMES)
    frames = torch.rand(FRAMES, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    for camera, strength in ((Camera(), 1.0), (Camera((CameraMove("pan", "left"),)), 0.0)):
        filmed, _ = film(frames, motion, camera, strength=strength)
        assert torch.equal(filmed, frames)


def test_an_animation_of_another_length_is_refused() -> None:
    with pytest.raises(KMCError, match="has 3 frames, its motion 9"):
        film(torch.zeros(3, 3, 8, 8), person(FRAMES), Camera())
