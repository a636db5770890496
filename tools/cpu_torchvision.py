"""Lets the registry's torchvision, built for CUDA, be imported beside a torch without CUDA.

Its compiled operators cannot load there, which torchvision tolerates, except that it registers shape
functions for operators that were then never declared. Declaring them is all that is missing; they stay
unusable, and nothing of the host calls them. The installer copies this file into the environment with a
.pth line that calls `install`; it does nothing until torchvision is imported.
"""

import sys
from importlib.abc import MetaPathFinder

OPERATORS = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",)
OPERATORS += ("q" + OPERATORS[0],)  # the quantized form


class DeclareOperatorsFirst(MetaPathFinder):
    """Sees the first import of torchvision, declares its operators, and leaves the import to the others."""

    library = None  # operators vanish with the object that declared them

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            self.declare()
        return None

    def declare(self):
        import torch

        DeclareOperatorsFirst.library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in OPERATORS:
            self.library.define(schema)


def install():
    """Start to watch for the import of torchvision."""
    sys.meta_path.insert(0, DeclareOperatorsFirst())
