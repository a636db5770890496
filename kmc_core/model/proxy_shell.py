"""What a picture shows of a person beyond the proxy body (hair, skirts, wide sleeves), as a sheet that moves
with the body: pixels are bound to the nearest point of the body's outline, at its depth, or to one whose part
has their colour: the shirt beside an arm is the trunk's. Every view has one.
"""

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .proxy_body import HIPS, PARTS, ProxyBody
from .proxy_hair import Corners, hang_hair, plain
from .proxy_pose import Posture, blended, part_sizes, posed_vertices
from .proxy_views import RIM, Picture
from .raster import Fragments, fragments, nearest

CELLS: Final = 64  # squares of the sheet along the picture's longer side
HELD: Final = 0.004  # metres by which a further point of the outline holds a pixel less
TONE: Final = 0.2  # difference of colour that holds a pixel as much less as HELD
AROUND: Final = 5  # squares around a point of the outline that tell the colour of its part
STRETCH: Final = 3.0  # squares' sides of outline that one square may hold to
FOLDED: Final = 0.6  # share of a part's thickness below which what blends with it is folded
# How long half a square can be before it tears, least and most, in squares' sides: 1.4 as the view shows it.
WHOLE: Final = (0.0, 2.0)
ELASTIC: Final = (0.0, 2.5)  # hair, and a skirt between two thighs
BESIDE: Final = (1.25, 1.6)  # where two things lie beside each other that do not belong together
BEHIND: Final = 0.01  # metres that the sheet lies behind the outline it hangs on
BELOW: Final = 0.2  # of the picture: how far a person that it cuts off goes on
MISREAD: Final = 0.5  # share of the person that the body covers in a view, below which its pose is not true


def with_shells(
    body: ProxyBody, pictures: Sequence[Picture], postures: Sequence[Posture], by_colour: bool = True
) -> ProxyBody:
    """The body with the sheet of every picture in whose pose its posture puts it; without one where it covers
    the person, or little of it. Bound `by_colour` as well as by place.
    """
    for picture, posture in zip(pictures, postures, strict=True):
        before = len(body.triangles)
        body = _with_shell(body, picture, posture, by_colour)
        body = body._replace(shells=(*body.shells, slice(before, len(body.triangles))))
    return body


def _with_shell(body: ProxyBody, picture: Picture, posture: Posture, by_colour: bool) -> ProxyBody:
    cell = -(-max(picture.mask.shape[-2:]) // CELLS)
    picture = _longer(picture)
    height, width = picture.mask.shape[-2:]
    vertices = posed_vertices(body, posture, 0)
    shown = fragments(vertices, body.triangles[: body.solid], (height, width))
    top = nearest(shown, height * width).view(height, width)
    person = picture.mask[0] > 0.5
    if (person & (top >= 0)).sum() < MISREAD * person.sum():
        return body
    loose = person & (top < 0)
    used = _used_cells(loose, cell)
    corners, squares = _grid(used)
    outline = _outline(top)
    if len(squares) == 0 or len(outline) == 0:
        return body
    where = corners * float(cell)
    pixels = torch.stack((outline % width, outline // width), -1) + 0.5
    hung = shown.take(top.flatten()[outline])
    holds = _holds(body, hung)
    further = torch.cdist(where, pixels) / (HELD * posture.scale[0])
    by_place = share = torch.softmax(-further, 1)  # G O
    sheet = plain(squares, share @ holds)
    if by_colour:
        owner = torch.where(top < 0, -1, body.part[shown.triangle[top]])
        own = _part_colours(picture.image, person, owner, outline, cell)
        colours = _loose_colours(picture.image, loose, corners, cell)
        share = torch.softmax(-further - torch.cdist(colours, own) / TONE, 1)
        known = Corners(where / posture.scale[0], further.amin(1) * HELD, sheet.held, by_place @ own, colours)
        sheet = hang_hair(plain(squares, share @ holds), known)
    largest = sheet.held.topk(body.parts.shape[1], 1)
    parts, weights = largest.indices, largest.values / largest.values.sum(1, keepdim=True)
    depth = share @ hung.depth[:, None] + BEHIND * posture.scale[0]
    weights = unfolded(body, posture, parts, weights)
    affine = blended(body, posture, 0, parts, weights)
    # solve_ex lets corners that no map leads back from become infinite; the rasteriser leaves them out.
    placed = torch.cat((where, depth), 1)[sheet.at]
    rest = torch.linalg.solve_ex(affine[..., :3], placed - affine[..., 3]).result
    held_at = (pixels[further.argmin(1)] / cell)[sheet.at]
    squares = sheet.squares
    long = _lengths(parts[:, 0][squares], held_at[squares], sheet.hair) * cell
    halves = torch.cat((squares[:, [0, 1, 2]], squares[:, [0, 2, 3]])) + len(body.vertices)
    triangles = torch.cat((halves.flip(1), halves))  # cloth has two sides
    part = parts[:, 0][triangles[:, 0] - len(body.vertices)]
    return body._replace(
        vertices=torch.cat((body.vertices, rest)),
        parts=torch.cat((body.parts, parts)),
        weights=torch.cat((body.weights, weights)),
        triangles=torch.cat((body.triangles, triangles)),
        part=torch.cat((body.part, part)),
        long=torch.cat((body.long, long.repeat(4, 1) / part_sizes(posture, 0)[part, None])),
    )


def _longer(picture: Picture) -> Picture:
    """The picture with what it cuts off below going on: found masks fade there, the person does not."""
    height = picture.mask.shape[-2]
    kept, more = height - round(RIM * height), round(BELOW * height)
    image, mask = (
        F.pad(x[None, :, :kept], (0, 0, 0, height - kept + more), mode="replicate")[0]
        for x in (picture.image, picture.mask)
    )
    return picture._replace(image=image, mask=mask)


def _holds(body: ProxyBody, outline: Fragments) -> Tensor:
    """How much each part moves the points of the outline [O, P]."""
    corners = body.triangles[outline.triangle]
    weights = body.weights[corners] * outline.weights[..., None]
    held = weights.new_zeros(len(corners), len(PARTS))
    return held.scatter_add_(1, body.parts[corners].flatten(1), weights.flatten(1))


def unfolded(body: ProxyBody, posture: Posture, parts: Tensor, weights: Tensor) -> Tensor:
    """Weights [G, 4] with the largest alone where the parts' maps, blended, fold flat: at a bent elbow."""
    alone = torch.zeros_like(weights)
    alone[:, 0] = 1
    thin = [
        torch.linalg.svdvals(blended(body, posture, 0, parts, w)[..., :3])[:, -1] for w in (weights, alone)
    ]
    return torch.where((thin[0] < FOLDED * thin[1])[:, None], alone, weights)


def _lengths(parts: Tensor, held_at: Tensor, hair: Tensor) -> Tensor:
    """[N, 2] how long halves of squares can be. A square is one thing where its corners' parts [N, 4] hang on
    each other and hold to the same stretch of the outline, held_at [N, 4, 2] in squares: what a mask shows
    between an arm and the trunk is mostly its error.
    """
    parents = torch.tensor([part.parent for part in PARTS], device=parts.device)
    first, others = parts[:, :1], parts[:, 1:]
    near = (first == others) | (parents[first] == others) | (first == parents[others])
    near &= (held_at[:, :1] - held_at[:, 1:]).norm(dim=-1) < STRETCH
    thighs = (parents[parts] == HIPS).all(1) & (first != others).any(1)
    kinds = held_at.new_tensor((BESIDE, WHOLE, ELASTIC))
    return kinds[torch.where(hair | thighs, 2, near.all(1).long())]


def _loose_colours(image: Tensor, loose: Tensor, corners: Tensor, cell: int) -> Tensor:
    """[G, 3] the colours of what is loose around the corners [G, 2] of squares."""
    kept = torch.cat((image * loose, loose[None].to(image)))[None]
    squares = F.avg_pool2d(kept, cell, cell, ceil_mode=True, divisor_override=1)
    x, y = corners.long().unbind(-1)
    found = F.avg_pool2d(squares, 2, 1, 1)[0, :, y, x]
    return (found[:3] / found[3:].clamp(min=1e-6)).mT


def _part_colours(image: Tensor, person: Tensor, owner: Tensor, outline: Tensor, cell: int) -> Tensor:
    """[O, 3] the colours of the parts at pixels of the outline, by what owner and person [H, W] show near."""
    height, width = owner.shape
    high, wide = -(-height // cell), -(-width // cell)
    parts, part = owner.flatten().unique(return_inverse=True)
    pixels = torch.arange(height * width, device=owner.device)
    place = (part * high + pixels // width // cell) * wide + pixels % width // cell
    known = (torch.cat((image, torch.ones_like(image[:1]))) * person).flatten(1)
    sums = image.new_zeros(4, len(parts) * high * wide).index_add_(1, place, known)
    around = F.avg_pool2d(sums.view(4, len(parts), high, wide), AROUND, 1, AROUND // 2)
    found = around.flatten(1)[:, place[outline]]
    return (found[:3] / found[3:].clamp(min=1e-6)).mT


def _used_cells(loose: Tensor, cell: int) -> Tensor:
    """[h, w] which squares of the picture show what is loose [H, W]: the person beyond the body."""
    return F.max_pool2d(loose[None, None].float(), cell, cell, ceil_mode=True)[0, 0] > 0


def _outline(top: Tensor) -> Tensor:
    """Pixels at the edge of what the body covers in top [H, W], as indices."""
    covered = (top >= 0)[None, None].float()
    inner = 1 - F.max_pool2d(1 - covered, 3, 1, 1)
    return ((covered - inner)[0, 0] > 0).flatten().nonzero()[:, 0]


def _grid(used: Tensor) -> tuple[Tensor, Tensor]:
    """Corners [G, 2] (x, y in cells) of the used squares and the squares [N, 4] between them, clockwise."""
    rows, columns = used.nonzero().unbind(1)
    wide = used.shape[1] + 1
    first = rows * wide + columns
    squares = torch.stack((first, first + 1, first + wide + 1, first + wide), 1)
    corners, squares = squares.unique(return_inverse=True)
    return torch.stack((corners % wide, corners // wide), -1).float(), squares
