"""Run a perception net from its graph: a list of operations on named values, every one a small function of a table.

The graph is plain data stored beside the weights (`tools/convert_perception.py` writes both):
`{"input_size": [H, W], "signed_input": bool, "ops": [{"op", "in", "out", ...settings}], "outputs": [...],
"features": {...}, "weights": {name: shape}}`.
Values are `B C H W`; the ops `rows` and `nhwc` give results the layout of the source nets.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..errors import KMCError

Op = dict[str, Any]
Weights = nn.ParameterDict


def _conv(op: Op, weights: Weights, x: Tensor) -> Tensor:
    weight, bias = weights[op["weight"]], weights[op["bias"]]
    return F.conv2d(x, weight, bias, op["stride"], op["padding"], groups=op["groups"])


def _deconv(op: Op, weights: Weights, x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, weights[op["weight"]], weights[op["bias"]], op["stride"])


def _linear(op: Op, weights: Weights, x: Tensor) -> Tensor:
    return F.linear(x, weights[op["weight"]], weights[op["bias"]])


def _prelu(op: Op, weights: Weights, x: Tensor) -> Tensor:
    return F.prelu(x, weights[op["slope"]])


def _spatial_mean(op: Op, weights: Weights, x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=op["keepdim"])


def _resize(op: Op, weights: Weights, x: Tensor) -> Tensor:
    return F.interpolate(x, op["size"], mode="bilinear", align_corners=False)


def _depth_to_space(op: Op, weights: Weights, x: Tensor) -> Tensor:
    """TensorFlow's order: the block's row and column are the outer part of the channels."""
    return rearrange(x, "b (i j c) h w -> b c (h i) (w j)", i=op["block"], j=op["block"])


def _rows(op: Op, weights: Weights, x: Tensor) -> Tensor:
    """Pixels become rows: B C H W -> B (H W C) cut to `shape`."""
    return x.permute(0, 2, 3, 1).reshape(-1, *op["shape"])


OPS: dict[str, Callable[..., Tensor]] = {
    "conv": _conv,
    "deconv": _deconv,
    "linear": _linear,
    "prelu": _prelu,
    "relu": lambda op, weights, x: F.relu(x),
    "relu6": lambda op, weights, x: F.relu6(x),
    "hardswish": lambda op, weights, x: F.hardswish(x),
    "sigmoid": lambda op, weights, x: torch.sigmoid(x),
    "add": lambda op, weights, x, y: x + y,
    "mul": lambda op, weights, x, y: x * y,
    "pad": lambda op, weights, x: F.pad(x, op["pad"]),
    "max_pool": lambda op, weights, x: F.max_pool2d(x, op["kernel"]),
    "spatial_mean": _spatial_mean,
    "resize": _resize,
    "depth_to_space": _depth_to_space,
    "rows": _rows,
    "nhwc": lambda op, weights, x: x.permute(0, 2, 3, 1),
    "concat": lambda op, weights, *xs: torch.cat(xs, 1),
}


class GraphNet(nn.Module):
    """A net that executes `graph`. Weights are created empty by name and shape; load them with `load_state_dict`.

    `signed_input` in the graph: the source net expects pixels in -1..1; ours always come in 0..1.
    """

    def __init__(self, graph: dict[str, Any]):
        super().__init__()
        self.ops, self.outputs, self.feature_values = graph["ops"], graph["outputs"], graph["features"]
        self.signed_input = graph["signed_input"]
        self.weights = nn.ParameterDict(
            {k: nn.Parameter(torch.empty(shape)) for k, shape in graph["weights"].items()}
        )
        unknown = sorted({op["op"] for op in self.ops} - set(OPS))
        if unknown:
            raise KMCError(
                f"A net's graph uses operations {unknown} that this version does not know; update the pack."
            )
        self.last_reader = {name: i for i, op in enumerate(self.ops) for name in op["in"]}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """`images` [B,3,H,W] in 0..1 -> the net's outputs in the source's order and layout."""
        values = self._run(images, keep=set(self.outputs))
        return tuple(values[name] for name in self.outputs)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Named intermediate maps {"stride4": [B,C,H/4,W/4], ...}, the trunk's last at each resolution."""
        values = self._run(images, keep=set(self.feature_values.values()))
        return {name: values[value] for name, value in self.feature_values.items()}

    def _run(self, images: Tensor, keep: set[str]) -> dict[str, Tensor]:
        """Run the ops, dropping each value after its last reader unless it is in `keep`."""
        x = images * 2 - 1 if self.signed_input else images
        values = {"images": x.contiguous(memory_format=torch.channels_last)}
        for index, op in enumerate(self.ops):
            values[op["out"]] = OPS[op["op"]](op, self.weights, *(values[name] for name in op["in"]))
            for name in op["in"]:
                if self.last_reader[name] == index and name not in keep:
                    values.pop(name, None)
        return values
