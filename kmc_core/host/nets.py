"""Perception under the host's memory manager: loaded once, moved by the host; progress bar and cancel."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import comfy.model_management as mm
import torch
from comfy.model_patcher import ModelPatcher
from comfy.utils import ProgressBar

from ..perception.backends import MODULES
from ..perception.extract import Perception
from ..perception.suite import Backend
from .folders import perception_weights

# Activations of the largest net (pose landmarks, 256 px) on a batch of frames stay below this.
ACTIVATIONS = 512 * 1024**2


def backends() -> list[str]:
    """Names of the runtimes that can be imported here; torch always can."""
    return [name for name, module in MODULES.items() if find_spec(module)]


def perception(backend: Backend) -> Perception:
    """The nets on the host's device, ready to run. Kept between runs, moved out by the host at will."""
    device = mm.get_torch_device()
    dtype = torch.float16 if mm.should_use_fp16(device) else torch.float32
    nets, patcher = _loaded(backend, device, dtype)
    mm.load_models_gpu([patcher], memory_required=ACTIVATIONS, force_full_load=True)
    return nets


@lru_cache(maxsize=1)
def _loaded(backend: Backend, device: torch.device, dtype: torch.dtype) -> tuple[Perception, ModelPatcher]:
    offload = mm.unet_offload_device()
    nets = Perception.load(perception_weights(), device=offload, dtype=dtype, backend=backend)
    modules = torch.nn.ModuleList(nets.modules)
    patcher = ModelPatcher(modules, load_device=device, offload_device=offload)
    return nets, patcher


def hooks() -> dict[str, Callable[..., Any]]:
    """`progress` and `check` for the core's long loops: the node's progress bar, and the page's cancel
    button.
    """
    bar = ProgressBar(1)

    def progress(done: int, total: int) -> None:
        bar.update_absolute(done, max(total, 1))

    return {"progress": progress, "check": mm.throw_exception_if_processing_interrupted}
