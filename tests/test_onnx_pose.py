"""Motion by ONNX files of the kinds that users have: found, decoded, put into our joints, or refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny_onnx
from harness.inprocess import InProcessHost
from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import JOINT, LEFT, RIGHT
from kmc_core.perception.backends import OnnxRunner
from kmc_core.perception.extract import TensorClip
from kmc_core.perception.onnx_pose import encode_whole_body
from kmc_core.perception.wholebody import WholeBodyNet, decode, joints
from kmc_core.perception.yolo import STRIDES, PersonDetector

WIDTH, HEIGHT, SIDE, FPS = 160, 120, 64, 10.0
SCALE = WIDTH / SIDE  # of a detector's picture
BOX = (20.0, 16.0, 44.0, 50.0)  # in it
NODE = "KMC_EncodeOnnxMotion"


def in_frame(box: tuple[float, ...]) -> Tensor:
    rim = (WIDTH - HEIGHT) / 2
    return torch.tensor(box) * SCALE - torch.tensor([0, rim, 0, rim])


def chosen_rows(*boxes: tuple[float, ...], score: float = 0.9, kind: int = 0) -> np.ndarray:
    rows = np.zeros((1, 300, 6))
    for row, box in zip(rows[0], boxes, strict=False):
        row[:] = (*box, score, kind)
    return rows


def centred_rows(box: tuple[float, ...]) -> np.ndarray:
    """As YOLOv8: two boxes of one person, and a dog beside it."""
    x0, y0, x1, y1 = box
    rows = np.zeros((1, 84, 84))
    for column, shift in enumerate((0, 1, 20)):
        rows[0, :4, column] = ((x0 + x1) / 2 + shift, (y0 + y1) / 2, x1 - x0, y1 - y0)
    rows[0, 4, :2], rows[0, 4 + 16, 2] = (0.9, 0.8), 0.9
    return rows


def grid_rows(box: tuple[float, ...]) -> np.ndarray:
    """As YOLOX: offsets to the cell that holds the middle, here of stride 16."""
    x0, y0, x1, y1 = box
    rows = np.zeros((1, sum((SIDE // stride) ** 2 for stride in STRIDES), 85))
    x, y = (x0 + x1) / 32, (y0 + y1) / 32
    row = rows[0, (SIDE // 8) ** 2 + int(y) * (SIDE // 16) + int(x)]
    row[:6] = (x - int(x), y - int(y), np.log((x1 - x0) / 16), np.log((y1 - y0) / 16), 0.9, 0.9)
    return rows


def detector(path: Path, rows: np.ndarray) -> PersonDetector:
    net = OnnxRunner(tiny_onnx.detector(path / "detector.onnx", rows, SIDE), "cpu")
    return PersonDetector(net, net.input_shape)


def pose(path: Path, kind: str) -> WholeBodyNet:
    make = tiny_onnx.simcc_pose if kind == "DWPose" else tiny_onnx.heatmap_pose
    net = OnnxRunner(make(path / "pose.onnx"), "cpu")
    return WholeBodyNet(net, net.input_shape)


def spot(x: float, y: float) -> Tensor:
    """A black frame uint8 [3, H, W] with a soft red spot."""
    columns, rows = torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT) + 0.5
    heat = torch.exp(-((columns - x) ** 2 + (rows[:, None] - y) ** 2) / 18)
    return torch.stack([255 * heat, 0 * heat, 0 * heat]).round().to(torch.uint8)


@pytest.mark.parametrize(
    "rows", [chosen_rows(BOX), centred_rows(BOX), grid_rows(BOX)], ids=["v10", "v8", "X"]
)
def test_every_kind_of_detector_finds_the_person_once(tmp_path: Path, rows: np.ndarray) -> None:
    boxes = detector(tmp_path, rows)(spot(80, 60))
    torch.testing.assert_close(boxes, in_frame(BOX)[None], atol=1e-3, rtol=0)


@pytest.mark.parametrize("unfit", [{"score": 0.2}, {"kind": 16}])
def test_what_is_unsure_or_no_person_is_not_found(tmp_path: Path, unfit: dict) -> None:
    assert detector(tmp_path, chosen_rows(BOX, **unfit))(spot(80, 60)).shape == (0, 4)


def test_yolox_sees_blue_first_and_255_and_the_others_red_first_and_1() -> None:
    seen: list[Tensor] = []

    def net_of(rows: np.ndarray) -> Callable[[Tensor], tuple[Tensor, ...]]:
        def net(images: Tensor) -> tuple[Tensor, ...]:
            seen.append(images)
            return (torch.from_numpy(rows).float(),)

        return net

    red = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
    red[0] = 255
    for rows, channel, white in ((grid_rows(BOX), 2, 255.0), (chosen_rows(BOX), 0, 1.0)):
        PersonDetector(net_of(rows), [1, 3, SIDE, SIDE])(red)
        middle, rim = seen[-1][0, :, SIDE // 2, SIDE // 2], seen[-1][0, :, 0, 0]
        assert middle[channel] == pytest.approx(white) and middle.sum() == pytest.approx(white)
        assert torch.allclose(rim, torch.tensor(white * 114 / 255))


@pytest.mark.parametrize("kind", ["DWPose", "ViTPose"])
@pytest.mark.parametrize("place", [(80.5, 60.5), (63.4, 81.7)])
def test_a_point_comes_back_to_its_place_in_the_frame(
    tmp_path: Path, kind: str, place: tuple[float, float]
) -> None:
    points = pose(tmp_path, kind)([spot(*place)] * 2, in_frame(BOX).expand(2, 4))
    assert points.shape == (2, 133, 3)
    assert (points[..., :2] - torch.tensor(place)).norm(dim=-1).max() < 0.5
    assert (points[..., 2] == 1).all()


def test_heat_is_read_between_its_cells() -> None:
    columns, rows = torch.arange(48.0), torch.arange(64.0)
    heat = 0.8 * torch.exp(-((columns - 20.3) ** 2 + (rows[:, None] - 33.6) ** 2) / 8)
    points = decode((heat.expand(1, 133, 64, 48),), (192, 256))
    torch.testing.assert_close(
        points[0, 0], torch.tensor([20.3 * 4 + 0.5, 33.6 * 4 + 0.5, 0.8]), atol=0.05, rtol=0
    )


def test_the_weaker_of_both_simcc_peaks_is_the_score() -> None:
    across, down = torch.zeros(1, 133, 576), torch.zeros(1, 133, 768)
    across[..., 101], down[..., 300] = 0.9, 0.4
    assert decode((across, down), (288, 384))[0, 0].tolist() == pytest.approx([51.0, 150.5, 0.4])


def test_the_133_points_become_our_joints() -> None:
    points = torch.stack([torch.arange(133.0), torch.arange(133.0) + 200, torch.full((133,), 0.9)], dim=-1)
    points[13, 2] = 0.1  # left knee
    points[21, 0] = -5.0  # right small toe, outside
    body, hands = joints(points[None], 300, 400)
    places = {name: body[0, index, 0].item() for name, index in JOINT.items()}
    assert (places["nose"], places["l_eye"], places["r_eye"], places["l_wrist"]) == (0, 1, 2, 9)
    assert (places["neck"], places["pelvis"], places["l_heel"], places["r_heel"]) == (5.5, 11.5, 19, 22)
    for unseen in ("l_knee", "r_small_toe"):
        assert not body[0, JOINT[unseen]].any()
    assert (body[0, [i for name, i in JOINT.items() if name not in ("l_knee", "r_small_toe")], 3] > 0).all()
    assert hands[0, LEFT, 0, 0] == 91 and hands[0, RIGHT, 20, 0] == 132 and not hands[..., 2].any()


def test_a_clip_becomes_a_motion_of_all_its_people(tmp_path: Path) -> None:
    larger = (2.0, 10.0, 60.0, 54.0)  # the spot lies in both
    find = detector(tmp_path, chosen_rows(BOX, larger))
    clip = TensorClip(torch.stack([spot(80.5 + 3 * frame, 60.5) for frame in range(4)]), FPS)
    reports: list[tuple[int, int]] = []
    read = pose(tmp_path, "ViTPose")
    motion = encode_whole_body(
        clip, find, read, people=2, choose="left to right", progress=lambda *p: reports.append(p)
    )
    assert (motion.frames, motion.size, motion.fps, len(motion.tracks)) == (4, (WIDTH, HEIGHT), FPS, 2)
    for track in motion.tracks:
        assert track.body is not None and track.hands is not None
        assert track.world is None and track.face is None
        nose = track.body[:, JOINT["nose"]]
        assert (nose[:, 0] - (80.5 + 3 * torch.arange(4))).abs().max() < 1.2 and (nose[:, 3] == 1).all()
    assert reports == [(4, 4)]
    (alone,) = encode_whole_body(clip, find, read).tracks
    first = motion.tracks[0].body  # its middle is further left
    assert alone.body is not None and first is not None and torch.equal(alone.body, first)
    with pytest.raises(KMCError, match="No person was found in any frame"):
        encode_whole_body(clip, detector(tmp_path, chosen_rows()), read)


def test_cancel_ends_it_within_a_frame(tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    looked = []

    def find(frame: Tensor) -> Tensor:
        looked.append(frame)
        return torch.zeros(0, 4)

    def check() -> None:
        if looked:
            raise Cancelled

    clip = TensorClip(torch.zeros(9, 3, HEIGHT, WIDTH, dtype=torch.uint8), FPS)
    with pytest.raises(Cancelled):
        encode_whole_body(clip, find, pose(tmp_path, "ViTPose"), check=check)
    assert len(looked) == 1


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KMCError, match=r"The detector gives \[1, 9, 9\]"):
        detector(tmp_path, np.zeros((1, 9, 9)))
    net = OnnxRunner(tiny_onnx.heatmap_pose(tmp_path / "body.onnx", points=17), "cpu")
    with pytest.raises(KMCError, match=r"gives \[\[17, 64, 48\]\] for a person, expected heat maps"):
        WholeBodyNet(net, net.input_shape)([spot(80, 60)], in_frame(BOX)[None])
    with pytest.raises(KMCError, match="takes pictures of widthxheight"):
        WholeBodyNet(net, ["batch", 3, "height", "width"])


def test_files_that_cannot_be_loaded_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model at all" * 9)
    with pytest.raises(KMCError, match=r"broken.onnx cannot be loaded \(.*\); it is damaged"):
        OnnxRunner(broken)
    whole = tiny_onnx.heatmap_pose(tmp_path / "whole.onnx")
    tiny_onnx.apart(whole).unlink()
    with pytest.raises(KMCError, match=r"whole.onnx cannot be loaded .*whole.bin.*data file"):
        OnnxRunner(whole)
    monkeypatch.setattr("kmc_core.perception.backends.find_spec", lambda name: None)
    with pytest.raises(KMCError, match="broken.onnx needs the package onnxruntime, which is not installed"):
        OnnxRunner(broken)


def test_the_node_reads_a_clip_with_files_of_the_hosts_folders(host: InProcessHost) -> None:
    folder = host.base / "models" / "detection"
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {
        "video": ["1", 0], "fps": FPS, "detector": "yolov10m.onnx", "pose": "dw-ll_ucoco_384.onnx",
        "device": "cpu", "people": 2,
    }  # fmt: skip
    frames = torch.stack([spot(80.5, 60.5)] * 2).permute(0, 2, 3, 1) / 255

    def run():
        show = {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}}
        return host.run(
            {"1": host.value(frames), "2": {"class_type": NODE, "inputs": dict(inputs)}, "3": show}
        )

    missing = run().error or ""
    assert "The file yolov10m.onnx is missing; put it into" in missing and "detection" in missing
    tiny_onnx.detector(folder / "yolov10m.onnx", chosen_rows(BOX), SIDE)
    (folder / "sub").mkdir()
    tiny_onnx.simcc_pose(folder / "sub" / "dw-ll_ucoco_384.onnx")
    result = run()
    assert result.success, result.error
    (track,) = result.output("2").tracks
    assert (track.body[:, JOINT["nose"], :2] - torch.tensor([80.5, 60.5])).abs().max() < 0.6
