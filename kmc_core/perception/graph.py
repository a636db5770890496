"""Run a perception net from its graph: operations on named values, each a small function of a table.

The graph is plain data stored beside the weights (`tools/convert_perception.py` writes both):
`{"input_size": [H, W], "signed_input": bool, "ops": [{"op", "in", "out", ...settings}], "outputs": [...],
"features": {...}, "weights": {name: shape}}`.
Values are `B C H W`; the ops `rows` and `nhwc` give results the layout of the source nets.

Speed on a CPU comes from three things: channels-last memory, 1x1 convolutions that reach the fast kernels
(`_conv`), and activations and sums that overwrite a value nobody reads again.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..errors import KMCError

Op = dict[str, Any]
Weights = nn.ParameterDict


def _conv(op: Op, weights: Weights, x: Tensor) -> Tensor:
    """A convolution. 1x1 kernels on a CPU need help.

    With one thread, torch sends them to a matrix product behind a copy unless they are strided or dilated.
    A dilation changes nothing in a kernel of one pixel, and with it oneDNN takes them, 1.5 times as fast.
    It refuses batches of one: there a linear layer over the pixels spares the copy.
    """
    weight, bias = weights[op["weight"]], weights[op["bias"]]
    dilation = 1
    if x.device.type == "cpu" and op["groups"] == 1 and weight.shape[2:] == (1, 1):
        if x.shape[0] == 1:
            return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
        dilation = 2
    return F.conv2d(x, weight, bias, op["stride"], op["padding"], dilation, op["groups"])


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


IN_PLACE: dict[str, Callable[..., Tensor]] = {
    "relu": lambda op, weights, x: x.relu_(),
    "relu6": lambda op, weights, x: x.clamp_(0, 6),
    "hardswish": lambda op, weights, x: F.hardswish(x, inplace=True),
    "add": lambda op, weights, x, y: x.add_(y),
}
OWN_MEMORY = {"conv", "deconv", "add", "mul", "max_pool", "resize", *IN_PLACE}  # results that are never views


class Step(NamedTuple):
    """One planned operation: the values it reads and which of them nobody reads later."""

    op: Op
    reads: list[str]
    drops: list[str]
    overwrites: bool  # whether it may overwrite the first value it reads


class GraphNet(nn.Module):
    """A net that executes `graph`. Its weights are created empty; fill them with `load_state_dict`.

    `signed_input` in the graph: the source net expects pixels in -1..1; ours always come in 0..1.
    """

    def __init__(self, graph: dict[str, Any]):
        super().__init__()
        self.ops, self.outputs, self.feature_values = graph["ops"], graph["outputs"], graph["features"]
        self.signed_input = graph["signed_input"]
        self.weights = nn.ParameterDict(
            {k: nn.Parameter(torch.empty(v)) for k, v in graph["weights"].items()}
        )
        unknown = sorted({op["op"] for op in self.ops} - set(OPS))
        if unknown:
            raise KMCError(
                f"A net's graph has operations {unknown} unknown to this version; update the pack."
            )
        self._plans: dict[frozenset[str], list[Step]] = {}

    def forward(self, images: Tensor, outputs: Iterable[int] | None = None) -> tuple[Tensor, ...]:
        """`images` [B,3,H,W] in 0..1 -> the net's outputs in the source's order and layout.

        `outputs`: positions of the outputs wanted; what only the others need is not computed.
        """
        names = self.outputs if outputs is None else [self.outputs[i] for i in outputs]
        values = self._run(images, names)
        return tuple(values[name] for name in names)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Named intermediate maps {"stride4": [B,C,H/4,W/4], ...}, the trunk's last at each resolution."""
        values = self._run(images, self.feature_values.values())
        return {name: values[value] for name, value in self.feature_values.items()}

    def _run(self, images: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        key = frozenset(wanted)
        if key not in self._plans:
            self._plans[key] = plan(self.ops, key)
        tracked = torch.is_grad_enabled() and images.requires_grad
        x = images * 2 - 1 if self.signed_input else images
        values = {"images": x.contiguous(memory_format=torch.channels_last)}
        for op, reads, drops, overwrites in self._plans[key]:
            run = (IN_PLACE if overwrites and not tracked else OPS)[op["op"]]
            values[op["out"]] = run(op, self.weights, *(values[name] for name in reads))
            for name in drops:
                del values[name]
        return values


def plan(ops: list[Op], wanted: frozenset[str]) -> list[Step]:
    """The steps that `wanted` depends on, in order, each knowing which values it is the last to read."""
    steps: list[Step] = []
    needed, read_later = set(wanted), set(wanted)
    owned = {op["out"] for op in ops if op["op"] in OWN_MEMORY}
    for op in reversed(ops):
        if op["out"] not in needed:
            continue
        needed.update(op["in"])
        drops = [name for name in dict.fromkeys(op["in"]) if name not in read_later]
        read_later.update(op["in"])
        reads = op["in"]
        if op["op"] == "add" and reads[0] not in drops:
            reads = reads[::-1]  # a sum may overwrite either
        overwrites = op["op"] in IN_PLACE and reads[0] in drops and reads[0] in owned
        steps.append(Step(op, reads, drops, overwrites))
    return steps[::-1]
