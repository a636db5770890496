"""Views of a person as paint: what each tells about a point of the body's surface."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.skeleton import FACE_LANDMARKS
from .background import fill_from
from .limbs import Pose
from .proxy_body import FINGERS, HANDS, HEAD, ProxyBody
from .proxy_eyes import Eye, eyes, lid_weights, lids_and_eyes, where_in_view
from .proxy_guess import OPENS, bare_skin, open_mouth, opening, skin_colour
from .proxy_pose import Posture, posed_vertices
from .puppet import sharpened
from .raster import Fragments, fragments, nearest

BARE: Final = (*HANDS, *FINGERS)  # parts whose outline is the body's own: masks are too coarse for fingers
TOUCHING: Final = 0.04  # metres that a point may lie behind what a view shows there and still be seen
FIRST_VIEW: Final = 0.2  # cosine by which a later view must face the surface better than the first
ALIKE: Final = 2.0  # cosine that a view counts more which looks at a part from where the camera does
FACE: Final = 1.0  # and one that shows the face, for the face: in others its landmarks are guessed
MIXED: Final = 0.05  # views whose scores differ by less than this are mixed
RIM: Final = 0.006  # of the picture: found masks include that much background
MIXTURE: Final = 0.4  # mask up to which a pixel is mostly background
TURNED: Final = 0.08  # cosine by which a surface has turned towards the camera
THROUGH: Final = 0.05  # score of a surface whose other side shows: cloth is alike on both
BEYOND: Final = 0.3  # of the picture: a body cut off by the picture goes on as it ends there
GUESSED: Final = 1e-3  # score of what no view shows and is known all the same


class Picture(NamedTuple):
    """One view of a person: image [3, H, W], mask [1, H, W], its pose (one frame) in the same pixels."""

    image: Tensor
    mask: Tensor
    pose: Pose


class Paint(NamedTuple):
    """A view with the body in its pose."""

    texture: Tensor  # [7, H, W] the person's colours, the mask, and the colours without the person's rim
    vertices: Tensor  # [V, 3]
    facing: Tensor  # [V] 1 where the surface faces the camera, -1 where it faces away
    depth: Tensor  # [H, W] of the body, inf where it is not
    owner: Tensor  # [H, W] the part seen there, -1 where there is none
    known: Tensor  # [P]
    scale: Tensor  # pixels per metre
    rays: Tensor  # [P, 3] where the camera is, seen from each part at rest
    face: Tensor  # whether the face is seen
    opened: Tensor  # how far the lips are apart
    eyes: tuple[Eye, Eye]
    skin: Tensor  # [3] colour of the cheeks


class Wanted(NamedTuple):
    """The body in the frame that is painted."""

    facing: Tensor  # [V] as in Paint
    known: Tensor  # [P]
    rays: Tensor  # [P, 3]
    opened: Tensor
    landmarks: Tensor  # [478, 3]
    eyes: tuple[Eye, Eye]
    guess: bool  # whether what no view shows is guessed where it can be: pictures of a person, not maps


class Seen(NamedTuple):
    """What the views tell about N points of the surface."""

    colour: Tensor  # [N, 3]
    mask: Tensor  # [N]
    score: Tensor  # [N] how well the chosen view faces it; 0 where no view shows it and nothing is guessed
    guessed: Tensor  # [N] share of the colour that is a guess


def as_paint(body: ProxyBody, picture: Picture, posture: Posture) -> Paint:
    """A view, ready to be looked up."""
    height, width = picture.mask.shape[-2:]
    vertices = posed_vertices(body, posture, 0)
    shown = fragments(vertices, body.triangles[: body.solid], (height, width))
    top = nearest(shown, height * width)
    empty = top < 0
    depth = torch.where(empty, torch.inf, shown.depth[top]) if len(shown.depth) else top + torch.inf
    owner = torch.where(empty, -1, body.part[shown.triangle[top]]) if len(shown.depth) else top
    rim = int(max(height, width) * RIM)
    # Found masks fade at the edge of the picture, the person does not.
    mask = picture.mask[:, rim : height - rim, rim : width - rim]
    mask = F.pad(mask[None], (rim,) * 4, mode="replicate")[0]
    inner = _inner(picture.image, sharpened(mask))
    # What a pixel of the outline has of its own background must not move along.
    image = inner.lerp(picture.image, ((mask - MIXTURE) / (1 - MIXTURE)).clamp(0, 1))
    return Paint(
        torch.cat((image, mask, inner)),
        vertices,
        facing(vertices, body.triangles[: body.solid]),
        depth.view(height, width),
        owner.view(height, width),
        posture.known[0],
        posture.scale[0],
        rays(posture, 0),
        picture.pose.face_seen[0] >= SEEN,
        opening(posture.landmarks[0]),
        eyes(posture.landmarks[0], posture.linear[0, HEAD]),
        skin_colour(picture.image, picture.pose),
    )


def rays(posture: Posture, frame: int) -> Tensor:
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


def look_up(body: ProxyBody, shell: int, paints: list[Paint], points: Fragments, wanted: Wanted) -> Seen:
    """What those views tell about points that show them best and from where the camera is; about a shell, the
    view `shell` that it is from.
    """
    part, corners = body.part[points.triangle], body.triangles[points.triangle]
    sheet = points.triangle >= body.solid
    bare = torch.isin(part, part.new_tensor(BARE)) & ~sheet
    face = ((corners >= body.skin) & (corners < body.skin + FACE_LANDMARKS)).all(1)
    towards = (wanted.facing[corners] * points.weights).sum(1)
    lids, eye = (kind[points.triangle] for kind in lids_and_eyes(body.triangles - body.skin))
    colours, masks, scores = [], [], []
    for index, paint in enumerate(paints):
        weights = points.weights
        if lids.any():
            weights = weights.clone()
            weights[lids] = _on_lids(paint, corners[lids], weights[lids], body.skin, wanted)
        where = (paint.vertices[corners] * weights[..., None]).sum(1)
        there = (paint.facing[corners] * weights).sum(1)
        texture = _sample(paint, where, face | bare)
        for number, (own, theirs) in enumerate(zip(wanted.eyes, paint.eyes, strict=True)):
            if len(ball := (eye == number).nonzero()[:, 0]):
                at = (wanted.landmarks[corners[ball] - body.skin] * weights[ball, :, None]).sum(1)
                texture[ball] = _sample_eye(paint, at[:, :2], own, theirs)
        shown = sharpened(texture[:, 3])
        score = _score(paint, where, shown, there, part, wanted.known)
        better = ALIKE * (1 + (paint.rays * wanted.rays).sum(1))[part] + FACE * (face & paint.face)
        score = torch.where(score > 0, score + better + FIRST_VIEW * (index == 0), 0)
        score = torch.where(sheet, float(index == shell), score)
        # The rim of the body is where the mask says; once it turned towards the camera, it is no rim.
        turned = ((towards - there - TURNED) / TURNED).clamp(0, 1) * ~sheet
        colours.append(texture[:, :3].lerp(texture[:, 4:], turned[:, None]))
        masks.append(torch.maximum(shown, turned))
        scores.append(score)
    score = torch.stack(scores)
    share = torch.softmax((score / MIXED).masked_fill(score == 0, -torch.inf), 0).nan_to_num()
    colour = (torch.stack(colours) * share[..., None]).sum(0)
    score, guessed = score.amax(0), torch.zeros_like(towards)
    if wanted.guess:
        between, mouth = open_mouth(corners - body.skin, points.weights, wanted.opened)
        before = (share[:, between] * torch.stack([paint.opened for paint in paints])[:, None]).sum(0)
        guessed[between] = ((wanted.opened - before) / OPENS).clamp(0, 1)
        colour[between] = colour[between].lerp(mouth, guessed[between, None])
        skins = [paint.skin for paint in paints if paint.face]
        hidden = bare & (score == 0) & bool(skins)
        if skins:
            colour[hidden] = bare_skin(skins[0], towards[hidden])
        guessed, score = guessed.maximum(hidden.to(guessed)), torch.where(hidden, GUESSED, score)
    # What any view shows of the person is there: more views never take away.
    mask = (torch.stack(masks) * (torch.stack(scores) > 0)).amax(0)
    return Seen(colour, mask.maximum(bare.to(mask)), score, guessed)


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


def _on_lids(paint: Paint, corners: Tensor, weights: Tensor, skin: int, wanted: Wanted) -> Tensor:
    """[N, 3] weights in a view of points on lids."""
    here = wanted.landmarks[corners - skin] / wanted.eyes[0].place.scale
    return lid_weights(corners - skin, weights, here, paint.vertices[corners] / paint.eyes[0].place.scale)


def _sample_eye(paint: Paint, pixels: Tensor, own: Eye, theirs: Eye) -> Tensor:
    """[N, 7] as _sample, of what shows between the lids at pixels [N, 2] of the picture that is painted."""
    ball, lid, share = where_in_view(pixels, own, theirs)
    texture = _sample(paint, torch.cat((ball, lid)), share.new_ones(2 * len(share), dtype=torch.bool))
    return texture[: len(share)].lerp(texture[len(share) :], share[:, None])


def _sample(paint: Paint, where: Tensor, fine: Tensor) -> Tensor:
    """[N, 7] samples of a view's texture at pixels where [N, 2+] of the view, cubic ones where `fine` [N]."""
    height, width = paint.depth.shape
    grid = where[:, :2] / where.new_tensor((width, height)) * 2 - 1

    sampled = where.new_empty(len(where), len(paint.texture))
    for which, mode in ((fine, "bicubic"), (~fine, "bilinear")):
        found = F.grid_sample(
            paint.texture[None], grid[None, None, which], mode, "border", align_corners=False
        )
        sampled[which] = found[0, :, 0].mT.clamp(-1, 1)  # cubic curves overshoot
    return sampled
