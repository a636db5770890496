"""Tiny .onnx files with the inputs and outputs of the detectors and pose nets that users have.

A picture's brightest red spot is the person's place: the pose nets put all their points there.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 17, 8


def _save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> Path:
    def info(name: str, shape: list) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    kept = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [info(*i) for i in inputs], [info(*o) for o in outputs], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def detector(path: Path, rows: np.ndarray, side: int = 64) -> Path:
    """Gives the same `rows` for every picture [1, 3, side, side]."""
    nodes = [
        helper.make_node("ReduceSum", ["images", "axes"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "one"], ["scalar"]),
        helper.make_node("Add", ["rows", "scalar"], ["boxes"]),
    ]
    constants = {
        "axes": np.array([1, 2, 3]), "zero": np.float32([0]), "one": np.array([1]), "rows": np.float32(rows)
    }  # fmt: skip
    inputs, outputs = [("images", [1, 3, side, side])], [("boxes", list(rows.shape))]
    return _save(path, nodes, inputs, outputs, constants)


def heatmap_pose(path: Path, height: int = 256, width: int = 192, points: int = 133) -> Path:
    """As ViTPose: [B, 3, 256, 192] -> [B, 133, 64, 48], four pixels a cell."""
    nodes = [
        helper.make_node("Slice", ["images", "begin", "end", "channels"], ["red"]),
        helper.make_node("AveragePool", ["red"], ["small"], kernel_shape=[1, 1], strides=[4, 4]),
        helper.make_node("Add", ["small", "nothing"], ["heat"]),
    ]
    constants = {
        "begin": np.array([0]), "end": np.array([1]), "channels": np.array([1]),
        "nothing": np.zeros((1, points, 1, 1), np.float32),
    }  # fmt: skip
    shape = ["batch", points, height // 4, width // 4]
    return _save(path, nodes, [("images", ["batch", 3, height, width])], [("heat", shape)], constants)


def simcc_pose(path: Path, height: int = 384, width: int = 288) -> Path:
    """As DWPose: [1, 3, 384, 288] -> [1, 133, 576] and [1, 133, 768], two bins a pixel."""
    nodes = [helper.make_node("Slice", ["images", "begin", "end", "channels"], ["red"])]
    constants = {"begin": np.array([0]), "end": np.array([1]), "channels": np.array([1])}
    outputs = []
    for name, axis, length in (("simcc_x", 2, width), ("simcc_y", 3, height)):
        nodes += [
            helper.make_node("ReduceMax", ["red"], [f"{name}_line"], axes=[axis], keepdims=0),
            helper.make_node("Reshape", [f"{name}_line", f"{name}_apart"], [f"{name}_bins"]),
            helper.make_node("Expand", [f"{name}_bins", f"{name}_twice"], [f"{name}_both"]),
            helper.make_node("Reshape", [f"{name}_both", f"{name}_flat"], [name]),
        ]
        constants |= {
            f"{name}_apart": np.array([-1, 1, length, 1]), f"{name}_twice": np.array([1, 133, length, 2]),
            f"{name}_flat": np.array([-1, 133, 2 * length]),
        }  # fmt: skip
        outputs.append((name, [1, 133, 2 * length]))
    return _save(path, nodes, [("images", [1, 3, height, width])], outputs, constants)


def apart(path: Path) -> Path:
    """A file whose weights lie in `<name>.bin` beside it, as vitpose_h is delivered; returns that."""
    weights = path.with_suffix(".bin")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location=weights.name, size_threshold=100)
    return weights
