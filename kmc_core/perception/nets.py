"""Load a perception net by name from its weights file, which is used whole and unchanged or refused."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import KMCError
from .backends import ImageRunner, load_runner, require_backend
from .expression_net import POINTS, ExpressionNet
from .graph import GraphNet
from .identity_net import IdentityNet

NetName = Literal[
    "pose_detector",
    "pose_landmarks",
    "palm_detector",
    "hand_landmarks",
    "face_detector",
    "face_landmarks",
    "face_expressions",
    "person_mask",
    "face_identity",
]
Backend = Literal["torch", "onnxruntime", "ai-edge-litert"]
FILE_VERSION = "1"
CHIP_SIZE = 150
GET_WEIGHTS = "restore weights/perception from the release, or run tools/convert_perception.py"


@dataclass(frozen=True)
class NetFile:
    """One verified weights file: its graph (None for nets that are written as modules) and its tensors."""

    name: str
    input_shape: tuple[int, ...]  # without the batch
    graph: dict[str, Any] | None
    tensors: dict[str, Tensor]


class Net:
    """A loaded net: call it with a batch, get the source net's outputs as float32.

    `module` is the torch module (None with another backend): movable, its weights frozen, differentiable with
    respect to its input. Device and dtype are those the module has at the time of the call.
    """

    def __init__(
        self, name: str, input_shape: tuple[int, ...], module: nn.Module | None, runner: ImageRunner | None
    ):
        self.name, self.input_shape, self.module, self._runner = name, input_shape, module, runner

    def __call__(self, images: Tensor, outputs: tuple[int, ...] | None = None) -> tuple[Tensor, ...]:
        """`images` [B,3,H,W] RGB 0..1 at the net's size (`face_expressions`: points [B,146,2]) -> outputs.

        `outputs` names the positions wanted, e.g. (0, 1); an image net leaves out the work for the others.
        """
        self._check(images)
        if isinstance(self.module, GraphNet):
            return tuple(y.float() for y in self.module(self._placed(images), outputs))
        if self.module is not None:
            results = tuple(y.float() for y in self.module(self._placed(images)))
        else:
            assert self._runner is not None
            results = self._runner(images)
        return results if outputs is None else tuple(results[i] for i in outputs)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Intermediate maps {"stride4": [B,C,H/4,W/4], ...} of an image net, for feature distances."""
        self._check(images)
        if not isinstance(self.module, GraphNet):
            raise KMCError(f"Features come from the image nets with the torch backend; {self.name} has none.")
        return {name: y.float() for name, y in self.module.features(self._placed(images)).items()}

    def _placed(self, images: Tensor) -> Tensor:
        assert self.module is not None
        weight = next(self.module.parameters())
        return images.to(weight.device, weight.dtype)

    def _check(self, images: Tensor) -> None:
        if tuple(images.shape[1:]) != self.input_shape or not images.is_floating_point():
            raise KMCError(
                f"The net {self.name} takes float batches [B, {', '.join(map(str, self.input_shape))}], "
                f"got {list(images.shape)} of {images.dtype}: crop and resize first."
            )


def load_net(
    name: NetName,
    weights_dir: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    backend: Backend = "torch",
) -> Net:
    """Load `name` from `weights_dir`. KMCError when the file is missing, damaged or of another version."""
    if name not in get_args(NetName):
        raise KMCError(f"There is no perception net {name!r}; there are {', '.join(get_args(NetName))}.")
    require_backend(backend)
    file = read_net_file(name, Path(weights_dir))
    if backend != "torch":
        runner = load_runner(
            backend, Path(weights_dir), name, signed=bool(file.graph and file.graph["signed_input"])
        )
        return Net(name, file.input_shape, None, runner)
    module = build_module(file)
    module.load_state_dict(file.tensors, strict=True)
    module.to(device=device, dtype=dtype)
    module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (not in the stub)
    return Net(name, file.input_shape, module.eval().requires_grad_(False), None)


def build_module(file: NetFile) -> nn.Module:
    """The torch module for a weights file, with its weights still to be loaded; checks names and shapes."""
    if file.graph is not None:
        module: nn.Module = GraphNet(file.graph)
    else:
        module = ExpressionNet() if file.name == "face_expressions" else IdentityNet()
    expected = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in file.tensors.items()}
    if expected != found:
        odd = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
        raise KMCError(
            f"The weights of {file.name} do not fit the net: {len(odd)} tensors are missing, extra or "
            f"of another shape (first: {odd[0]}); {GET_WEIGHTS}."
        )
    return module


def read_net_file(name: NetName, weights_dir: Path) -> NetFile:
    """Read and verify `<weights_dir>/<name>.safetensors`."""
    path = weights_dir / f"{name}.safetensors"
    if not path.is_file():
        raise KMCError(f"The weights file {path} is missing; {GET_WEIGHTS}.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise KMCError(f"The weights file {path} is damaged ({error}); {GET_WEIGHTS}.") from error
    _check_metadata(path, name, metadata)
    if content_digest(metadata["kmc_graph"], tensors) != metadata.get("kmc_content_sha256"):
        raise KMCError(
            f"The weights file {path} was changed after it was made (wrong checksum); {GET_WEIGHTS}."
        )
    graph = json.loads(metadata["kmc_graph"])
    return NetFile(name, _input_shape(name, graph), graph, _dequantised(tensors))


def _dequantised(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights that the source keeps in 8 bits lie beside their `_scale` and `_offset` [O,1,1,1]."""
    result = {key: value for key, value in tensors.items() if not key.endswith(("_scale", "_offset"))}
    for key, value in result.items():
        if value.dtype == torch.uint8:
            result[key] = value * tensors[f"{key}_scale"] + tensors[f"{key}_offset"]
    return result


def _check_metadata(path: Path, name: str, metadata: dict[str, str]) -> None:
    version, net = metadata.get("kmc_net_version"), metadata.get("kmc_net")
    if version != FILE_VERSION:
        raise KMCError(
            f"The weights file {path} has version {version}, expected {FILE_VERSION}; {GET_WEIGHTS}."
        )
    if net != name or "kmc_graph" not in metadata:
        raise KMCError(f"The weights file {path} holds the net {net}, expected {name}; {GET_WEIGHTS}.")


def _input_shape(name: str, graph: dict[str, Any] | None) -> tuple[int, ...]:
    if graph is not None:
        return (3, *graph["input_size"])
    return (POINTS, 2) if name == "face_expressions" else (3, CHIP_SIZE, CHIP_SIZE)


def content_digest(graph: str, tensors: dict[str, Tensor]) -> str:
    """sha256 over the graph text and every tensor's name, shape, type and bytes."""
    digest = hashlib.sha256(graph.encode())
    for name in sorted(tensors):
        array = tensors[name].contiguous().numpy()
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
