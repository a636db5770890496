"""Write `<net>.onnx` beside the weights, for the onnxruntime backend: python tools/export_onnx.py [FOLDER]

Needs torch, onnx and onnxscript. The nets are our own torch modules: pixels 0..1, any batch size.
"""

import argparse
from pathlib import Path
from typing import get_args

import torch
import torch.nn.functional as F

from kmc_core.perception import graph
from kmc_core.perception.nets import NetName, load_net

ROOT = Path(__file__).resolve().parents[1]
OPSET = 18


def plain_conv(op: graph.Op, weights: graph.Weights, x: torch.Tensor) -> torch.Tensor:
    """The convolution without the detours that only help torch on a CPU."""
    weight, bias = weights[op["weight"]], weights[op["bias"]]
    return F.conv2d(x, weight, bias, op["stride"], op["padding"], groups=op["groups"])


def main() -> None:
    """Export every net of the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "weights/perception")
    folder = parser.parse_args().folder
    graph.OPS["conv"] = plain_conv
    graph.IN_PLACE.update({name: graph.OPS[name] for name in graph.IN_PLACE})
    for name in get_args(NetName):
        net = load_net(name, folder, device="cpu")
        assert net.module is not None
        example = torch.rand(2, *net.input_shape)
        program = torch.onnx.export(
            net.module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["images"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
        program.save(folder / f"{name}.onnx")
        print(f"{name}.onnx")


if __name__ == "__main__":
    main()
