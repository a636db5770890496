"""Optional faster runtimes for the image nets, chosen by name: onnxruntime and ai-edge-litert.

Their model files (`<name>.onnx`, `<name>.tflite`) are not part of the repository;
`tools/convert_perception.py --onnx --tflite` makes them beside the weights.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import KMCError

ImageRunner = Callable[[Tensor], tuple[Tensor, ...]]
MODULES = {"torch": "torch", "onnxruntime": "onnxruntime", "ai-edge-litert": "ai_edge_litert"}
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
    """Runs an .onnx file made from our modules (so pixels are 0..1), where onnxruntime prefers."""

    def __init__(self, path: Path):
        runtime = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = runtime.InferenceSession(str(path), options, runtime.get_available_providers())
        self.input_name = self.session.get_inputs()[0].name

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B,3,H,W] 0..1 -> outputs on the images' device."""
        outputs = self.session.run(None, {self.input_name: images.float().cpu().numpy()})
        return tuple(torch.from_numpy(y).to(images.device) for y in outputs)


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
