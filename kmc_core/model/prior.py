"""The appearance-flow prior: a cut-out puppet. Every limb of the reference is cut out once and moved by the
similarity that takes its reference bone to its target bone; the cut-outs are stacked by depth over a
filled background.

So that a small network need not memorise texture. All coordinates are pixels of one canvas (H, W); F target
frames at once.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.face_mesh import CLOSED_LINES, OPEN_LINES
from ..motion.skeleton import JOINT

SEEN: Final = 0.3  # confidence from which a joint is used
OVERLAP: Final = (
    0.12  # neighbouring cut-outs share this much (of the torso's length), so that no gap opens at a joint
)
SOFT: Final = 0.02  # softness of a cut-out's edge against its neighbours, same unit
SMOOTH_SIDE: Final = 96  # samples along the longer side: enough for the smooth displacement of a face
MASK_CONTRAST: Final = 3.0  # found masks are soft: a wide half-transparent rim would show as a ghost
SMOOTH_SIDE: Final = 96  # samples along the longer side: enough for a smooth displacement
MIRRORED: Final = 0.5  # a fitted size this far off the body's own is no size
LAYERS_AT_ONCE: Final = 4_000_000  # canvas pixels times frames moved in one go: bounds memory, not speed


class Part(NamedTuple):
    """A cut-out around the bone a-b."""

    name: str
    a: str
    b: str
    radius: float  # half width over the torso's length: typical of adults, only decides who owns a pixel
    nearer: float  # torso lengths that it is drawn nearer than its joints say: hands lie on the body


PARTS: Final = (
    Part("torso", "neck", "pelvis", 0.30, 0.0),
    Part("head", "neck", "crown", 0.27, 0.10),
    *(
        Part(f"{side}_{name}", f"{side}_{a}", f"{side}_{b}", radius, nearer)
        for side in ("l", "r")
        for name, a, b, radius, nearer in (
            ("upper_arm", "shoulder", "elbow", 0.11, 0.02),
            ("forearm", "elbow", "wrist", 0.09, 0.04),
            ("hand", "wrist", "fingers", 0.11, 0.06),
            ("thigh", "hip", "knee", 0.16, -0.01),
            ("shin", "knee", "ankle", 0.12, 0.0),
            ("foot", "ankle", "toes", 0.11, 0.01),
        )
    ),
)
TORSO, HEAD = 0, 1
# Landmarks that bend the face: all drawn lines and every seventh of the skin between them; the rest adds
# time, not shape.
KNOTS: Final = sorted(
    {index for line in (*CLOSED_LINES, *OPEN_LINES) for index in line} | set(range(0, 468, 7))
)
_HEAD_JOINTS = [JOINT[name] for name in ("nose", "r_eye", "l_eye", "r_ear", "l_ear")]
_TORSO_JOINTS = [JOINT[name] for name in ("r_shoulder", "l_shoulder", "r_hip", "l_hip")]


@dataclass(frozen=True)
class Pose:
    """Joints in canvas pixels: body [F, 25, 4], hands [F, 2, 21, 4], face landmarks [F, 478, 3] and
    confidence [F].
    """

    body: Tensor
    hands: Tensor
    landmarks: Tensor
    face_seen: Tensor


class Moved(NamedTuple):
    """What the prior gives, colours in the range of the input picture."""

    colour: Tensor  # [F, 3, H, W] moved person over the background
    coverage: Tensor  # [F, 1, H, W] 1 where the person was moved to
    background: Tensor  # [3, H, W] the picture with the person filled in


class Bones(NamedTuple):
    """End points [F, P, 2] of every part, their depth [F, P], whether they are known [F, P], torso length
    [F].
    """

    a: Tensor
    b: Tensor
    depth: Tensor
    known: Tensor
    scale: Tensor


def move_person(image: Tensor, mask: Tensor, source: Pose, target: Pose) -> Moved:
    """Move the person of a picture image [3, H, W], mask [1, H, W] from its pose (one frame) to F target
    poses.
    """
    background = fill_background(image, mask)
    here, there = bones(source), bones(target)
    layers = cut_out(image, mask, here)  # P 4 H W
    transforms, beyond = part_transforms(source, here, target, there)
    depth = torch.where(there.known & here.known, there.depth, torch.inf)
    order = depth.argsort(1, descending=True)
    height, width = image.shape[-2:]
    step = max(1, LAYERS_AT_ONCE // (height * width * len(PARTS)))
    colours, coverages = [], []
    for first in range(0, len(target.body), step):
        part = slice(first, first + step)
        shift = face_displacement(source, target, transforms[:, HEAD], part, (height, width))
        known = there.known[part] & here.known
        moved = _sample_layers(layers, here, transforms[part], beyond[part], shift, known)
        colour, coverage = _stack(moved, order[part], background)
        colours.append(colour)
        coverages.append(coverage)
    return Moved(torch.cat(colours), torch.cat(coverages), background)


def bones(pose: Pose) -> Bones:
    """Where every part's bone lies. Unknown hips are taken below the shoulders, unknown toes and fingers
    along the limb.
    """
    body = pose.body
    xy, z, seen = body[..., :2], body[..., 2], body[..., 3] >= SEEN
    points = {name: (xy[:, k], z[:, k], seen[:, k]) for name, k in JOINT.items()}
    shoulders = (xy[:, JOINT["l_shoulder"]] - xy[:, JOINT["r_shoulder"]]).norm(dim=-1)
    neck, pelvis = points["neck"], points["pelvis"]
    trunk = (pelvis[0] - neck[0]).norm(dim=-1)
    # Shoulders are about 0.75 of a torso apart; seen from the side they shrink, a seen trunk does not.
    scale = torch.where(pelvis[2], torch.maximum(trunk, shoulders), shoulders * 1.35).clamp(min=1.0)
    across = xy[:, JOINT["l_shoulder"]] - xy[:, JOINT["r_shoulder"]]
    down = F.normalize(torch.stack((-across[:, 1], across[:, 0]), -1), dim=-1)
    below = neck[0] + down * down[:, 1:].sign() * scale[:, None]
    points["pelvis"] = (torch.where(pelvis[2][:, None], pelvis[0], below), pelvis[1] * pelvis[2], neck[2])
    points["crown"] = _crown(points, xy, seen)
    for k, side in enumerate(("l", "r")):
        points[f"{side}_fingers"] = _fingers(points, pose.hands[:, k], side, scale)
        points[f"{side}_toes"] = _toes(points, side, scale)
    a, b = ([points[getattr(part, end)] for part in PARTS] for end in ("a", "b"))
    nearer = scale[:, None] * torch.tensor([part.nearer for part in PARTS], device=body.device)
    depth = torch.stack([(p[1] + q[1]) / 2 for p, q in zip(a, b, strict=True)], 1) - nearer
    known = torch.stack([p[2] & q[2] for p, q in zip(a, b, strict=True)], 1)
    return Bones(torch.stack([p[0] for p in a], 1), torch.stack([q[0] for q in b], 1), depth, known, scale)


def _crown(points: dict[str, tuple], xy: Tensor, seen: Tensor) -> tuple:
    """Top of the head: from the neck through the middle of the seen head joints, once more as far."""
    weight = seen[:, _HEAD_JOINTS].to(xy)[..., None]
    middle = (xy[:, _HEAD_JOINTS] * weight).sum(1) / weight.sum(1).clamp(min=1)
    neck = points["neck"]
    return (
        neck[0] + (middle - neck[0]) * 1.7,
        points["nose"][1] * points["nose"][2],
        neck[2] & (weight.sum((1, 2)) > 0),
    )


def _fingers(points: dict[str, tuple], hand: Tensor, side: str, scale: Tensor) -> tuple:
    wrist, elbow = points[f"{side}_wrist"], points[f"{side}_elbow"]
    along = F.normalize(wrist[0] - elbow[0], dim=-1) * scale[:, None] * 0.3
    seen = hand[:, 9, 3] >= SEEN
    knuckle = wrist[0] + (hand[:, 9, :2] - hand[:, 0, :2]) * 1.8  # 1.8: the middle finger's half-bent tip
    return torch.where(seen[:, None], knuckle, wrist[0] + along), wrist[1], wrist[2] & elbow[2]


def _toes(points: dict[str, tuple], side: str, scale: Tensor) -> tuple:
    ankle, toe = points[f"{side}_ankle"], points[f"{side}_big_toe"]
    down = ankle[0] + torch.stack((torch.zeros_like(scale), scale * 0.2), -1)
    return torch.where(toe[2][:, None], toe[0], down), ankle[1], ankle[2]


def cut_out(image: Tensor, mask: Tensor, bones: Bones) -> Tensor:
    """Premultiplied colour and coverage [P, 4, H, W] of every part of the picture (its one frame)."""
    height, width = mask.shape[-2:]
    pixels = _pixels(height, width, image.device)
    a, b = bones.a[0], bones.b[0]
    radius = torch.tensor([part.radius for part in PARTS], device=image.device) * bones.scale[0]
    ab = b - a
    t = ((pixels[None] - a[:, None]) * ab[:, None]).sum(-1) / ab.pow(2).sum(-1, keepdim=True).clamp(min=1e-6)
    nearest = a[:, None] + t.clamp(0, 1)[..., None] * ab[:, None]
    distance = ((pixels[None] - nearest).norm(dim=-1) - radius[:, None]) / bones.scale[0]  # P (H W)
    distance = torch.where(bones.known[0][:, None], distance, torch.inf)
    share = torch.sigmoid((distance.amin(0) + OVERLAP - distance) / SOFT).nan_to_num(0.0)
    coverage = share.view(-1, 1, height, width) * ((mask - 0.5) * MASK_CONTRAST + 0.5).clamp(0, 1)
    return torch.cat((image * coverage, coverage), 1)


def part_transforms(source: Pose, here: Bones, target: Pose, there: Bones) -> tuple[Tensor, Tensor]:
    """Affine maps [F, P, 2, 3] from target to source pixels, one a part; and how much less [F, P] a part is
    stretched beyond the ends of its bone: the round end of a lengthened limb keeps its shape.
    """
    across = _size_ratio(here, there)
    direction = F.normalize(there.b - there.a, dim=-1)
    direction_source = F.normalize(here.b - here.a, dim=-1).expand_as(direction)
    length = (there.b - there.a).norm(dim=-1).clamp(min=1e-3)
    along = ((here.b - here.a).norm(dim=-1) / length).clamp(0.25, 4.0)
    # A limb that points at the camera is shorter, not thinner.
    linear = along[..., None, None] * _outer(direction_source, direction)
    linear = linear + across[:, None, None, None] * _outer(_normal(direction_source), _normal(direction))
    transforms = torch.cat((linear, (here.a - (linear @ there.a[..., None])[..., 0])[..., None]), -1)
    fitted = {
        TORSO: _fit_similarity(source.body[:, _TORSO_JOINTS], target.body[:, _TORSO_JOINTS]),
        HEAD: _fit_head(source, target),
    }
    beyond = across[:, None] / along
    for part, (fit, usable) in fitted.items():
        size = fit[:, :, 0].norm(dim=-1) / across
        # Points that mirror (a person turned past the side) fit only a speck: then the bone alone decides.
        usable = usable & (size > MIRRORED) & (size < 1 / MIRRORED)
        transforms[:, part] = torch.where(usable[:, None, None], fit, transforms[:, part])
        beyond[:, part] = torch.where(usable, 1.0, beyond[:, part])
    return transforms, beyond


def _size_ratio(here: Bones, there: Bones) -> Tensor:
    """Source over target body size [F]: one number for the clip, since a person does not grow."""
    ratio = here.scale[0] / there.scale.median()
    return ratio.expand(len(there.scale))


def _fit_head(source: Pose, target: Pose) -> tuple[Tensor, Tensor]:
    """The similarity of the face landmarks where both faces are seen, else that of nose, eyes and ears."""
    joints, usable = _fit_similarity(source.body[:, _HEAD_JOINTS], target.body[:, _HEAD_JOINTS])
    seen = (source.face_seen >= SEEN) & (target.face_seen >= SEEN)
    landmarks, _ = _fit_similarity(_weighted(source.landmarks), _weighted(target.landmarks))
    return torch.where(seen[:, None, None], landmarks, joints), usable | seen


def _weighted(landmarks: Tensor) -> Tensor:
    return torch.cat((landmarks, torch.ones_like(landmarks[..., :1])), -1)


def _fit_similarity(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares similarity [F, 2, 3] from target to source points (x, y, _, confidence), and where it
    is determined.
    """
    weight = ((source[..., 3] >= SEEN) & (target[..., 3] >= SEEN)).to(source)[..., None]
    total = weight.sum(1).clamp(min=1e-6)
    p, q = target[..., :2], source[..., :2].expand_as(target[..., :2])
    p0, q0 = (p * weight).sum(1) / total, (q * weight).sum(1) / total
    p, q = (p - p0[:, None]) * weight, (q - q0[:, None]) * weight
    size = p.pow(2).sum((1, 2)).clamp(min=1e-6)
    c = (p * q).sum((1, 2)) / size
    s = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / size
    linear = torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)
    offset = q0 - (linear @ p0[..., None])[..., 0]
    enough = weight.sum((1, 2)) >= 3
    return torch.cat((linear, offset[..., None]), -1), enough


def face_displacement(
    source: Pose, target: Pose, head: Tensor, part: slice, size: tuple[int, int]
) -> Tensor | None:
    """How far (pixels, [F, H, W, 2]) the face's features lie from where the head's similarity puts them.

    Gaussian interpolation of the landmarks' residuals on a coarse grid; zero away from the face.
    """
    if source.face_seen[0] < SEEN:
        return None
    height, width = size
    landmarks = target.landmarks[part][:, KNOTS, :2]
    predicted = torch.einsum("fij,flj->fli", head[part][:, :, :2], landmarks) + head[part][:, None, :, 2]
    residual = source.landmarks[:, KNOTS, :2] - predicted  # F L 2
    coarse = max(2, max(size) // SMOOTH_SIDE)
    grid = _pixels(height // coarse, width // coarse, landmarks.device)
    grid = grid * grid.new_tensor((width / (width // coarse), height / (height // coarse)))
    reach = 0.05 * (landmarks.amax(1) - landmarks.amin(1)).amax(-1).clamp(min=1)  # F
    distance = torch.cdist(grid.expand(len(landmarks), -1, -1), landmarks) / reach[:, None, None]
    weight = torch.exp(-0.5 * distance.square())
    shift = weight @ residual / (weight.sum(-1, keepdim=True) + 0.05)
    shift = shift * (target.face_seen[part] >= SEEN)[:, None, None]
    shift = shift.view(-1, height // coarse, width // coarse, 2).permute(0, 3, 1, 2)
    return F.interpolate(shift, size=size, mode="bilinear", align_corners=False).permute(0, 2, 3, 1)


def _sample_layers(
    layers: Tensor, here: Bones, transforms: Tensor, beyond: Tensor, shift: Tensor | None, known: Tensor
) -> Tensor:
    """Move layers [P, 4, H, W] to [F, P, 4, H, W], empty where a part is not `known` [F, P]; `here` are the
    bones of the picture.
    """
    height, width = layers.shape[-2:]
    pixels = _pixels(height, width, layers.device)
    moved = layers.new_zeros(len(transforms), *layers.shape)
    for part in known.any(0).nonzero().flatten().tolist():
        layer = layers[part]
        where = pixels @ transforms[:, part, :, :2].mT + transforms[:, part, None, :, 2]
        start, bone = here.a[0, part], here.b[0, part] - here.a[0, part]
        length = bone.norm().clamp(min=1e-3)
        along = (where - start) @ (bone / length)
        over = along - along.clamp(min=0).minimum(length)
        where = where + (over * (beyond[:, part, None] - 1))[..., None] * (bone / length)
        where = where.view(-1, height, width, 2)
        if part == HEAD and shift is not None:
            where = where + shift
        grid = where / where.new_tensor((width, height)) * 2 - 1
        # A bust cut off by the picture goes on beyond its edge as it ends there; a limb would smear.
        edge = "border" if part in (TORSO, HEAD) else "zeros"
        whole = layer.expand(len(grid), -1, -1, -1)
        sampled = F.grid_sample(whole, grid, padding_mode=edge, align_corners=False)
        moved[:, part] = sampled * known[:, part, None, None, None]
    return moved


def _stack(moved: Tensor, order: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """Lay premultiplied layers [F, P, 4, H, W] over the background, furthest first."""
    frames = torch.arange(len(moved), device=moved.device)
    colour = background.expand(len(moved), -1, -1, -1)
    clear = torch.ones_like(moved[:, 0, 3:])
    for position in range(moved.shape[1]):
        layer = moved[frames, order[:, position]]
        colour = layer[:, :3] + colour * (1 - layer[:, 3:])
        clear = clear * (1 - layer[:, 3:])
    return colour, 1 - clear


def fill_background(image: Tensor, mask: Tensor) -> Tensor:
    """The picture [3, H, W] with the person (mask [1, H, W], grown a little) filled from its surroundings.

    Pull-push: known pixels are averaged into ever smaller pictures; on the way back the coarser one fills
    what the finer one does not know.
    """
    reach = max(2, max(mask.shape[-2:]) // GROWN // 2)
    grown = F.max_pool2d(mask[None], 2 * reach + 1, 1, reach) > 0.1
    known = (~grown).to(image)
    pyramid = [(image[None] * known, known)]
    while min(pyramid[-1][0].shape[-2:]) > 1:
        pyramid.append(tuple(F.avg_pool2d(t, 2, ceil_mode=True) for t in pyramid[-1]))
    total, weight = pyramid.pop()
    filled = total / weight.clamp(min=1e-6)
    filled = torch.where(weight > 0, filled, image.mean((1, 2))[None, :, None, None])
    for total, weight in reversed(pyramid):
        up = F.interpolate(filled, size=total.shape[-2:], mode="bilinear", align_corners=False)
        trust = weight.clamp(max=1)
        filled = total / weight.clamp(min=1e-6) * trust + up * (1 - trust)
    return filled[0]


def _pixels(height: int, width: int, device: torch.device) -> Tensor:
    """Pixel centres [(H W), 2] as x, y."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    return torch.stack((x, y), -1).view(-1, 2)


def _normal(v: Tensor) -> Tensor:
    return torch.stack((-v[..., 1], v[..., 0]), -1)


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :, None] * b[..., None, :]
