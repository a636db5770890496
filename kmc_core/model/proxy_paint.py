"""Views of a person as paint for the proxy body: every pixel of a posed body is looked up in the views."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.skeleton import FACE_LANDMARKS
from .background import fill_from
from .limbs import Pose
from .proxy_body import FINGERS, HANDS, HEAD, PARTS, ProxyBody
from .proxy_pose import Posture, posed_vertices
from .puppet import MASK_CONTRAST, VISIBLE
from .raster import Fragments, fragments, nearest

FINE: Final = 2  # samples along each side of a pixel: fingers and eyelids are finer than one
BARE: Final = (*HANDS, *FINGERS)  # parts whose outline is the body's own: masks are too coarse for fingers
LAYERS: Final = 3  # an arm's transparent rim, the other arm's, then the trunk
APART: Final = 0.02  # metres between two surfaces that are not the same
TOUCHING: Final = 0.04  # metres that a point may lie behind what a view shows there and still be seen
FIRST_VIEW: Final = 0.2  # cosine by which a later view must face the surface better than the first
ALIKE: Final = 2.0  # cosine that a view counts more which looks at a part from where the camera does
FACE: Final = 1.0  # and one that shows the face, for the face: in others its landmarks are guessed
MIXED: Final = 0.05  # views whose scores differ by less than this are mixed
RIM: Final = 0.006  # of the picture: found masks include that much background
TURNED: Final = 0.08  # cosine by which a surface has turned towards the camera
THROUGH: Final = 0.05  # score of a surface whose other side shows: cloth is alike on both
FIRST_SHELL: Final = 0.1  # cosine by which a later view's shell must face the camera better than the first's
FROM_BEHIND: Final = 0.5  # a shell that shows its back counts that much of one that shows its front
EDGE_ON: Final = 0.3  # cosine below which a piece of a shell is seen from its edge: a streak, not hair
BEYOND: Final = 0.3  # of the picture: a body cut off by the picture goes on as it ends there


class Picture(NamedTuple):
    """One view of a person: image [3, H, W], mask [1, H, W], its pose (one frame) in the same pixels."""

    image: Tensor
    mask: Tensor
    pose: Pose


class Paint(NamedTuple):
    """A view with the body in its pose."""

    texture: Tensor  # [7, H, W] picture, mask, and the picture without the person's rim
    vertices: Tensor  # [V, 3]
    facing: Tensor  # [V] 1 where the surface faces the camera, -1 where it faces away
    depth: Tensor  # [H, W] of the body, inf where it is not
    owner: Tensor  # [H, W] the part seen there, -1 where there is none
    known: Tensor  # [P]
    scale: Tensor  # pixels per metre
    rays: Tensor  # [P, 3] where the camera is, seen from each part at rest
    face: Tensor  # whether the face is seen


class Seen(NamedTuple):
    """What the views tell about N points of the surface."""

    colour: Tensor  # [N, 3]
    mask: Tensor  # [N]
    score: Tensor  # [N] how well the chosen view faces it; 0 where no view shows it


def as_paint(body: ProxyBody, picture: Picture, posture: Posture) -> Paint:
    """A view, ready to be looked up."""
    height, width = picture.mask.shape[-2:]
    vertices = posed_vertices(body, posture, 0)
    shown = fragments(vertices, body.triangles[: body.solid], (height, width))
    top = nearest(shown, height * width)
    empty = top < 0
    depth = torch.where(empty, torch.inf, shown.depth[top]) if len(shown.depth) else top + torch.inf
    owner = torch.where(empty, -1, body.part[shown.triangle[top]]) if len(shown.depth) else top
    solid = ((picture.mask - 0.5) * MASK_CONTRAST + 0.5).clamp(0, 1)
    rim = int(max(height, width) * RIM)
    # Found masks fade at the edge of the picture, the person does not.
    solid = F.pad(solid[:, rim : height - rim, rim : width - rim][None], (rim,) * 4, mode="replicate")[0]
    return Paint(
        torch.cat((picture.image, solid, _inner(picture.image, solid))),
        vertices,
        facing(vertices, body.triangles[: body.solid]),
        depth.view(height, width),
        owner.view(height, width),
        posture.known[0],
        posture.scale[0],
        _rays(posture, 0),
        picture.pose.face_seen[0] >= SEEN,
    )


def _rays(posture: Posture, frame: int) -> Tensor:
    """[P, 3] unit directions of the camera's axis in the rest pose of every part."""
    axis = posture.linear.new_tensor([0.0, 0.0, 1.0]).expand(posture.linear.shape[1], 3)
    return F.normalize(torch.linalg.solve_ex(posture.linear[frame], axis).result, dim=-1).nan_to_num()


def _inner(image: Tensor, mask: Tensor) -> Tensor:
    """The picture [3, H, W] with the person's colours going on from a little inside of the mask [1, H, W]."""
    reach = int(max(mask.shape[-2:]) * RIM)
    outside = F.max_pool2d(1 - mask[None], (2 * reach + 1, 1), 1, (reach, 0))
    inside = 1 - F.max_pool2d(outside, (1, 2 * reach + 1), 1, (0, reach))[0]
    return image * inside + fill_from(image * inside, inside) * (1 - inside)


def facing(vertices: Tensor, triangles: Tensor) -> Tensor:
    """[V] cosine between the vertices' normals and the direction to the camera."""
    return -vertex_normals(vertices, triangles)[:, 2]


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """[V, 3] unit normals of the vertices [V, 3], the mean of their triangles' by area."""
    a, b, c = vertices[triangles].unbind(1)
    normals = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    total.index_add_(0, triangles.flatten(), normals.repeat_interleave(3, 0))
    return F.normalize(total, dim=-1)


def paint_body(
    body: ProxyBody, paints: list[Paint], posture: Posture, frame: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The body in one frame of a posture, on a canvas (height, width).

    Colour [3, H, W] times coverage, coverage [1, H, W], and the share [1, H, W] that no view shows, which has
    coverage but no colour. Where a view says that a surface's rim is background, what lies behind shows.
    """
    fine = size[0] * FINE, size[1] * FINE
    pixels = fine[0] * fine[1]
    vertices, known = posed_vertices(body, posture, frame), posture.known[frame]
    apart = APART * posture.scale[frame]
    body, shell = nearest_shell(body, vertices)
    shown = fragments(vertices * vertices.new_tensor((FINE, FINE, 1)), body.triangles, fine)
    painted = _painted(known, paints[0].known).to(known.device)
    shown = shown.take(painted[body.part[shown.triangle]])
    towards, rays = facing(vertices, body.triangles[: body.solid]), _rays(posture, frame)
    colour, clear, unseen = (vertices.new_zeros(pixels, n) for n in (3, 1, 1))
    clear += 1
    for _ in range(LAYERS):
        top = nearest(shown, pixels)
        at = ((top >= 0) & (clear[:, 0] > VISIBLE)).nonzero()[:, 0]
        if len(at) == 0:
            break
        first = shown.take(top[at])
        there = (towards[body.triangles[first.triangle]] * first.weights).sum(1)
        look = look_up(body, shell, paints, first, known, there, rays)
        missing = (look.score == 0).to(look.mask)
        share = clear[at] * torch.maximum(look.mask, missing)[:, None]
        colour[at] += share * (look.colour * (1 - missing)[:, None])
        unseen[at] += share * missing[:, None]
        clear[at] -= share
        behind = shown.depth > shown.depth[top[shown.pixel]] + apart
        shown = shown.take(behind)
    colour, covered, unseen = (
        F.avg_pool2d(values.mT.reshape(-1, *fine), FINE) for values in (colour, 1 - clear, unseen)
    )
    return colour, covered, unseen


def nearest_shell(body: ProxyBody, vertices: Tensor) -> tuple[ProxyBody, int]:
    """The body with the one sheet that faces the camera best, and its view: outlines of several sides at once
    would be no outline.
    """
    facings = [_facing(vertices[body.triangles[shell]]) for shell in body.shells]
    facings[0] += FIRST_SHELL
    view = max(range(len(facings)), key=facings.__getitem__)
    shell = body.shells[view]
    shell = torch.arange(shell.start, shell.stop, device=vertices.device)
    shell = shell[_towards(vertices[body.triangles[shell]]).abs() > EDGE_ON]
    triangles, part = (torch.cat((x[: body.solid], x[shell])) for x in (body.triangles, body.part))
    return body._replace(triangles=triangles, part=part), view


def _facing(corners: Tensor) -> float:
    """How well a sheet of triangles [T, 3, 3], fronts and then backs, faces the camera; 0 without any."""
    towards = _towards(corners[: len(corners) // 2])
    mean = float(towards.mean()) if len(towards) else 0.0
    return max(mean, -FROM_BEHIND * mean)


def _towards(corners: Tensor) -> Tensor:
    """[T] cosine between triangles [T, 3, 3] and the direction to the camera."""
    a, b, c = corners.unbind(1)
    return -F.normalize(torch.linalg.cross(b - a, c - a), dim=-1)[:, 2].nan_to_num()


def _painted(known: Tensor, in_picture: Tensor) -> Tensor:
    """[P] the parts that are known, and those that hang on them and that the picture does not know either: an
    arm that the picture cuts off keeps to its shoulder.
    """
    painted = known.tolist()
    for k, (part, seen) in enumerate(zip(PARTS, in_picture.tolist(), strict=True)):
        painted[k] = painted[k] or (not seen and painted[part.parent])
    return torch.tensor(painted)


def look_up(
    body: ProxyBody,
    shell: int,
    paints: list[Paint],
    points: Fragments,
    known: Tensor,
    towards: Tensor,
    rays: Tensor,
) -> Seen:
    """Colour of points that face the camera by towards [N], in the views that show them best and from where
    the camera is, in directions rays [P, 3] of the parts; of a shell, in the view `shell` that it is from.
    """
    part = body.part[points.triangle]
    hand = torch.isin(part, part.new_tensor(BARE))
    corners = body.triangles[points.triangle]
    sheet = points.triangle >= body.solid
    face = ((corners >= body.skin) & (corners < body.skin + FACE_LANDMARKS)).all(1)
    colours, masks, scores = [], [], []
    for index, paint in enumerate(paints):
        where = (paint.vertices[corners] * points.weights[..., None]).sum(1)
        there = (paint.facing[corners] * points.weights).sum(1)
        texture = torch.where((face | hand)[:, None], _sample(paint, where, "bicubic"), _sample(paint, where))
        score = _score(paint, where, texture[:, 3], there, part, known)
        better = ALIKE * (1 + (paint.rays * rays).sum(1))[part] + FACE * (face & paint.face)
        score = torch.where(score > 0, score + better + FIRST_VIEW * (index == 0), 0)
        score = torch.where(sheet, float(index == shell), score)
        # The rim of the body is where the mask says; once it turned towards the camera, it is no rim.
        turned = ((towards - there - TURNED) / TURNED).clamp(0, 1) * ~sheet
        colours.append(texture[:, :3].lerp(texture[:, 4:], turned[:, None]))
        masks.append(torch.maximum(texture[:, 3], torch.maximum(turned, (hand & ~sheet).to(turned))))
        scores.append(score)
    score = torch.stack(scores)
    share = torch.softmax((score / MIXED).masked_fill(score == 0, -torch.inf), 0).nan_to_num()
    colour = (torch.stack(colours) * share[..., None]).sum(0)
    # What any view shows of the person is there: more views never take away.
    return Seen(colour, (torch.stack(masks) * (score > 0)).amax(0), score.amax(0))


def _score(paint: Paint, where: Tensor, mask: Tensor, towards: Tensor, part: Tensor, known: Tensor) -> Tensor:
    """[N] how well a view shows points at where [N, 3] of its picture; 0 where it does not."""
    height, width = paint.depth.shape
    size = where.new_tensor((width, height))
    pixel = where[:, :2].long().clamp(min=0).minimum(size.long() - 1)
    index = pixel[:, 1] * width + pixel[:, 0]
    depth, owner = paint.depth.flatten()[index], paint.owner.flatten()[index]
    beyond = torch.maximum(-where[:, :2], where[:, :2] - size).amax(1)
    inside = (beyond < 0) | ((beyond < BEYOND * size.amax()) & (mask > 0.5))
    open_to_view = (where[:, 2] <= depth + TOUCHING * paint.scale) | (owner == part) | (owner < 0)
    told = paint.known[part] | ~known[part]  # a view that hides a limb has it somewhere, not here
    through = torch.where(part == HEAD, 0.0, THROUGH)
    score = torch.where(towards > 0, towards + through, through * (1 + towards))
    return torch.where(inside & open_to_view & told, score, 0)


def _sample(paint: Paint, where: Tensor, mode: str = "bilinear") -> Tensor:
    """[N, 7] bilinear samples of a view's texture at pixels where [N, 2+] of the view."""
    height, width = paint.depth.shape
    grid = where[:, :2] / where.new_tensor((width, height)) * 2 - 1
    sampled = F.grid_sample(paint.texture[None], grid[None, None], mode=mode, padding_mode="border", align_corners=False)
    return sampled[0, :, 0].mT
