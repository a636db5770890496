"""Optional faster runtimes for the image nets, chosen by name: onnxruntime and ai-edge-litert.

Their model files (`<name>.onnx`, `<name>.tflite`) are not part of the repository;
`tools/convert_perception.py --onnx --tflite` makes them beside the weights.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import KMCError

ImageRunner = Callable[[Tensor], tuple[Tensor, ...]]
MODULES = {"torch": "torch", "onnxruntime": "onnxruntime", "ai-edge-litert": "ai_edge_litert"}
Device = Literal["auto", "cpu"]
SUFFIXES = {"onnxruntime": ".onnx", "ai-edge-litert": ".tflite"}


def require_backend(name: str) -> None:
    """Return when the backend `name` can be imported, else raise KMCError with the list of those that can."""
    available = [backend for backend, module in MODULES.items() if find_spec(module)]
    if name not in available:
        raise KMCError(
            f"The backend {name!r} is not available here; available: {', '.join(available)}. "
            "Choose one of these or install the package of that name."
        )


def load_runner(backend: str, folder: Path, name: str, *, signed: bool) -> ImageRunner:
    """The runner of net `name` with another runtime; `signed`: the .tflite net expects pixels in -1..1."""
    path = folder / f"{name}{SUFFIXES[backend]}"
    if not path.is_file():
        raise KMCError(
            f"The backend {backend} needs {path}, which is missing; make it with "
            "tools/convert_perception.py --onnx --tflite, or choose the torch backend."
        )
    return OnnxRunner(path) if backend == "onnxruntime" else LiteRTRunner(path, signed=signed)


class OnnxRunner:
    """Runs an .onnx file, where onnxruntime prefers or on the CPU.

    `input_shape` is what the file declares for a batch; names stand for sizes that it leaves open. KMCError
    when onnxruntime is not installed or cannot load the file.
    """

    def __init__(self, path: Path, device: Device = "auto"):
        if not find_spec("onnxruntime"):
            raise KMCError(
                f"{path.name} needs the package onnxruntime, which is not installed here; install it, or "
                "onnxruntime-gpu, into ComfyUI's Python."
            )
        runtime = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        where = ["CPUExecutionProvider"] if device == "cpu" else _providers(runtime)
        try:
            self.session = runtime.InferenceSession(str(path), options, where)
        except _load_errors() as error:
            raise KMCError(
                f"{path} cannot be loaded ({str(error).splitlines()[0]}); it is damaged, or the data file "
                "that belongs beside it is missing, so download both again."
            ) from error
        first = self.session.get_inputs()[0]
        self.input_name, self.input_shape = first.name, list(first.shape)
        self._dtype = np.float16 if first.type == "tensor(float16)" else np.float32

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B,3,H,W] -> outputs on the images' device; one by one where the file takes no batches."""
        array = images.cpu().numpy().astype(self._dtype)
        batches = np.split(array, len(array)) if self.input_shape[0] == 1 else [array]
        runs = [self.session.run(None, {self.input_name: batch}) for batch in batches]
        return tuple(torch.from_numpy(np.concatenate(ys)).to(images.device) for ys in zip(*runs, strict=True))


def _providers(runtime: Any) -> list[str]:
    """All but TensorRT, which spends minutes on building an engine for each file."""
    return [name for name in runtime.get_available_providers() if name != "TensorrtExecutionProvider"]


def _load_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a file that it cannot use; its errors have no common class."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented", "RuntimeException")
    return tuple(getattr(state, name) for name in names)


class LiteRTRunner:
    """Runs the source .tflite file on the CPU, one image at a time as its graph demands."""

    def __init__(self, path: Path, *, signed: bool):
        runtime = import_module("ai_edge_litert.interpreter")
        self.interpreter = runtime.Interpreter(str(path), num_threads=torch.get_num_threads())
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.outputs = [entry["index"] for entry in self.interpreter.get_output_details()]
        self.signed = signed

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B,3,H,W] 0..1 (or points [B,146,2]) -> outputs on the images' device."""
        x = images.float().cpu()
        x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
        x = x * 2 - 1 if self.signed else x
        results = [self._run_one(image) for image in x.contiguous().numpy()]
        return tuple(torch.from_numpy(np.stack(ys)).to(images.device) for ys in zip(*results, strict=True))

    def _run_one(self, image: np.ndarray) -> list[np.ndarray]:
        self.interpreter.set_tensor(self.input["index"], image[None])
        self.interpreter.invoke()
        outputs = (self.interpreter.get_tensor(index) for index in self.outputs)
        return [y[0].copy() if y.ndim > 1 else y.copy() for y in outputs]
