"""The posed proxy body as a picture: every sample of its surface is looked up in the views of the person."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .proxy_body import HEAD, PARTS, ProxyBody
from .proxy_eyes import eyes
from .proxy_guess import opening
from .proxy_pose import Posture, part_sizes, posed_vertices
from .proxy_views import Paint, Wanted, facing, look_up, rays
from .puppet import VISIBLE
from .raster import fragments, nearest

FINE: Final = 384  # about the samples along a small canvas' longer side: eyelids are finer than its pixels
LAYERS: Final = 3  # an arm's transparent rim, the other arm's, then the trunk
APART: Final = 0.02  # metres between two surfaces that are not the same
FIRST_SHELL: Final = 0.1  # cosine by which a later view's shell must face the camera better than the first's
FROM_BEHIND: Final = 0.5  # a shell that shows its back counts that much of one that shows its front
EDGE_ON: Final = 0.3  # cosine below which a piece of a shell is seen from its edge: a streak, not hair


class Painted(NamedTuple):
    """The body on a canvas."""

    colour: Tensor  # [3, H, W] times coverage
    coverage: Tensor  # [1, H, W]
    empty: Tensor  # [1, H, W] the share that no view shows, which has coverage but no colour
    guessed: Tensor  # [1, H, W] the share whose colour no view tells


def paint_body(
    body: ProxyBody, paints: list[Paint], posture: Posture, frame: int, size: tuple[int, int], guess: bool
) -> Painted:
    """The body in one frame of a posture, on a canvas (height, width).

    `guess` what no view shows where it can be known all the same. Where a view says that a surface's rim is
    background, what lies behind shows.
    """
    samples = samples_of(size)
    fine = size[0] * samples, size[1] * samples
    pixels = fine[0] * fine[1]
    vertices, known = posed_vertices(body, posture, frame), posture.known[frame]
    apart = APART * posture.scale[frame]
    body, shell = nearest_shell(body, vertices, part_sizes(posture, frame))
    shown = fragments(vertices * vertices.new_tensor((samples, samples, 1)), body.triangles, fine)
    painted = _painted(known).to(known.device)
    shown = shown.take(painted[body.part[shown.triangle]])
    towards = facing(vertices, body.triangles[: body.solid])
    landmarks = posture.landmarks[frame]
    wanted = Wanted(
        towards, known, rays(posture, frame), opening(landmarks), landmarks,
        eyes(landmarks, posture.linear[frame, HEAD]), guess,
    )  # fmt: skip
    colour, clear, empty, guessed = (vertices.new_zeros(pixels, n) for n in (3, 1, 1, 1))
    clear += 1
    for _ in range(LAYERS):
        top = nearest(shown, pixels)
        at = ((top >= 0) & (clear[:, 0] > VISIBLE)).nonzero()[:, 0]
        if len(at) == 0:
            break
        look = look_up(body, shell, paints, shown.take(top[at]), wanted)
        missing = (look.score == 0).to(look.mask)
        share = clear[at] * torch.maximum(look.mask, missing)[:, None]
        colour[at] += share * (look.colour * (1 - missing)[:, None])
        empty[at] += share * missing[:, None]
        guessed[at] += share * look.guessed[:, None]
        clear[at] -= share
        behind = shown.depth > shown.depth[top[shown.pixel]] + apart
        shown = shown.take(behind)
    layers = (colour, 1 - clear, empty, guessed)
    return Painted(*(F.avg_pool2d(values.mT.reshape(-1, *fine), samples) for values in layers))


def samples_of(size: tuple[int, int]) -> int:
    """Samples along each side of a canvas' pixel; views that are as much larger than it are worth it."""
    return max(1, round(FINE / max(size)))


def nearest_shell(body: ProxyBody, vertices: Tensor, sizes: Tensor) -> tuple[ProxyBody, int]:
    """The body with the one sheet that faces the camera best, and its view: outlines of several sides at once
    would be no outline. It is torn where it is stretched; parts are of sizes [P] in pixels per metre.
    """
    facings = [_facing(body, shell, vertices) for shell in body.shells]
    facings[0] += FIRST_SHELL
    view = max(range(len(facings)), key=facings.__getitem__)
    shell = body.shells[view]
    corners = vertices[body.triangles[shell]]
    long = (corners - corners.roll(1, 1))[..., :2].norm(dim=-1).amax(1) / sizes[body.part[shell]]
    least, most = body.long[shell].unbind(1)
    whole = (_towards(corners).abs() > EDGE_ON) & (long >= least) & (long < most)
    kept = torch.cat((torch.arange(body.solid, device=whole.device), whole.nonzero()[:, 0] + shell.start))
    return body._replace(
        triangles=body.triangles[kept], part=body.part[kept], long=body.long[kept], shells=()
    ), view


def _facing(body: ProxyBody, shell: slice, vertices: Tensor) -> float:
    """How well a sheet faces the camera; 0 without one. What tears at once does not count."""
    front = torch.arange(shell.start, (shell.start + shell.stop) // 2, device=vertices.device)
    front = front[body.long[front, 0] == 0]
    mean = float(_towards(vertices[body.triangles[front]]).mean()) if len(front) else 0.0
    return max(mean, -FROM_BEHIND * mean)


def _towards(corners: Tensor) -> Tensor:
    """[T] cosine between triangles [T, 3, 3] and the direction to the camera."""
    a, b, c = corners.unbind(1)
    return -F.normalize(torch.linalg.cross(b - a, c - a), dim=-1)[:, 2].nan_to_num()


def _painted(known: Tensor) -> Tensor:
    """[P] the parts that are known, and those that hang on them: people have limbs that a video cuts off."""
    painted = known.tolist()
    for k, part in enumerate(PARTS):
        painted[k] = painted[k] or painted[part.parent]
    return torch.tensor(painted)
