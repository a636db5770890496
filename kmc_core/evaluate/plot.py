"""Figures over the frames of a video as a picture: one panel a metric."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .score import METRICS

WIDTH, PANEL, MARGIN, LABEL = 900, 64, 12, 190  # pixels
PAPER, INK, LINE, RULE = (250, 250, 248), (34, 34, 34), (44, 108, 176), (222, 222, 218)
FONT_SIZE: Final = 14


def plot_frames(frames: Mapping[str, Tensor]) -> Tensor:
    """Metrics [F] with nan where one does not apply -> uint8 [3, H, 900]; each panel has its own scale."""
    sheet = Image.new("RGB", (WIDTH, MARGIN + len(frames) * (PANEL + MARGIN)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for row, (name, values) in enumerate(frames.items()):
        top = MARGIN + row * (PANEL + MARGIN)
        draw.rectangle((LABEL, top, WIDTH - MARGIN, top + PANEL), outline=RULE)
        draw.text((MARGIN, top), METRICS[name][0], INK, font)
        known = values[~values.isnan()]
        if not len(known):
            continue
        low, high = float(known.min()), float(known.max())
        draw.text((MARGIN, top + 22), f"{low:.3f} to {high:.3f}", INK, font)
        x = torch.linspace(LABEL + 4, WIDTH - MARGIN - 4, max(2, len(values)))[: len(values)]
        y = top + PANEL - 6 - (values - low) / max(high - low, 1e-9) * (PANEL - 12)
        points = [(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True) if b == b]
        draw.line(points, LINE, 2)
        for a, b in points if len(points) < 100 else ():
            draw.ellipse((a - 2, b - 2, a + 2, b + 2), LINE)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1).contiguous()
