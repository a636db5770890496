"""Names for what a result depends on, the same after a restart: of data by its content, of the host's objects
by the part of the graph that makes them, and of files by their size and time.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import folder_paths
import torch
from torch import Tensor

from ..errors import KMCError
from .folders import WEIGHTS

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

    Two graphs give one name when the same nodes with the same values lead into these inputs, and the files
    that these values name are unchanged.
    """
    given = graph.get_node(node_id)["inputs"]
    made: dict[str, str] = {}
    return named([[name, _recipe(graph, given.get(name), made)] for name in inputs])


def _recipe(graph: Any, value: Any, made: dict[str, str]) -> Any:
    """How a value comes about: itself, or the name of the node that makes it. `made` are the names of nodes
    by their ids: many ways may lead to one node.
    """
    if isinstance(value, str):
        return [value, _files(value)]
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        return value
    node_id, output = value
    if not isinstance(output, int):
        return value
    if node_id not in made:
        node = graph.get_node(node_id)
        given = [[name, _recipe(graph, each, made)] for name, each in sorted(node["inputs"].items())]
        made[node_id] = named(node["class_type"], given)
    return [made[node_id], output]


def _files(name: str) -> list[list[int]]:
    """Size and time of every input and model file that a name may mean to the host."""
    paths = [folder_paths.get_annotated_filepath(name), os.path.join(WEIGHTS, "animator", name)]
    for folders, _ in folder_paths.folder_names_and_paths.values():
        paths += [os.path.join(folder, name) for folder in folders]
    stats = [os.stat(path) for path in sorted(set(paths)) if os.path.isfile(path)]
    return [[stat.st_size, stat.st_mtime_ns] for stat in stats]
