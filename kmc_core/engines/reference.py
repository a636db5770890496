"""The reference picture of every run, for engines that take one: the view that faces as the person does.

A run that is shown another picture takes its scene and framing from it, too. So the person of the chosen view
is put into the scene of the main view, as large as there and in the same place.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..model.background import fill_background
from ..motion.bones import SEEN, torso_length
from ..motion.check_measures import level
from ..motion.skeleton import JOINT
from ..motion.types import Motion
from ..subject.select import choices_report, choose_views
from ..subject.types import Subject, View
from .catalog import Engine
from .framing import framed, on_canvas
from .request import Request

NECK: Final = JOINT["neck"]
SEEN_EDGE: Final = 0.5  # of a mask at its picture's edge: the person goes on beyond it
MOST_INSIDE: Final = 0.02  # share of the main picture by which such an edge may lie inside it


def requests_of_runs(
    engine: Engine, request: Request, spans: Sequence[tuple[int, int]]
) -> tuple[tuple[Request, ...], str]:
    """The request of every run, frames start .. end (exclusive), and which view it is shown, as Markdown.

    Engines that are shown all views get the same request for all runs. The others get one view for each;
    another one takes over only when it is clearly nearer.
    """
    subject, strength = request.subject, request.identity.strength
    if not engine.one_view:
        return (request,) * len(spans), f"{engine.label} sees all views in every window."
    fitting = [i for i, view in enumerate(subject.views) if i == 0 or _shows_as_much(view, subject.views[0])]
    if strength == 0:
        fitting = [0]
    known = replace(subject, views=tuple(subject.views[i] for i in fitting))
    choices = choose_views(request.motion, known, spans, track=request.person)
    shown = {best: _with_view(request, known, best) for best in {choice.views[0] for choice in choices}}
    told = [replace(choice, views=(fitting[choice.views[0]],)) for choice in choices]
    report = choices_report(told, subject, request.motion.fps)
    return tuple(shown[choice.views[0]] for choice in choices), report


def _with_view(request: Request, subject: Subject, index: int) -> Request:
    main = subject.views[0]
    view = main if index == 0 else in_scene(subject.views[index], main)
    return replace(request, identity=replace(request.identity, subject=replace(subject, views=(view,))))


def _shows_as_much(view: View, main: View) -> bool:
    """Whether a view can stand in the place of the main one: nothing is missing, its size can be told, and no
    edge of its picture cuts the person where the main one goes on.
    """
    found, needed = level(view.pose, _size(view)), level(main.pose, _size(main))
    if found is None or needed is None or found < needed or not all(map(_placed, (view, main))):
        return False
    return not _cut_inside(view, main)


def _cut_inside(view: View, main: View) -> bool:
    """Whether an edge that cuts the person of a view comes to lie inside the main picture."""
    place, (width, height), (wide, high) = _place_of(view, main), _size(main), _size(view)
    left, top = place[:, 2].tolist()
    right, bottom = (place @ torch.tensor([wide, high, 1.0])).tolist()
    mask = view.mask[0]
    inside = (  # how far, as a share of the main picture
        (mask[:, 0], left / width),
        (mask[0], top / height),
        (mask[:, -1], 1 - right / width),
        (mask[-1], 1 - bottom / height),
    )
    return any(bool((edge > SEEN_EDGE).any()) and share > MOST_INSIDE for edge, share in inside)


def _placed(view: View) -> bool:
    body = view.pose.body
    return body is not None and float(body[0, NECK, 3]) >= SEEN and float(torso_length(body.float())[0]) > 0


def in_scene(view: View, main: View) -> View:
    """The person of a view with the scene, the torso's length and the neck's place of the main view.

    Both poses have a body with a torso and a neck.
    """
    place, size = _place_of(view, main), _size(main)
    person = torch.cat([view.image * view.mask, view.mask])  # cut out first: nothing of its scene bleeds in
    person = _seen_through(person, place, size)
    scene = fill_background(main.image, main.mask)
    pose = on_canvas(Motion(1.0, _size(view), (view.pose,)), place, size).tracks[0]
    mask = person[3:]
    return replace(view, image=person[:3] + scene * (1 - mask), mask=mask, pose=pose)


def _place_of(view: View, main: View) -> Tensor:
    """[2, 3] from a view's pixels to the main view's: equal torsos, necks in one place."""
    assert view.pose.body is not None and main.pose.body is not None
    body, goal = view.pose.body.float(), main.pose.body.float()
    scale = float(torso_length(goal)[0] / torso_length(body)[0])
    shift = goal[0, NECK, :2] - scale * body[0, NECK, :2]
    return torch.cat([torch.eye(2) * scale, shift[:, None]], 1)


def _seen_through(picture: Tensor, place: Tensor, size: tuple[int, int]) -> Tensor:
    """[C, h, w] 0..1 -> [C, H, W], 0 beyond its edges."""
    edged = F.pad(picture, (1, 1, 1, 1))
    inner = torch.cat([place[:, :2], place[:, 2:] - place[:, :2].sum(1, keepdim=True)], 1)
    return framed((edged[None] * 255).round().to(torch.uint8), inner, size)[0]


def _size(view: View) -> tuple[int, int]:
    return view.image.shape[-1], view.image.shape[-2]
