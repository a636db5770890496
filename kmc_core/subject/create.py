"""Pictures of a character -> a Subject: every picture is looked at once and becomes a view."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ..errors import KMCError
from ..perception.person import PictureLook, look_at_picture
from ..perception.suite import Perception
from .types import Subject, View


def create_subject(
    pictures: list[Tensor],
    nets: Perception,
    *,
    name: str,
    description: str = "",
    masks: list[Tensor] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Subject:
    """A subject from pictures [3, H, W] 0..1; the first is its main view.

    masks: [1, H, W] 0..1 for each picture, used instead of the masks that the nets find. Raises KMCError
    without a name or a picture, for a mask of another size, and for a picture in which nobody is seen.
    """
    if not name.strip():
        raise KMCError("The subject has no name; type one, for example 'Ada'.")
    if not pictures:
        raise KMCError(f"Subject '{name}' got no picture; connect at least one.")
    if masks is not None and len(masks) != len(pictures):
        raise KMCError(
            f"Subject '{name}' got {len(pictures)} pictures and {len(masks)} masks; give one mask each."
        )
    views = []
    for index, picture in enumerate(pictures):
        check()
        mask = masks[index] if masks is not None else None
        views.append(_view(picture, mask, nets, f"picture {index + 1} of subject '{name}'"))
        progress(index + 1, len(pictures))
    return Subject(name.strip(), tuple(views), description.strip())


def _view(picture: Tensor, mask: Tensor | None, nets: Perception, label: str) -> View:
    if mask is not None and mask.shape[-2:] != picture.shape[-2:]:
        raise KMCError(
            f"The mask of {label} is {_size(mask)}, the picture {_size(picture)}; give a mask of that size."
        )
    try:
        look = look_at_picture(picture, nets)
    except KMCError as error:
        raise KMCError(f"In {label}: {error}") from error
    if mask is not None:
        look = replace(look, mask=mask.clamp(0, 1))
    return view_of(picture, look)


def view_of(picture: Tensor, look: PictureLook) -> View:
    """A view from a picture [3, H, W] 0..1 and what was seen in it."""
    return View(picture.cpu(), look.mask.cpu(), look.pose, look.yaw, look.kind, look.embedding)


def _size(picture: Tensor) -> str:
    return f"{picture.shape[-1]}x{picture.shape[-2]}"
