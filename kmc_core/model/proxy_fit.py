"""How thick a person is: the proxy body's parts against the person's mask in a picture."""

from typing import Final

import torch
from torch import Tensor

from .proxy_body import CHEST, HAND_AT, HEAD, HIPS, NAMES, PARTS, ProxyBody, posed_vertices, take_posture
from .proxy_paint import Picture
from .raster import fragments

FITTED: Final = (HIPS, CHEST, *(NAMES[f"{s}_{n}"] for n in ("upper_arm", "forearm", "thigh", "shin") for s in "lr"))
ALONG: Final = (0.2, 0.35, 0.5, 0.65, 0.8)  # where along a bone it is measured
REACH: Final = 2.0  # how far a mask is followed, in widths of the average person's part
THINNEST, THICKEST = 0.7, 1.6


def fit_widths(body: ProxyBody, picture: Picture, scale: Tensor) -> Tensor:
    """[P] how much thicker than the average person's the parts are; 1 where the picture does not tell."""
    widths = torch.ones(len(PARTS))
    posture = take_posture(body, picture.pose, scale, widths)
    vertices = posed_vertices(body, posture, 0)
    return widths
