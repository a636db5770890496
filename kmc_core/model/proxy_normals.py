"""Which way a person's surface faces, in a view and in every frame: what light does when somebody turns."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .limbs import Pose
from .prior import move_person, posed
from .proxy_body import ProxyBody
from .proxy_pose import Posture, posed_vertices
from .proxy_views import Picture, vertex_normals
from .raster import fragments, nearest

SURE: Final = 0.7  # length of a moved normal from which its neighbours agree with it


class Normals(NamedTuple):
    """Unit normals [F, 3, H, W] (x right, y down, z away from the camera), and where both are known."""

    viewed: Tensor  # as the surface faced in the view that a frame's pixels are from
    shown: Tensor  # as it faces in the frame
    known: Tensor  # [F, 1, H, W] 0 or 1


def person_normals(
    views: Sequence[Picture], target: Pose, *, check: Callable[[], None] = lambda: None
) -> Normals | None:
    """Normals of every frame of a target, as `move_person` moves its views; None where no depth is known."""
    size = views[0].mask.shape[-2], views[0].mask.shape[-1]
    person = posed(views, target, size)
    if person is None:
        return None
    body = person.body
    maps = [
        Picture(_map(body, posture, 0, size), view.mask, view.pose)
        for view, posture in zip(person.views, person.postures, strict=True)
    ]
    viewed = move_person(maps, target, guess=False, check=check).colour
    shown = []
    for frame in range(len(target.body)):
        check()
        shown.append(_map(body, person.target, frame, size))
    faced = torch.stack(shown)
    known = [normals.norm(dim=1, keepdim=True) > SURE for normals in (viewed, faced)]
    return Normals(F.normalize(viewed, dim=1), faced, (known[0] & known[1]).float())


def _map(body: ProxyBody, posture: Posture, frame: int, size: tuple[int, int]) -> Tensor:
    """[3, H, W] normals of the body in one frame of a posture, zero where it is not."""
    vertices = posed_vertices(body, posture, frame)
    normals = vertex_normals(vertices, body.triangles[: body.solid])
    shown = fragments(vertices, body.triangles[: body.solid], size)
    top = nearest(shown, size[0] * size[1])
    there = (top >= 0).nonzero()[:, 0]
    seen = shown.take(top[there])
    result = vertices.new_zeros(size[0] * size[1], 3)
    result[there] = F.normalize(
        (normals[body.triangles[seen.triangle]] * seen.weights[..., None]).sum(1), dim=-1
    )
    return result.mT.reshape(3, *size)
