"""Keeping contacts: hands and feet of a retargeted person brought back to what they touched.

Bone lengths alone do not keep a touch: with shorter arms the same angles end short of the face. Each touching
hand keeps its way from the touched part, at that part's new size, and the arm reaches for it (two-bone
inverse kinematics). A contact fades in and out, so that nothing jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from .contacts import DEPTH_WEIGHT, nearest_on
from .proportions import FACE, HAND, bone
from .skeleton import JOINT
from .solid import SIDES, Side, Solid
from .types import Contact, ContactKind

FADE_SECONDS: Final = 0.2
STRETCH: Final = 0.999  # of a limb's length: a straight limb has no plane to bend in
ROUNDS: Final = 5  # hands on hands and arms meet moving targets
FEET: Final = ("ankle", "heel", "big_toe", "small_toe")


@dataclass(frozen=True)
class Reach:
    """What keeping contacts needs to know; `before` is the driver, lengths [LENGTHS] take its to the new."""

    before: Solid
    lengths: Tensor
    contacts: tuple[Contact, ...]
    fps: float
    strength: float = 1.0

    def fade(self, contact: Contact) -> Tensor:
        """[F] 0..1 how much a contact counts: 1 while it lasts, fading before and after it."""
        time = torch.arange(len(self.before.joints), dtype=torch.float32)
        outside = torch.maximum(contact.start - time, time - (contact.end - 1)).clamp(min=0)
        near = (1 - outside / max(1.0, FADE_SECONDS * self.fps)).clamp(min=0)
        return near * near * (3 - 2 * near)

    def of(self, kind: ContactKind, side: Side) -> list[Contact]:
        """The contacts of one kind and side."""
        return [contact for contact in self.contacts if (contact.kind, contact.side) == (kind, side)]

    def weight(self, kind: ContactKind, side: Side) -> Tensor:
        """[F] 0..strength how much a hand or foot is held."""
        fades = [torch.zeros(len(self.before.joints)), *map(self.fade, self.of(kind, side))]
        return torch.stack(fades).amax(0) * self.strength


def reach_contacts(before: Solid, reach: Reach) -> Solid:
    """The retargeted person `before` with its hands where the contacts want them."""
    after = before
    goals: dict[Side, Tensor] = {}
    for _ in range(ROUNDS):
        wanted: dict[Side, tuple[Tensor, Tensor]] = {side: _goal(after, reach, side) for side in SIDES}
        for side, (goal, weight) in wanted.items():
            # Halfway each time: two hands that follow each other would overshoot in turn.
            goals[side] = torch.lerp(goals[side], goal, 0.5) if side in goals else goal
            after = _bend_arm(before, after, side, goals[side], weight)
    return after


def stand(after: Solid, goals: Tensor, weights: Tensor) -> Solid:
    """`after` with its ankles [F, 2, 3] at their goals as far as the weights [F, 2] say."""
    for side, row in SIDES.items():
        hip, knee, ankle = (JOINT[f"{side[0]}_{name}"] for name in ("hip", "knee", "ankle"))
        goal = torch.lerp(after.joints[:, ankle], goals[:, row], weights[:, row, None])
        bent, end = two_bones(after.joints[:, hip], after.joints[:, knee], after.joints[:, ankle], goal)
        joints = after.joints.clone()
        moved = (weights[:, row] > 0)[:, None]
        shift = torch.where(moved, end - joints[:, ankle], 0)
        joints[:, knee] = torch.where(moved, bent, joints[:, knee])
        joints[:, [JOINT[f"{side[0]}_{name}"] for name in FEET]] += shift[:, None]
        after = replace(after, joints=joints)
    return after


def two_bones(start: Tensor, middle: Tensor, end: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """New middle and end [F, 3] of a chain that reaches for `goal`, or as near as its two bones come.

    Both bones keep their length, and the middle stays on the side to which it was bent.
    """
    upper, lower = (middle - start).norm(dim=-1, keepdim=True), (end - middle).norm(dim=-1, keepdim=True)
    way = goal - start
    length = way.norm(dim=-1, keepdim=True)
    axis = way / length.clamp(min=1e-9)
    # A limb that is stretched or folded further already may stay so.
    now = (end - start).norm(dim=-1, keepdim=True)
    shortest = torch.minimum((upper - lower).abs() + (1 - STRETCH) * (upper + lower), now)
    longest = torch.maximum(STRETCH * (upper + lower), now)
    length = torch.minimum(torch.maximum(length, shortest), longest)
    side = (middle - start) - axis * ((middle - start) * axis).sum(-1, keepdim=True)
    # A straight limb bends towards where it hangs: any side will do, as long as it is always the same one.
    fallback = torch.tensor([0.0, 1.0, 0.3]).expand_as(axis)
    fallback = fallback - axis * (fallback * axis).sum(-1, keepdim=True)
    size = side.norm(dim=-1, keepdim=True)
    side = torch.where(size > 1e-4 * upper, side, fallback)
    side = side / side.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    along = (length.square() + upper.square() - lower.square()) / (2 * length.clamp(min=1e-9))
    bent = start + axis * along + side * (upper.square() - along.square()).clamp(min=0).sqrt()
    return bent, start + axis * length


def _bend_arm(before: Solid, after: Solid, side: Side, goal: Tensor, weight: Tensor) -> Solid:
    """`after` with a palm from where it was `before` as far to its goal [F, 3] as the weight [F] says.

    The hand keeps its own direction.
    """
    shoulder, elbow, wrist = (JOINT[f"{side[0]}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    weight = weight * before.seen[:, [shoulder, elbow, wrist]].all(dim=1)
    old, row = before.joints, SIDES[side]
    target = old[:, wrist] + weight[:, None] * (goal - before.palms[:, row])
    bent, end = two_bones(old[:, shoulder], old[:, elbow], old[:, wrist], target)
    joints, palms, moved = after.joints.clone(), after.palms.clone(), (weight > 0)[:, None]
    joints[:, elbow] = torch.where(moved, bent, old[:, elbow])
    joints[:, wrist] = torch.where(moved, end, old[:, wrist])
    palms[:, row] = before.palms[:, row] + joints[:, wrist] - old[:, wrist]
    return replace(after, joints=joints, palms=palms)


def _goal(after: Solid, reach: Reach, side: Side) -> tuple[Tensor, Tensor]:
    """Where the palm [F, 3] wants to be, and how much [F]; several touches share by their weights."""
    kinds: dict[ContactKind, Callable[[Solid, Reach, Side], Tensor]] = {
        "hand-face": _at_face, "hand-hand": _at_hand, "hand-hip": _at_hip, "hand-arm": _at_arm,
    }  # fmt: skip
    goal, total, most = torch.zeros_like(after.palms[:, 0]), 0, torch.zeros(len(after.joints))
    for kind, place in kinds.items():
        weight = reach.weight(kind, side)
        if bool((weight > 0).any()):
            goal = goal + weight[:, None] * place(after, reach, side)
            total, most = total + weight, torch.maximum(most, weight)
    return goal / torch.as_tensor(total).clamp(min=1e-6).reshape(-1, 1), most


def _at_face(after: Solid, reach: Reach, side: Side) -> Tensor:
    before = reach.before
    offset = before.palms[:, SIDES[side]] - before.at("nose")
    return after.at("nose") + reach.lengths[FACE] * offset


def _at_hand(after: Solid, reach: Reach, side: Side) -> Tensor:
    """Both hands meet halfway between where they are now."""
    row = SIDES[side]
    apart = reach.before.palms[:, row] - reach.before.palms[:, 1 - row]
    return after.palms.mean(dim=1) + reach.lengths[HAND] * apart / 2


def _at_hip(after: Solid, reach: Reach, side: Side) -> Tensor:
    """Beside the hip, at the distance that the pelvis' new width makes of it."""
    hip = f"{side[0]}_hip"
    offset = reach.before.palms[:, SIDES[side]] - reach.before.at(hip)
    return after.at(hip) + reach.lengths[bone("pelvis", hip)] * offset


def _at_arm(after: Solid, reach: Reach, side: Side) -> Tensor:
    """Beside the same share of the other arm, at the distance that its new size makes of it."""
    away = {"left": "r", "right": "l"}[side]
    before, palm = reach.before, reach.before.palms[:, SIDES[side]]
    places, gaps = [], []
    for a, b in ((f"{away}_shoulder", f"{away}_elbow"), (f"{away}_elbow", f"{away}_wrist")):
        share = nearest_on(before.at(a), before.at(b), palm)[:, None]
        offset = palm - torch.lerp(before.at(a), before.at(b), share)
        places.append(torch.lerp(after.at(a), after.at(b), share) + reach.lengths[HAND] * offset)
        gaps.append(torch.hypot(offset[:, :2].norm(dim=-1), DEPTH_WEIGHT * offset[:, 2]))
    return torch.where((gaps[0] < gaps[1])[:, None], places[0], places[1])
