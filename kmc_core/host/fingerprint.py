"""Names for what a result depends on, the same after a restart: of data by its content, of the host's objects
by the part of the graph that makes them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import KMCError

Node = Mapping[str, Any]  # class_type and inputs of the API format
LENGTH = 40  # hexadecimal digits of a name


def named(*values: Any) -> str:
    """A name for values: numbers, text, tensors, dataclasses, and lists and mappings of these."""
    digest = hashlib.sha256()
    for value in values:
        _feed(digest, value)
    return digest.hexdigest()[:LENGTH]


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        _feed(digest, [str(value.dtype), list(value.shape)])
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    elif is_dataclass(value):
        _feed(digest, {field.name: getattr(value, field.name) for field in fields(value)})
    elif isinstance(value, Mapping):
        _feed(digest, [list(pair) for pair in sorted(value.items())])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        digest.update(f"[{len(value)}".encode())
        for item in value:
            _feed(digest, item)
    elif value is None or isinstance(value, (str, int, float, bool)):
        digest.update(json.dumps(value).encode() + b",")
    else:
        raise KMCError(f"A {type(value).__name__} has no lasting name; it cannot be kept for later runs.")


def graph_name(graph: Any, node_id: str, inputs: Sequence[str]) -> str:
    """A name for what comes into some inputs of a node, from the graph (the host's DYNPROMPT) that makes it.

    Two graphs give one name when the same nodes with the same values lead into these inputs.
    """
    given = graph.get_node(node_id)["inputs"]
    return named([[name, _recipe(graph, given.get(name))] for name in inputs])


def _recipe(graph: Any, value: Any) -> Any:
    """How a value comes about: itself, or the node that makes it with the recipes of its inputs."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        node = graph.get_node(value[0])
        made = [[name, _recipe(graph, each)] for name, each in sorted(node["inputs"].items())]
        return [node["class_type"], value[1], made]
    return value
