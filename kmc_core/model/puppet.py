"""A cut-out puppet: every limb of a picture is cut out once and moved by the similarity that takes its bone
there to its target bone; the cut-outs are laid by depth over a filled background.

It moves what the proxy body does not carry. All coordinates are pixels of one canvas (H, W).
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.face_mesh import CLOSED_LINES, OPEN_LINES
from .limbs import HEAD, PARTS, TORSO, Bones, Pose, bones, part_transforms

OVERLAP: Final = (
    0.12  # neighbouring cut-outs share this much of the torso's length, so no gap opens at a joint
)
SOFT: Final = 0.02  # softness of a cut-out's edge against its neighbours, same unit
MASK_CONTRAST: Final = 3.0  # found masks are soft: a wide half-transparent rim would show as a ghost
VISIBLE: Final = 0.01  # coverage that counts
SMOOTH_SIDE: Final = 48  # samples along a head: enough for the smooth displacement of its face
FACE_ROOM: Final = 1.15  # a head's features move within this much of its size
# Landmarks that bend the face: all drawn lines and every seventh of the skin between them; the rest adds
# time, not shape.
KNOTS: Final = sorted(
    {index for line in (*CLOSED_LINES, *OPEN_LINES) for index in line} | set(range(0, 468, 7))
)


class Cutouts(NamedTuple):
    """A picture taken apart: what does not depend on where the person moves."""

    layers: list[Tensor]  # premultiplied colour and coverage [4, h, w] of every part
    corners: list[tuple[int, int]]  # left and top of each layer in the picture
    reach: Tensor  # [P] furthest visible pixel from the part's bone
    bones: Bones
    background: Tensor  # [3, H, W]


class Moves(NamedTuple):
    """Where every part goes in every frame."""

    transforms: Tensor  # [F, P, 2, 3] affine, target to source pixels
    beyond: Tensor  # [F, P] how much less a part is stretched beyond the ends of its bone
    across: Tensor  # [F, P] source over target size
    known: Tensor  # [F, P]
    order: Tensor  # [F, P] parts, furthest first
    bones: Bones


def moving(
    cutouts: Cutouts,
    source: Pose,
    target: Pose,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Colour [3, H, W] and coverage [1, H, W] of one target frame after the other."""
    moves = plan_moves(cutouts.bones, source, target)
    total = len(target.body)
    for frame in range(total):
        check()
        colour, clear = cutouts.background.clone(), torch.ones_like(cutouts.background[:1])
        for part in moves.order[frame].tolist():
            if moves.known[frame, part]:
                _lay(colour, clear, cutouts, moves, source, target, frame, part)
        yield colour, 1 - clear
        progress(frame + 1, total)


def _lay(
    colour: Tensor,
    clear: Tensor,
    cutouts: Cutouts,
    moves: Moves,
    source: Pose,
    target: Pose,
    frame: int,
    part: int,
) -> None:
    """Lay one part over the canvas colour [3, H, W], clear [1, H, W], in place."""
    box = _target_box(cutouts, moves, frame, part, colour.shape[-2:])
    if box is None:
        return
    left, top, right, bottom = box
    pixels = _pixels(bottom - top, right - left, colour.device) + colour.new_tensor((left, top))
    where = _where(pixels, moves, cutouts.bones, frame, part).view(bottom - top, right - left, 2)
    if part == HEAD:
        shift = face_displacement(source, target, moves.transforms[frame, HEAD], frame, box)
        where = where if shift is None else where + shift
    layer, corner = cutouts.layers[part], cutouts.corners[part]
    where = (where - where.new_tensor(corner)) / where.new_tensor((layer.shape[-1], layer.shape[-2])) * 2 - 1
    # A bust cut off by the picture goes on beyond its edge as it ends there; a limb would smear.
    edge = "border" if part in (TORSO, HEAD) else "zeros"
    moved = F.grid_sample(layer[None], where[None], padding_mode=edge, align_corners=False)[0]
    region = (slice(None), slice(top, bottom), slice(left, right))
    colour[region] = moved[:3] + colour[region] * (1 - moved[3:])
    clear[region] *= 1 - moved[3:]


def _where(pixels: Tensor, moves: Moves, here: Bones, frame: int, part: int) -> Tensor:
    """Source pixels [N, 2] of target pixels [N, 2]: affine, with the round ends of a stretched limb kept
    round.
    """
    transform = moves.transforms[frame, part]
    where = pixels @ transform[:, :2].mT + transform[:, 2]
    start, bone = here.a[0, part], here.b[0, part] - here.a[0, part]
    length = bone.norm().clamp(min=1e-3)
    along = (where - start) @ (bone / length)
    over = along - along.clamp(min=0).minimum(length)
    return where + (over * (moves.beyond[frame, part] - 1))[:, None] * (bone / length)


def _target_box(
    cutouts: Cutouts, moves: Moves, frame: int, part: int, size: torch.Size
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what a part can cover on the canvas; None where that is nothing."""
    height, width = size
    layer, (left, top) = cutouts.layers[part], cutouts.corners[part]
    if layer.numel() == 0:
        return None
    picture = cutouts.background.shape[-2:]
    cut_off = (
        left == 0 or top == 0 or left + layer.shape[-1] == picture[1] or top + layer.shape[-2] == picture[0]
    )
    if part in (TORSO, HEAD) and cut_off:
        return 0, 0, width, height
    ends = torch.stack((moves.bones.a[frame, part], moves.bones.b[frame, part]))
    reach = cutouts.reach[part] / moves.across[frame, part] * (FACE_ROOM if part in (TORSO, HEAD) else 1) + 1
    low, high = (ends.amin(0) - reach).floor(), (ends.amax(0) + reach).ceil()
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0])), min(height, int(high[1]))
    return (left, top, right, bottom) if right > left and bottom > top else None


def plan_moves(here: Bones, source: Pose, target: Pose) -> Moves:
    """Where the parts of a picture with bones `here` go; the whole clip at once, since a person does not
    grow.
    """
    there = bones(target)
    transforms, beyond, across = part_transforms(source, here, target, there)
    known = there.known & here.known
    depth = torch.where(known, there.depth, torch.inf)
    return Moves(transforms, beyond, across, known, depth.argsort(1, descending=True), there)


def sharpened(mask: Tensor) -> Tensor:
    """A mask with a narrow rim."""
    return ((mask - 0.5) * MASK_CONTRAST + 0.5).clamp(0, 1)


def cut_out(image: Tensor, mask: Tensor, pose: Pose, background: Tensor) -> Cutouts:
    """Take the person of image [3, H, W], mask [1, H, W] with its pose (one frame) apart along the bones; the
    background [3, H, W] is what shows behind it.
    """
    here = bones(pose)
    height, width = mask.shape[-2:]
    pixels = _pixels(height, width, image.device)
    outside = [_outside(pixels, here, part).view(height, width) for part in range(len(PARTS))]
    nearest = torch.stack(outside).amin(0)
    sharp = sharpened(mask)
    layers, corners, reach = [], [], []
    for part, distance in enumerate(outside):
        share = torch.sigmoid((nearest + OVERLAP - distance) / SOFT) if here.known[0, part] else 0 * distance
        coverage = share * sharp
        coverage = coverage * (coverage > VISIBLE)
        visible = coverage[0] > VISIBLE
        rows, columns = visible.any(1).nonzero().flatten(), visible.any(0).nonzero().flatten()
        # A transparent rim, where the picture has one: what lies at the edge of a layer may be continued.
        top, bottom = (max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, height)) if len(rows) else (0, 0)
        left, right = (max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, width)) if len(rows) else (0, 0)
        box = (slice(None), slice(top, bottom), slice(left, right))
        layers.append(torch.cat((image[box] * coverage[box], coverage[box])))
        corners.append((left, top))
        furthest = (
            (distance[visible].amax() + PARTS[part].radius) * here.scale[0] if len(rows) else here.scale[0]
        )
        reach.append(furthest)
    return Cutouts(layers, corners, torch.stack(reach), here, background)


def _outside(pixels: Tensor, here: Bones, part: int) -> Tensor:
    """Distance [N] of pixels [N, 2] from a part's capsule in torso lengths, negative inside; inf where
    unknown.
    """
    if not here.known[0, part]:
        return torch.full_like(pixels[:, 0], torch.inf)
    a, bone = here.a[0, part], here.b[0, part] - here.a[0, part]
    t = ((pixels - a) @ bone / bone.square().sum().clamp(min=1e-6)).clamp(0, 1)
    return (pixels - a - t[:, None] * bone).norm(dim=-1) / here.scale[0] - PARTS[part].radius


def face_displacement(
    source: Pose, target: Pose, head: Tensor, frame: int, box: tuple[int, int, int, int]
) -> Tensor | None:
    """How far (pixels, [h, w, 2]) the face's features lie from where the head's similarity [2, 3] puts them.

    Gaussian interpolation of the landmarks' residuals on a coarse grid over the box; zero away from the face.
    """
    if source.face_seen[0] < SEEN or target.face_seen[frame] < SEEN:
        return None
    left, top, right, bottom = box
    landmarks = target.landmarks[frame, KNOTS, :2]
    residual = source.landmarks[0, KNOTS, :2] - (landmarks @ head[:, :2].mT + head[:, 2])
    reach = 0.05 * (landmarks.amax(0) - landmarks.amin(0)).amax().clamp(min=1)
    face = (landmarks.amax(0) - landmarks.amin(0)).amax().clamp(min=1)
    coarse = max(1, int(face * 2 / SMOOTH_SIDE))
    height, width = max(1, (bottom - top) // coarse), max(1, (right - left) // coarse)
    grid = _pixels(height, width, landmarks.device)
    grid = grid * grid.new_tensor(((right - left) / width, (bottom - top) / height)) + grid.new_tensor(
        (left, top)
    )
    weight = torch.exp(-0.5 * (torch.cdist(grid, landmarks) / reach).square())
    shift = weight @ residual / (weight.sum(-1, keepdim=True) + 0.05)
    shift = shift.view(1, height, width, 2).permute(0, 3, 1, 2)
    shift = F.interpolate(shift, size=(bottom - top, right - left), mode="bilinear", align_corners=False)
    return shift[0].permute(1, 2, 0)


def _pixels(height: int, width: int, device: torch.device) -> Tensor:
    """Pixel centres [(H W), 2] as x, y."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    return torch.stack((x, y), -1).view(-1, 2)
