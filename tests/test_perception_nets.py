"""The converted nets answer as the reference runtimes do, for any batch, and load only from whole files."""

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors import safe_open

from kmc_core.errors import KMCError
from kmc_core.perception.backends import SUFFIXES, require_backend
from kmc_core.perception.nets import Net, NetName, content_digest, load_net

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "weights/perception"
GOLDEN = ROOT / "tests/golden/perception"
NAMES = get_args(NetName)
IMAGE_NETS = [name for name in NAMES if name not in ("face_expressions", "face_identity")]
RELATIVE = 2e-3  # of the largest value of an output: 16-bit weights on both sides, other orders of summation

SMALL = 0.01  # outputs that stay below this (probabilities of nothing) are compared by their difference


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Nets this small spend their time waiting for threads when the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def golden(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def golden_input(record: dict) -> torch.Tensor:
    """The recorded picture of coloured squares [1,3,H,W] in 0..1, or the recorded points [1,146,2]."""
    squares = torch.tensor(record["input"], dtype=torch.float32)
    if squares.ndim == 2:
        return squares[None]
    side = record["square"]
    return squares.repeat_interleave(side, 0).repeat_interleave(side, 1).permute(2, 0, 1)[None] / 255


def random_input(net: Net, batch: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, *net.input_shape, generator=torch.Generator().manual_seed(seed))


def load(name: str, folder: Path = WEIGHTS, **settings) -> Net:
    return load_net(name, folder, device="cpu", **settings)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=SMALL))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_the_reference_runtime(name: str) -> None:
    record = golden(name)
    outputs = load(name)(golden_input(record))
    assert len(outputs) == len(record["outputs"])
    for output, expected in zip(outputs, record["outputs"], strict=True):
        if name != "face_expressions":  # its source graph drops the batch
            assert list(output.shape) == expected["shape"]
        flat = output.reshape(-1)
        at = np.linspace(0, flat.numel() - 1, len(expected["values"])).round()
        difference = (flat[torch.from_numpy(at).long()] - torch.tensor(expected["values"])).abs().max()
        assert difference <= RELATIVE * expected["largest"]


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_its_images_give_alone(name: str) -> None:
    net = load(name)
    images = random_input(net, 3)
    together = net(images)
    for i in range(3):
        for whole, alone in zip(together, net(images[i : i + 1]), strict=True):
            assert relative_error(whole[i : i + 1], alone) < 1e-3


@pytest.mark.parametrize("name", IMAGE_NETS)
def test_leaving_out_outputs_changes_none_of_the_others(name: str) -> None:
    net = load(name)
    images = random_input(net, 2)
    complete = net(images)
    for i, expected in enumerate(complete):
        (alone,) = net(images, outputs=(i,))
        assert torch.equal(alone, expected)


@pytest.mark.parametrize("name", ["pose_landmarks", "face_landmarks", "face_identity"])
def test_gradients_reach_the_picture_and_agree_with_the_plain_run(name: str) -> None:
    net = load(name)
    images = random_input(net, 2).requires_grad_()
    tracked = net(images)
    for a, b in zip(tracked, net(images.detach()), strict=True):
        assert relative_error(a.detach(), b) < 1e-3
    tracked[0].square().mean().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(not parameter.requires_grad for parameter in net.module.parameters())


@pytest.mark.parametrize("name", IMAGE_NETS)
def test_features_halve_in_size_and_tell_pictures_apart(name: str) -> None:
    net = load(name)
    images = random_input(net, 2)
    features = net.features(images.requires_grad_())
    assert len(features) >= 4
    for key, value in features.items():
        assert value.shape[0] == 2 and value.shape[2] == net.input_shape[1] // int(key.removeprefix("stride"))
        assert not torch.equal(value[0], value[1])
    features["stride16"].square().mean().backward()
    assert images.grad.abs().sum() > 0


def test_a_net_without_maps_refuses_features() -> None:
    net = load("face_expressions")
    with pytest.raises(KMCError, match="Features come from the image nets"):
        net.features(random_input(net, 1))


def test_half_precision_is_close_and_answers_in_float32() -> None:
    record = golden("hand_landmarks")
    net = load("hand_landmarks", dtype=torch.bfloat16)
    assert next(net.module.parameters()).dtype == torch.bfloat16
    outputs, exact = net(golden_input(record)), load("hand_landmarks")(golden_input(record))
    assert all(output.dtype == torch.float32 for output in outputs)
    assert relative_error(outputs[0], exact[0]) < 0.05


def test_expressions_ignore_where_and_how_large_the_face_is() -> None:
    net = load("face_expressions")
    points = golden_input(golden("face_expressions"))
    assert torch.allclose(net(points)[0], net(points * 3 + 100)[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 128, 128), (1, 256, 256, 3), (3, 256, 256)])
def test_a_picture_of_the_wrong_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(KMCError, match=r"takes float batches \[B, 3, 256, 256\], got"):
        load("pose_landmarks")(torch.zeros(shape))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KMCError, match=r"face_detector.safetensors is missing; restore weights/perception"):
        load("face_detector", tmp_path)


def test_an_unknown_net_is_refused() -> None:
    with pytest.raises(KMCError, match="There is no perception net 'ears'; there are pose_detector,"):
        load("ears")


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    data = (WEIGHTS / "face_detector.safetensors").read_bytes()
    (tmp_path / "face_detector.safetensors").write_bytes(data[:kept])
    with pytest.raises(KMCError, match=r"face_detector.safetensors is damaged .*; restore"):
        load("face_detector", tmp_path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    data = bytearray((WEIGHTS / "face_detector.safetensors").read_bytes())
    data[-7] ^= 1
    (tmp_path / "face_detector.safetensors").write_bytes(data)
    with pytest.raises(KMCError, match="was changed after it was made"):
        load("face_detector", tmp_path)


def test_another_nets_file_is_refused(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / "face_detector.safetensors", tmp_path / "palm_detector.safetensors")
    with pytest.raises(KMCError, match="holds the net face_detector, expected palm_detector"):
        load("palm_detector", tmp_path)


def rewrite(name: str, folder: Path, change) -> None:
    """Copy a weights file into `folder` with `change(header)` applied to its header, keeping the data."""
    data = (WEIGHTS / f"{name}.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    (folder / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    rewrite("face_detector", tmp_path, lambda header: header["__metadata__"].update(kmc_net_version="2"))
    with pytest.raises(KMCError, match="has version 2, expected 1"):
        load("face_detector", tmp_path)


@pytest.mark.parametrize("name", ["face_detector", "face_expressions"])
def test_a_renamed_tensor_is_refused(tmp_path: Path, name: str) -> None:
    """Missing and extra at once; the checksum sees it, so it is made to fit here."""

    def rename(header: dict) -> None:
        first = next(key for key in header if key != "__metadata__")
        header["odd"] = header.pop(first)

    rewrite(name, tmp_path, rename)
    with safe_open(tmp_path / f"{name}.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        digest = content_digest(file.metadata()["kmc_graph"], tensors)
    shutil.move(tmp_path / f"{name}.safetensors", tmp_path / "renamed")
    data = (tmp_path / "renamed").read_bytes()
    old = json.loads(data[8 : 8 + struct.unpack_from("<Q", data)[0]])["__metadata__"]["kmc_content_sha256"]
    (tmp_path / f"{name}.safetensors").write_bytes(data.replace(old.encode(), digest.encode()))
    with pytest.raises(KMCError, match="do not fit the net: 2 tensors are missing, extra or"):
        load(name, tmp_path)


def test_an_unknown_backend_lists_those_there_are() -> None:
    with pytest.raises(KMCError, match=r"The backend 'tensorrt' is not available here; available: torch"):
        require_backend("tensorrt")


@pytest.mark.parametrize("backend", ["onnxruntime", "ai-edge-litert"])
def test_a_backend_without_its_model_file_says_how_to_make_it(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend.replace("-", "_"))
    shutil.copy(WEIGHTS / "face_detector.safetensors", tmp_path)
    with pytest.raises(KMCError, match=r"needs .*face_detector.*, which is missing; make it with"):
        load("face_detector", tmp_path, backend=backend)


@pytest.mark.parametrize("backend", ["onnxruntime", "ai-edge-litert"])
@pytest.mark.parametrize("name", NAMES)
def test_backends_agree(backend: str, name: str) -> None:
    pytest.importorskip(backend.replace("-", "_"))
    if not (WEIGHTS / f"{name}{SUFFIXES[backend]}").is_file():
        pytest.skip("made by tools/convert_perception.py --onnx --tflite")
    net, other = load(name), load(name, backend=backend)
    assert other.module is None
    images = golden_input(golden(name)).repeat(2, *[1] * len(net.input_shape))
    for ours, theirs in zip(net(images), other(images), strict=True):
        assert ours.shape == theirs.shape
        assert relative_error(ours, theirs) < RELATIVE


def test_a_real_face_is_found_and_read() -> None:
    """A public-domain photograph (NASA): a score near one, and a smile read from its landmarks."""
    data = pytest.importorskip("skimage.data")
    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float() / 255  # 1 3 512 512
    small = torch.nn.functional.interpolate(photo, (128, 128), mode="area")
    scores = load("face_detector")(small)[1].sigmoid()
    assert scores.max() > 0.8
    face = torch.nn.functional.interpolate(photo[:, :, 35:215, 135:315], (256, 256), mode="bilinear")
    landmarks, presence, _ = load("face_landmarks")(face)
    assert presence.sigmoid() > 0.9
    mouth = landmarks.reshape(478, 3)[[61, 291]]
    eyes = landmarks.reshape(478, 3)[[33, 263]]
    assert (mouth[:, 1] > eyes[:, 1] + 50).all()
