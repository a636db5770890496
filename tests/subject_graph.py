"""Graphs that make a subject, for tests of the nodes around it."""

from typing import Any

import torch

from harness.inprocess import InProcessHost
from media import astronaut


def shown(node: str, slot: int = 0) -> dict[str, Any]:
    return {"class_type": "PreviewAny", "inputs": {"source": [node, slot]}}


def creating(host: InProcessHost, images: torch.Tensor, **more: Any) -> dict[str, Any]:
    inputs = {"images": ["images", 0], "name": "Eileen", "description": "", "backend": "torch"} | more
    create = {"class_type": "KMC_CreateSubject", "inputs": inputs}
    return {"images": host.value(images), "create": create, "show": shown("create")}


def portrait() -> torch.Tensor:
    return astronaut().permute(1, 2, 0)[None]
