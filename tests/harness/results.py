"""What a queued prompt did, the same for every way of driving the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Prompt = Mapping[str, Mapping[str, Any]]  # the host's API format: node id -> class_type, inputs

# A graph of the host's own nodes, to try any way of driving it: two red pictures of 32x16, shown.
PICTURE: Prompt = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 32, "height": 16, "batch_size": 2, "color": 0xFF0000},
    },
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


@dataclass(frozen=True)
class RunResult:
    """What one queued prompt did."""

    success: bool
    error: str | None = None  # one text: validation messages, or what the failing node raised
    error_node: str | None = None  # id of the failing node, when one failed while running
    interrupted: bool = False
    node_errors: Mapping[str, Any] = field(default_factory=dict)  # validation errors as the page gets them
    ui: Mapping[str, Any] = field(default_factory=dict)  # node id -> what it shows (images, text...)
    outputs: Mapping[str, list[list[Any]]] = field(
        default_factory=dict
    )  # in-process: node id -> slot -> values
    cached: frozenset[str] = frozenset()  # node ids that did not run, because the host kept their outputs
    events: tuple[tuple[str, Any], ...] = ()  # messages for the page, in order
    previews: int = 0  # pictures that were sent while nodes ran

    def output(self, node_id: str, slot: int = 0) -> Any:
        """The single value at one output socket."""
        (value,) = self.outputs[node_id][slot]
        return value


def refused(error: Mapping[str, Any] | str | None, node_errors: Mapping[str, Any]) -> RunResult:
    """The result of a prompt that the host's validation did not take, its messages one a line."""
    if isinstance(error, Mapping):
        error = f"{error['message']}: {error['details']}"
    lines = [error] if error else []
    for failing in node_errors.values():
        lines += [
            f"{failing['class_type']}: {each['message']}: {each['details']}" for each in failing["errors"]
        ]
    return RunResult(False, error="\n".join(lines), node_errors=node_errors)
