"""A retargeted person's limbs brought back to what the driver's touched, in space and in the picture."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN
from .contacts import find_feet
from .placement import Plan
from .proportions import Proportions
from .reach import Reach, reach_contacts, stand
from .skeleton import WRISTS
from .solid import SIDES, Side, Solid, solid
from .trajectory import filled
from .types import Track

CALM_SECONDS: Final = 0.2  # on each side, over which the body's shift onto its feet is averaged


def keep_touching(
    driver: Track, moved: Track, plan: Plan, proportions: Proportions, fps: float, strength: float
) -> Track:
    """`moved`, which came from `driver` by `plan`, with every limb that touched something brought back to it.

    Below a body strength of 1 hands go part of the way, and feet stay where the bones put them, as
    they do where the picture shows no ground to stand on.
    """
    before, after = solid(driver), solid(moved)
    if before is None or after is None or moved.intent is None:
        return moved
    after = replace(after, pixels=before.pixels * plan.size if before.metric else before.pixels)
    lengths = proportions.relative if before.metric else plan.lengths
    reach = Reach(before, lengths, moved.intent.contacts, fps, min(strength, 1.0))
    shift, kept = torch.zeros(driver.frames, 2), after
    if strength == 1 and plan.grounded:
        shift, kept = _plant_feet(driver, moved, kept, plan, reach)
    return _with_joints(moved, after, reach_contacts(kept, reach), shift)


def _plant_feet(driver: Track, moved: Track, after: Solid, plan: Plan, reach: Reach) -> tuple[Tensor, Solid]:
    """Shift [F, 2] in pixels of the whole body onto its standing feet, and legs that reach for the rest.

    While a foot stands, it moves as the driver's does, as the plan maps the ground: not at all, as a rule.
    Its height is that of the ground, but how far to the side it stands is left to the bones.
    """
    weights = torch.stack([reach.weight("foot-ground", side) for side in SIDES], dim=1)  # F 2
    old, new = find_feet(driver), find_feet(moved)
    if old is None or new is None or not bool((weights > 0).any()):
        return torch.zeros(driver.frames, 2), after
    gap = (plan.place(old[..., :2]) - new[..., :2]).nan_to_num()
    for side, row in SIDES.items():
        gap[:, row, 0] -= _usual(gap[:, row, 0], reach, side)
    weights = weights * torch.isfinite(old[..., 0] + new[..., 0])
    mean = (gap * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)
    shift = _calm(filled(mean, weights.sum(dim=1) > 0.5), round(CALM_SECONDS * reach.fps))
    ankles = torch.stack([after.at("l_ankle"), after.at("r_ankle")], dim=1)
    flat = (gap - shift[:, None]) / after.pixels[:, None, None]
    goals = ankles + torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
    return shift, stand(after, goals, weights)


def _usual(gap: Tensor, reach: Reach, side: Side) -> Tensor:
    """[F] the median of a gap [F] within each stand of a foot, fading from one to the next."""
    level, total = torch.zeros_like(gap), torch.full_like(gap, 1e-6)
    for contact in reach.of("foot-ground", side):
        fade = reach.fade(contact)
        level, total = level + fade * gap[contact.start : contact.end].median(), total + fade
    return level / total


def _calm(path: Tensor, reach: int) -> Tensor:
    """[F, D] a moving average over `reach` frames to both sides."""
    padded = torch.cat([path[:1].expand(reach, -1), path, path[-1:].expand(reach, -1)])
    return padded.unfold(0, 2 * reach + 1, 1).mean(dim=-1)


def _with_joints(moved: Track, before: Solid, after: Solid, shift: Tensor) -> Track:
    """The track with the joints that changed from `before` to `after`, and shifted by [F, 2] pixels."""
    assert moved.body is not None
    step = (after.joints - before.joints) * before.seen[..., None]
    pixels = step * before.pixels[:, None, None]
    body = moved.body.clone()
    body[..., :3] += pixels
    body[..., :2] += shift[:, None] * before.seen[..., None]
    hands = moved.hands
    if hands is not None:
        hands = hands.clone()
        for side, wrist in enumerate(WRISTS):
            hands[:, side, :, :2] += (pixels[:, wrist, :2] + shift)[:, None] * (hands[:, side, :, 3:] >= SEEN)
    world = None if moved.world is None or not before.metric else moved.world + step
    return replace(moved, body=body, hands=hands, world=moved.world if world is None else world)
