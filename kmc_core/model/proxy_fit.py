"""How thick a person is: the proxy body's parts against the person's mask in a picture."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .proxy_body import CHEST, HIPS, NAMES, PARTS, TWISTED, ProxyBody
from .proxy_pose import Posture, posed_vertices, take_posture
from .proxy_views import Picture
from .raster import fragments

LIMBS: Final = tuple(NAMES[f"{s}_{n}"] for n in ("upper_arm", "forearm", "thigh", "shin") for s in "lr")
ALONG: Final = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)  # where along a bone it is measured
REACH: Final = 0.4  # metres that a mask is followed from a bone
STEPS: Final = 64
FEWEST: Final = 3  # measurements of a part, of two sides at every place
THINNEST, THICKEST = 0.7, 1.8


def fit_widths(body: ProxyBody, picture: Picture, scale: Tensor) -> Tensor:
    """[P] how much thicker than the average person's the parts are; 1 where the picture does not tell."""
    widths = torch.ones(len(PARTS), device=picture.mask.device)
    posture = take_posture(body, picture.pose, scale, widths)
    vertices = posed_vertices(body, posture, 0)
    size = picture.mask.shape[-2], picture.mask.shape[-1]
    shown = fragments(vertices, body.triangles, size)
    covered = torch.zeros(len(PARTS), size[0] * size[1], dtype=torch.bool, device=widths.device)
    covered[body.part[shown.triangle], shown.pixel] = True
    covered = covered.view(-1, *size)
    parts = covered.sum(0, dtype=torch.uint8)  # how many cover a pixel
    for part in (CHEST, *LIMBS):
        if posture.known[0, part]:
            own = [CHEST, HIPS] if part == CHEST else [part, *(k for k in TWISTED if PARTS[k].parent == part)]
            mine = covered[own].sum(0, dtype=torch.uint8)
            line = _bone(body, posture, part)
            widths[part] = _width(
                line, (mine > 0).float(), (parts > mine).float(), picture.mask[0], float(scale[0])
            )
    widths[HIPS] = widths[CHEST]
    for part in TWISTED:
        widths[part] = widths[PARTS[part].parent]
    return widths


def _bone(body: ProxyBody, posture: Posture, part: int) -> Tensor:
    """[2, 2] ends of a part's bone in the picture."""
    rest = body.joints[PARTS[part].b] - body.joints[PARTS[part].a]
    start = posture.place[0, part]
    return torch.stack((start, start + posture.linear[0, part] @ rest))[:, :2]


def _width(bone: Tensor, own: Tensor, others: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Width of the mask over that of the body's part, the median of what can be measured; 1 without that."""
    along = bone[1] - bone[0]
    across = F.normalize(torch.stack((-along[1], along[0])), dim=0)
    steps = torch.linspace(0, REACH * scale, STEPS, device=bone.device)[:, None]
    ratios = []
    for t in ALONG:
        rays = [bone[0] + t * along + steps * side for side in (across, -across)]
        person, body, hidden = (
            [_run(values, ray, outside) for ray in rays]
            for values, outside in ((mask, 1.0), (own, 0.0), (1 - others, 0.0))
        )
        # Where another limb lies at the edge, the mask does not tell this one's.
        free = [p < STEPS and h > max(p, b) for p, b, h in zip(person, body, hidden, strict=True)]
        if all(free) and min(body) > 1:
            ratios.append(sum(person) / sum(body))
        elif any(free) and min(body) > 1:
            side = free.index(True)
            ratios.append(person[side] / body[side])
    if len(ratios) < FEWEST:
        return torch.ones(())
    return torch.tensor(ratios).median().clamp(THINNEST, THICKEST)


def _run(values: Tensor, ray: Tensor, outside: float) -> int:
    """How many steps of a ray [N, 2] values [H, W] stay above a half; off the picture they are `outside`."""
    height, width = values.shape
    pixel = ray.floor().long()
    within = (pixel >= 0).all(1) & (pixel[:, 0] < width) & (pixel[:, 1] < height)
    pixel = pixel.clamp(min=0)
    here = values[pixel[:, 1].clamp(max=height - 1), pixel[:, 0].clamp(max=width - 1)]
    ended = (torch.where(within, here, outside) <= 0.5).nonzero()
    return int(ended[0]) if len(ended) else len(ray)
