"""The appearance-flow prior: the pixels of a person's views, moved to other poses over a filled background.

So that a small network need not memorise texture. A proxy body carries them in three dimensions; what a
view shows beyond that body (hair, skirts, bags) hangs on it as a sheet. Where no depth is known, a 2-D
cut-out puppet moves them instead. Coordinates are pixels: a view's of its own picture, a target's of the
canvas (H, W).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.skeleton import JOINT
from .background import fill_background, fill_from
from .limbs import Pose
from .proxy_body import ProxyBody, proxy_body
from .proxy_fit import fit_widths
from .proxy_paint import Painted, paint_body
from .proxy_pose import Posture, in_view, sizes, take_posture
from .proxy_shell import with_shells
from .proxy_views import Picture, as_paint
from .puppet import cut_out, moving

NEIGHBOURS: Final = 5.5  # a pixel with more than this many of eight covered neighbours is a hole
SIZES: Final = (1.0, 1e5)  # pixels per metre that a person can have
CERTAIN: Final = 0.5  # least confidence of an elbow or wrist of a view
STEADY: Final = 15  # frames over which a person's size is steadied: cameras zoom and people walk smoothly
FLAT: Final = 1e-3  # of the canvas: a person all of whose joints are this shallow has no known depth


class Moved(NamedTuple):
    """What the prior gives, colours in the range of the input picture."""

    colour: Tensor  # [F, 3, H, W] moved person over the background
    coverage: Tensor  # [F, 1, H, W] 1 where the person was moved to
    background: Tensor  # [3, H, W] the picture with the person filled in
    unseen: Tensor  # [F, 1, H, W] 1 where the person is and no view shows it: the colour is a guess


class Frame(NamedTuple):
    """One frame of it."""

    colour: Tensor  # [3, H, W]
    coverage: Tensor  # [1, H, W]
    unseen: Tensor  # [1, H, W]


def move_person(
    views: Sequence[Picture],
    target: Pose,
    *,
    background: Tensor | None = None,
    guess: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Moved:
    """Move the person of one or more views to F target poses on a canvas of the background's size, which None
    takes from the first view. `guess` the inside of mouths and hands that no view shows.
    """
    if background is None:
        background = fill_background(views[0].image, views[0].mask)
    frames = list(moved_frames(views, target, background, guess=guess, progress=progress, check=check))
    colour, coverage, unseen = (torch.stack(values) for values in zip(*frames, strict=True))
    return Moved(colour, coverage, background, unseen)


def moved_frames(
    views: Sequence[Picture],
    target: Pose,
    background: Tensor,
    *,
    guess: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Frame]:
    """One target frame after the other, over a background [3, H, W]. Views may be larger than it, each in its
    own pixels; the target is in the background's.
    """
    first, size = views[0], (background.shape[-2], background.shape[-1])
    person = posed(views, target, size)
    if person is None:
        first = resized(first, size)
        cutouts = cut_out(first.image, first.mask, first.pose, background)
        for colour, coverage in moving(cutouts, first.pose, target, progress=progress, check=check):
            yield Frame(colour, coverage, torch.zeros_like(coverage))
        return
    views, postures, posture = person.views, person.postures, person.target
    body = with_shells(person.body, views, postures, by_colour=guess)
    paints = [as_paint(body, view, posture) for view, posture in zip(views, postures, strict=True)]
    for frame in range(len(target.body)):
        check()
        yield compose(paint_body(body, paints, posture, frame, size, guess), background)
        progress(frame + 1, len(target.body))


class Posed(NamedTuple):
    """The body as the person of some views, in their poses and in the target's."""

    body: ProxyBody
    views: list[Picture]  # those that know depth, the first among them
    postures: list[Posture]
    target: Posture


def posed(views: Sequence[Picture], target: Pose, size: tuple[int, int]) -> Posed | None:
    """The person of views in a target on a canvas (height, width); None where no depth is known."""
    sure = [certain(view) for view in views]
    solid = [view for view in sure if has_depth(view.pose, max(view.mask.shape[-2:]))]
    if not (solid and solid[0] is sure[0] and has_depth(target, max(size))):
        return None
    body = proxy_body().to(solid[0].image.device)
    scales = person_scales(body, [view.pose for view in solid], target)
    widths = fit_widths(body, solid[0], scales[0])
    postures = [take_posture(body, v.pose, s, widths) for v, s in zip(solid, scales, strict=False)]
    held = in_view(body, solid[0].pose, postures[0])
    return Posed(body, solid, postures, take_posture(body, target, scales[-1], widths, held))


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture with its pose at a size (height, width) of about its shape."""
    height, width = picture.mask.shape[-2:]
    if (height, width) == size:
        return picture
    factor = torch.tensor((size[1] / width, size[0] / height, size[0] / height), device=picture.mask.device)

    def placed(points: Tensor) -> Tensor:
        return torch.cat((points[..., :3] * factor, points[..., 3:]), -1)

    image, mask = (
        F.interpolate(x[None], size=size, mode="bilinear", antialias=True)[0]
        for x in (picture.image, picture.mask)
    )
    pose = picture.pose
    moved = replace(pose, body=placed(pose.body), hands=placed(pose.hands), landmarks=placed(pose.landmarks))
    return Picture(image, mask, moved)


def certain(view: Picture) -> Picture:
    """The view without the arms that were only guessed at: one that is elsewhere would be painted with what
    is there.
    """
    body, hands = view.pose.body.clone(), view.pose.hands.clone()
    for hand, side in enumerate("lr"):
        arm = [JOINT[f"{side}_elbow"], JOINT[f"{side}_wrist"]]
        proved = hands[:, hand, :, 3].mean(-1, keepdim=True) >= CERTAIN  # by a hand that is found
        guessed = (body[:, arm, 3] >= SEEN) & (body[:, arm, 3] < CERTAIN) & ~proved
        sure = ~guessed.cummax(1).values  # what is held by a guess is one
        body[:, arm, 3] *= sure
        hands[:, hand, :, 3] *= sure[:, 1:]
    return view._replace(pose=replace(view.pose, body=body, hands=hands))


def has_depth(pose: Pose, side: int) -> bool:
    """Whether the third dimension is known: by the body's depths, or by a face where there is no body."""
    seen = pose.body[..., 3] > 0
    if not seen.any():
        return bool((pose.face_seen >= SEEN).any())
    return bool((pose.body[..., 2] * seen).abs().amax() > FLAT * side)


def person_scales(body: ProxyBody, views: Sequence[Pose], target: Pose) -> list[Tensor]:
    """Pixels per metre [1] in every view and [F] in the target, judged by the lengths that a view shares with
    the first, or by all that it shows.
    """
    first = sizes(body, views[0])
    scales = []
    for pose in (*views, target):
        own = sizes(body, pose)
        shared = first.nanmedian() * (own / first).nanmedian(1).values
        alone = own.nanmedian(1).values
        scales.append(_steady(torch.where(shared.isnan().all(), alone, shared)))
    return scales


def _steady(scale: Tensor) -> Tensor:
    """Scales [F] over time: frames that tell nothing take the clip's, then a running median and mean."""
    scale = torch.where(scale.isnan(), scale.nanmedian().nan_to_num(1.0), scale).clamp(*SIZES)
    for middle in (lambda window: window.median(-1).values, lambda window: window.mean(-1)):
        padded = F.pad(scale[None], (STEADY // 2, STEADY // 2), mode="replicate")[0]
        scale = middle(padded.unfold(0, STEADY, 1))
    return scale


def compose(body: Painted, background: Tensor) -> Frame:
    """The painted body before the background; what no view shows, and pinholes between triangles, take their
    neighbours' colours.
    """
    covered = body.coverage
    around = F.avg_pool2d(covered[None], 3, 1, 1)[0] * 9 - covered
    holes = (1 - covered) * (around > NEIGHBOURS)
    colour, filled = body.colour, body.empty + holes
    if filled.amax() > 0:
        colour = colour + filled * fill_from(colour, covered - body.empty)
    covered = covered + holes
    return Frame(colour + (1 - covered) * background, covered, filled + body.guessed)
