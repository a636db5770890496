"""Read a float .tflite file and lower it to the small graph that `kmc_core.perception.graph` runs.

The source speaks NHWC, ours NCHW: layout questions are settled here, once, so that the running code has none.
Sparse ("densified") weights are decoded by the reference kernels of ai-edge-litert.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
SAME, CUSTOM = 0, 32
FUSABLE = {"RELU": "relu", "PRELU": "prelu", "HARD_SWISH": "hardswish"}
NUMPY_TYPES = {0: np.float32, 1: np.float16, 2: np.int32}


@dataclass
class SourceOp:
    """One operator of the source: kind, ids of its input and output tensors, options."""

    kind: str
    inputs: list[int]
    output: int
    options: Any


@dataclass
class SourceGraph:
    """The source graph with its weights already dense and de-quantised (in their stored float type)."""

    ops: list[SourceOp]
    constants: dict[int, np.ndarray]
    shapes: dict[int, list[int]]
    inputs: list[int]
    outputs: list[int]


def read_tflite(path: Path) -> SourceGraph:
    """Parse `path`; DEQUANTIZE and DENSIFY of constants are resolved and do not appear among the ops."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    tensors, graph = model.subgraphs[0].tensors, model.subgraphs[0]
    shapes = {i: [int(s) for s in (t.shape if t.shape is not None else [])] for i, t in enumerate(tensors)}
    constants = {}
    for index, tensor in enumerate(tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.sparsity is None:
            constants[index] = np.frombuffer(bytes(bytearray(data)), NUMPY_TYPES[tensor.type]).reshape(
                shapes[index]
            )
    dense = _run_reference(path) if any(t.sparsity is not None for t in tensors) else None
    ops = []
    for op in graph.operators:
        kind = _kind(model.operatorCodes[op.opcodeIndex])
        inputs, output = [int(i) for i in op.inputs], int(op.outputs[0])
        if kind == "DENSIFY":
            constants[output] = dense.get_tensor(output).copy()
        elif kind == "DEQUANTIZE":
            constants[output] = constants[inputs[0]]
        else:
            ops.append(SourceOp(kind, inputs, output, op.builtinOptions))
    return SourceGraph(
        ops, constants, shapes, [int(i) for i in graph.inputs], [int(i) for i in graph.outputs]
    )


def _kind(code) -> str:
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == CUSTOM:
        return code.customCode.decode()
    return next(name for name, value in vars(schema.BuiltinOperator).items() if value == number)


def _run_reference(path: Path) -> Interpreter:
    """Run the graph once on zeros with the reference kernels, which keep every decoded weight readable."""
    runner = Interpreter(
        str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    runner.allocate_tensors()
    for entry in runner.get_input_details():
        runner.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    runner.invoke()
    return runner


@dataclass
class Lowering:
    """State of one lowering: ops and weights written so far, and which value each source tensor became."""

    source: SourceGraph
    ops: list[dict] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    value: dict[int, str] = field(default_factory=dict)

    def emit(self, op: str, inputs: list[str], **settings) -> str:
        """Append an op and return the name of its result."""
        name = f"{op}{len(self.ops)}"
        self.ops.append({"op": op, "in": inputs, "out": name, **settings})
        return name

    def weight(self, name: str, array: np.ndarray) -> str:
        """Store a weight under `name` and return the name."""
        self.weights[name] = np.ascontiguousarray(array)
        return name


def lower(source: SourceGraph) -> tuple[dict, dict[str, np.ndarray]]:
    """Source graph -> (graph as plain JSON data, weights by name), both in NCHW."""
    state = Lowering(source)
    state.value[source.inputs[0]] = "images"
    for op in source.ops:
        state.value[op.output] = LOWER[op.kind](state, op)
    outputs = [_source_layout(state, index) for index in source.outputs]
    ops = _fuse(state.ops, outputs)
    _, height, width, _ = source.shapes[source.inputs[0]]
    graph = {"input_size": [height, width], "ops": ops, "outputs": outputs, "features": _features(ops, state)}
    return graph, state.weights


def _source_layout(state: Lowering, index: int) -> str:
    name = state.value[index]
    return state.emit("nhwc", [name]) if len(state.source.shapes[index]) == 4 else name


def _same_padding(state: Lowering, op: SourceOp, kernel: tuple[int, int]) -> list[int]:
    """TensorFlow's SAME padding as [left, right, top, bottom]; it puts the odd pixel after."""
    if op.options.padding != SAME:
        return [0, 0, 0, 0]
    _, height, width, _ = state.source.shapes[op.inputs[0]]
    pads = []
    for size, k, stride in ((width, kernel[1], op.options.strideW), (height, kernel[0], op.options.strideH)):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        pads += [total // 2, total - total // 2]
    return pads


def _lower_conv(state: Lowering, op: SourceOp) -> str:
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    filters = state.source.constants[op.inputs[1]]
    filters = filters.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))  # -> O I H W
    pads = _same_padding(state, op, filters.shape[2:])
    x = state.emit("pad", [state.value[op.inputs[0]]], pad=pads) if any(pads) else state.value[op.inputs[0]]
    key = f"conv{len(state.ops)}"
    settings = {
        "weight": state.weight(f"{key}_weight", filters),
        "bias": state.weight(f"{key}_bias", state.source.constants[op.inputs[2]]),
        "stride": [op.options.strideH, op.options.strideW],
        "padding": [0, 0],
        "groups": filters.shape[0] if depthwise else 1,
    }
    return _activated(state, op, state.emit("conv", [x], **settings))


def _activated(state: Lowering, op: SourceOp, name: str) -> str:
    activation = ACTIVATIONS[op.options.fusedActivationFunction]
    return state.emit(activation, [name]) if activation else name


def _lower_prelu(state: Lowering, op: SourceOp) -> str:
    slope = state.weight(f"prelu{len(state.ops)}_slope", state.source.constants[op.inputs[1]].reshape(-1))
    return state.emit("prelu", [state.value[op.inputs[0]]], slope=slope)


def _lower_pad(state: Lowering, op: SourceOp) -> str:
    batch, height, width, channels = state.source.constants[op.inputs[1]].tolist()
    assert batch == [0, 0]
    return state.emit("pad", [state.value[op.inputs[0]]], pad=[*width, *height, *channels])


def _lower_max_pool(state: Lowering, op: SourceOp) -> str:
    kernel = [op.options.filterHeight, op.options.filterWidth]
    assert not any(_same_padding(state, op, kernel)), "pooling with padding does not occur in these nets"
    assert [op.options.strideH, op.options.strideW] == kernel
    return state.emit("max_pool", [state.value[op.inputs[0]]], kernel=kernel)


def _lower_average_pool(state: Lowering, op: SourceOp) -> str:
    assert [op.options.filterHeight, op.options.filterWidth] == state.source.shapes[op.inputs[0]][1:3]
    return state.emit("spatial_mean", [state.value[op.inputs[0]]], keepdim=True)


def _lower_mean(state: Lowering, op: SourceOp) -> str:
    assert sorted(state.source.constants[op.inputs[1]].reshape(-1).tolist()) == [1, 2]
    return state.emit("spatial_mean", [state.value[op.inputs[0]]], keepdim=bool(op.options.keepDims))


def _lower_binary(state: Lowering, op: SourceOp) -> str:
    assert not any(i in state.source.constants for i in op.inputs), "arithmetic with constants does not occur"
    name = state.emit(op.kind.lower(), [state.value[i] for i in op.inputs])
    return _activated(state, op, name)


def _lower_resize(state: Lowering, op: SourceOp) -> str:
    assert op.options.halfPixelCenters and not op.options.alignCorners
    size = state.source.constants[op.inputs[1]].tolist()
    return state.emit("resize", [state.value[op.inputs[0]]], size=size)


def _lower_reshape(state: Lowering, op: SourceOp) -> str:
    before, after = state.source.shapes[op.inputs[0]], state.source.shapes[op.output]
    assert before[0] == after[0] == 1 and len(before) == 4 and len(after) in (2, 3)
    return state.emit("rows", [state.value[op.inputs[0]]], shape=after[1:])


def _lower_concat(state: Lowering, op: SourceOp) -> str:
    assert op.options.axis == 1 and len(state.source.shapes[op.output]) == 3
    return state.emit("concat", [state.value[i] for i in op.inputs])


def _lower_linear(state: Lowering, op: SourceOp) -> str:
    key = f"linear{len(state.ops)}"
    weight = state.weight(f"{key}_weight", state.source.constants[op.inputs[1]])
    bias = state.weight(f"{key}_bias", state.source.constants[op.inputs[2]])
    return _activated(state, op, state.emit("linear", [state.value[op.inputs[0]]], weight=weight, bias=bias))


def _lower_deconv(state: Lowering, op: SourceOp) -> str:
    filters = state.source.constants[op.inputs[1]].transpose(3, 0, 1, 2)  # O H W I -> I O H W
    assert filters.shape[2:] == (2, 2), "a 2x2 kernel with stride 2"
    key = f"deconv{len(state.ops)}"
    weight = state.weight(f"{key}_weight", filters)
    bias = state.weight(f"{key}_bias", state.source.constants[op.inputs[2]])
    return state.emit("deconv", [state.value[op.inputs[0]]], weight=weight, bias=bias, stride=[2, 2])


def _lower_unary(state: Lowering, op: SourceOp) -> str:
    names = {"RELU": "relu", "HARD_SWISH": "hardswish", "LOGISTIC": "sigmoid"}
    return state.emit(names[op.kind], [state.value[op.inputs[0]]])


def _lower_depth_to_space(state: Lowering, op: SourceOp) -> str:
    return state.emit("depth_to_space", [state.value[op.inputs[0]]], block=op.options.blockSize)


LOWER = {
    "CONV_2D": _lower_conv,
    "DEPTHWISE_CONV_2D": _lower_conv,
    "PRELU": _lower_prelu,
    "PAD": _lower_pad,
    "MAX_POOL_2D": _lower_max_pool,
    "AVERAGE_POOL_2D": _lower_average_pool,
    "MEAN": _lower_mean,
    "ADD": _lower_binary,
    "MUL": _lower_binary,
    "RESIZE_BILINEAR": _lower_resize,
    "RESHAPE": _lower_reshape,
    "CONCATENATION": _lower_concat,
    "FULLY_CONNECTED": _lower_linear,
    "Convolution2DTransposeBias": _lower_deconv,
    "RELU": _lower_unary,
    "HARD_SWISH": _lower_unary,
    "LOGISTIC": _lower_unary,
    "DEPTH_TO_SPACE": _lower_depth_to_space,
}


def _fuse(ops: list[dict], outputs: list[str]) -> list[dict]:
    """Fold symmetric padding into the convolution behind it, where nothing else reads the padded value."""
    readers: dict[str, int] = {}
    for op in ops:
        for name in op["in"]:
            readers[name] = readers.get(name, 0) + 1
    pads = {
        op["out"]: op
        for op in ops
        if op["op"] == "pad" and readers[op["out"]] == 1 and op["out"] not in outputs
    }
    folded = set()
    for op in ops:
        pad = pads.get(op["in"][0]) if op["op"] == "conv" else None
        if pad and _is_symmetric(pad["pad"]):
            op["in"], op["padding"] = pad["in"], [pad["pad"][2], pad["pad"][0]]
            folded.add(pad["out"])
    return [op for op in ops if op["out"] not in folded]


def _is_symmetric(pad: list[int]) -> bool:
    return pad[0] == pad[1] and pad[2] == pad[3] and not any(pad[4:])


def _features(ops: list[dict], state: Lowering) -> dict[str, str]:
    """Name the trunk's last value at every resolution it passes on its way down: {"stride4": value, ...}."""
    height_of = {
        name: state.source.shapes[i][1] for i, name in state.value.items() if len(state.source.shapes[i]) == 4
    }
    full, smallest, features = height_of["images"], height_of["images"], {}
    for op in ops:
        height = height_of.get(op["out"])
        if height is None or height > smallest or height < 4:
            continue
        smallest = height
        if op["op"] not in ("pad", "rows", "sigmoid"):
            features[f"stride{full // height}"] = op["out"]
    return features
