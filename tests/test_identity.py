"""Which part of a character an engine is shown, and that no identity is no identity."""

from dataclasses import replace

import pytest
import torch

from kmc_core.engines.identity import head_region, shown_subject, view_part
from kmc_core.engines.kmc import animate_conditions
from kmc_core.errors import KMCError
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.motion.retarget import retarget
from kmc_core.motion.skeleton import JOINT
from kmc_core.subject.identity import choose_identity
from kmc_core.subject.types import Subject
from moving_person import character, person
from tiny import PARAMS, tiny_animator, tiny_noise

MOTION = retarget(person(3), character())


def painted() -> Subject:
    """The character with a coloured picture, a mask around its body, and a second view in other colours."""
    g = torch.Generator().manual_seed(0)
    front = character().views[0]
    body = front.pose.body[0]  # type: ignore[index]
    seen = body[body[:, 3] > 0, :2]
    (left, top), (right, bottom) = (seen.amin(0) - 40).long().tolist(), (seen.amax(0) + 40).long().tolist()
    mask = torch.zeros_like(front.mask)
    mask[:, max(top, 0) : bottom, max(left, 0) : right] = 1
    image = torch.rand(front.image.shape, generator=g)
    front = replace(front, image=image, mask=mask, embedding=torch.rand(128, generator=g))
    return Subject("Ada", (front, replace(front, image=1 - image)))


def predicted(conditions: AnimatorConditions) -> torch.Tensor:
    z = tiny_noise(frames=3)
    _, _, _, height, width = conditions.moved.shape
    z = torch.nn.functional.interpolate(z, size=(3, height, width))
    with torch.no_grad():
        return tiny_animator()(z, torch.tensor([0.5]), conditions)


def told(subject: Subject, strength: float) -> AnimatorConditions:
    return animate_conditions(MOTION, choose_identity(subject, strength), params=PARAMS)[0]


def test_strength_zero_is_bit_for_bit_no_identity() -> None:
    subject = painted()
    none = predicted(told(replace(subject, views=subject.views[:1]), 1.0).drop("identity"))
    assert torch.equal(predicted(told(subject, 0.0)), none)
    stranger = replace(subject.views[0], embedding=torch.zeros(128))
    assert torch.equal(predicted(told(replace(subject, views=(stranger,) * 3), 0.0)), none)
    assert not torch.equal(predicted(told(subject, 1.0)), none)


def test_the_head_ends_at_the_chin() -> None:
    view = painted().views[0]
    head = head_region(view)
    assert head is not None
    x, y = view.pose.face.landmarks[0, :, :2].mean(0).long().tolist()  # type: ignore[union-attr]
    assert head[0, y, x] == 1
    for joint in ("l_shoulder", "pelvis", "l_ankle"):
        place = view.pose.body[0, JOINT[joint], :2].long()  # type: ignore[index]
        assert head[0, min(int(place[1]), head.shape[1] - 1), int(place[0])] == 0
    behind = replace(view, pose=replace(view.pose, face=None))
    assert 0.3 < float(head_region(behind).sum() / head.sum()) < 3  # type: ignore[union-attr]
    body = view.pose.body.clone()  # type: ignore[union-attr]
    body[..., 3] = 0
    assert head_region(replace(behind, pose=replace(behind.pose, body=body))) is None


def test_face_and_clothes_share_the_person_between_them() -> None:
    view = painted().views[0]
    face, clothes = view_part(view, "face only"), view_part(view, "clothes only")
    assert torch.equal(face.mask + clothes.mask, view.mask) and face.mask.sum() > 100
    assert torch.equal(face.image[:, face.mask[0] > 0], view.image[:, face.mask[0] > 0])
    hidden = (clothes.mask > 0)[0]
    assert (face.image - view.image)[:, hidden].abs().mean() > 0.1, "the clothes still show"
    assert face.embedding is view.embedding and clothes.embedding is None


def test_only_the_part_reaches_the_animator() -> None:
    whole, face, clothes = (
        animate_conditions(MOTION, choose_identity(painted(), part=part), params=PARAMS)[0].moved[:, 3:]
        for part in ("whole character", "face only", "clothes only")
    )
    assert 0 < face.sum() < clothes.sum() < whole.sum()


def test_matching_views_are_limited_and_the_main_one_stays() -> None:
    subject = painted()
    subject = replace(subject, views=subject.views * 3)
    shown = shown_subject(choose_identity(subject, views="matching", most=2), MOTION)
    assert len(shown.views) == 2 and shown.views[0] is subject.views[0]
    assert len(shown_subject(choose_identity(subject), MOTION).views) == 6
    assert len(shown_subject(choose_identity(subject, views="first"), MOTION).views) == 1


def test_unusable_wishes_tell_what_to_do() -> None:
    faceless = replace(character().views[0], pose=replace(character().views[0].pose, face=None, body=None))
    subject = replace(character(), views=(faceless,))
    with pytest.raises(KMCError, match=r"No view of 'someone' shows a head"):
        shown_subject(choose_identity(subject, part="face only"), MOTION)
    with pytest.raises(KMCError, match=r"The part is 'hat', expected one of whole character, face only"):
        choose_identity(subject, part="hat")  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"counts from 0.5 to 0.2 of the sampling"):
        choose_identity(subject, start=0.5, end=0.2)
