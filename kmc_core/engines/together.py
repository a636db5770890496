"""Several characters in one scene: each is animated alone by its person's track, then all are put together.

Every motion is fitted to its own character by "match video", which lays the video's frame into that
character's picture. So the video tells where one picture lies in the other's. The second character is cut out
by the prior's coverage, and laid before or behind the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..model.background import fill_background
from ..model.prior import moved_frames
from ..motion.bones import SEEN
from ..motion.skeleton import JOINT
from ..motion.types import Motion, Track
from ..subject.types import Subject
from .kmc import (
    Check,
    Progress,
    canvas_pose,
    canvas_view,
    fitted_person,
    no_check,
    no_progress,
    painted_views,
    placement,
)

Front = Literal["by place", "first", "second"]
Size = tuple[int, int]  # width, height
ANKLES: Final = [JOINT["l_ankle"], JOINT["r_ankle"]]
SHOULDERS: Final = [JOINT["l_shoulder"], JOINT["r_shoulder"]]
OFTEN: Final = 0.5  # share of the frames in which feet must be seen to tell who is nearer
STEADY: Final = 1.0  # seconds over which the order is judged: nobody jumps before somebody
THINNEST: Final = 0.25  # coverage from which a pixel tells the person's own colour
ASTRAY: Final = 0.15  # of the video's diagonal: a character this far from every person follows none of them


@dataclass(frozen=True)
class Member:
    """One character's finished animation."""

    frames: Tensor  # [F, 3, H, W] 0..1
    motion: Motion  # that it was made from, in the pixels of the subject's first view
    subject: Subject
    track: int = 0
    filled: bool = False  # the picture fills the frames, cut where they are of another shape


@dataclass(frozen=True)
class Together:
    """Both in the first one's scene."""

    frames: Tensor  # [F, 3, H, W] 0..1
    second_in_front: Tensor  # [F] bool
    people: tuple[int, int]  # which of the video's people each follows


def put_together(
    first: Member,
    second: Member,
    video: Motion,
    *,
    front: Front = "by place",
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Together:
    """The second character in the scene of the first, where their people are in the video.

    `video` is the motion of all people before it was fitted. "by place": who stands lower in the picture is
    nearer; where feet are not seen, who is larger. Raises KMCError where animations and motions do not belong
    together, and where a character is not at the place of one of the video's people.
    """
    for member in (first, second):
        _check(member, video)
    people = (_followed(first, video), _followed(second, video))
    size = first.frames.shape[-1], first.frames.shape[-2]
    nearer = _second_nearer(first, second, video) if front == "by place" else None
    nearer = torch.full((len(first.frames),), front == "second") if nearer is None else nearer
    place = _chained(_from_video(first, video.size), _inverse(_from_video(second, video.size)))
    covered, _ = _coverages(first, check)
    masks, scene = _coverages(second, check)
    result = torch.empty_like(first.frames)
    for index, (behind, mask) in enumerate(zip(covered, masks, strict=True)):
        check()
        person = mask * _alone(second.frames[index].to(mask), mask, scene)
        shown = _moved(torch.cat((person, mask)), place, size).to(result)
        added = shown[:3] - shown[3:] * first.frames[index]  # colours came times their coverage
        result[index] = first.frames[index] + (added if nearer[index] else added * (1 - behind.to(result)))
        progress(index + 1, len(result))
    return Together(result, nearer, people)


def together_report(made: Together, first: Subject, second: Subject, video: Motion) -> str:
    """Who does what whom does, and who is in front when, in words."""
    lines = [
        f"{subject.name} does what person {person}{_called(video.tracks[person])} does."
        for subject, person in zip((first, second), made.people, strict=True)
    ]
    start, order = 0, made.second_in_front.tolist()
    for frame in range(1, len(order) + 1):
        if frame == len(order) or order[frame] != order[start]:
            nearer = (second if order[start] else first).name
            lines.append(f"Frames {start} to {frame - 1}: {nearer} in front.")
            start = frame
    if made.people[0] == made.people[1]:
        lines.append("Both follow the same person; choose another in one Retarget Motion.")
    return "\n".join(lines)


def _called(track: Track) -> str:
    return f" ({track.name})" if track.name else ""


def _check(member: Member, video: Motion) -> None:
    name, frames = member.subject.name, len(member.frames)
    fitted_person(member.motion, member.subject, member.track)
    if not frames == member.motion.frames == video.frames:
        raise KMCError(
            f"The animation of '{name}' has {frames} frames, its motion {member.motion.frames}, the video's "
            f"motion {video.frames}. Animate both characters from the same video, in full length."
        )


def _from_video(member: Member, video: Size) -> Tensor:
    """[2, 2] factor and offset (x, y) from the video's pixels to those of the animation's frames."""
    picture = member.motion.size
    scale = min(picture[0] / video[0], picture[1] / video[1])
    middle = torch.tensor([(picture[axis] - scale * video[axis]) / 2 for axis in (0, 1)])
    size = member.frames.shape[-1], member.frames.shape[-2]
    inner = torch.stack((torch.full((2,), scale), middle))
    return _chained(torch.stack(placement(picture, size, member.filled)), inner)


def _chained(outer: Tensor, inner: Tensor) -> Tensor:
    """First `inner`, then `outer`, each a factor and an offset [2, 2]."""
    return torch.stack((outer[0] * inner[0], outer[0] * inner[1] + outer[1]))


def _inverse(place: Tensor) -> Tensor:
    return torch.stack((1 / place[0], -place[1] / place[0]))


def _coverages(member: Member, check: Check) -> tuple[Iterator[Tensor], Tensor]:
    """[1, H, W] where the character is, one frame of its animation after the other as they are asked for, and
    the scene behind it [3, H, W] 0..1.
    """
    size = member.frames.shape[-1], member.frames.shape[-2]
    person = fitted_person(member.motion, member.subject, member.track)
    views = painted_views(member.subject, size, member.filled)
    target = canvas_pose(person, *placement(member.motion.size, size, member.filled))
    scene = fill_background(*canvas_view(member.subject.views[0], size, member.filled)[:2])
    frames = moved_frames(views, target, scene, check=check)
    return (frame.coverage for frame in frames), scene / 2 + 0.5


def _alone(frame: Tensor, mask: Tensor, scene: Tensor) -> Tensor:
    """A frame [3, H, W] without what its own scene adds at the person's rim, so that no seam comes along."""
    person = (frame - (1 - mask) * scene) / mask.clamp(min=THINNEST)
    return torch.where(mask >= THINNEST, person.clamp(0, 1), frame)


def _moved(picture: Tensor, place: Tensor, size: Size) -> Tensor:
    """A picture [C, H, W] moved by a factor and an offset [2, 2] of its pixels to `size`, zero beyond its
    edges. What is made smaller is averaged first.
    """
    height, width = picture.shape[-2:]
    across, down = (min(1.0, float(factor)) for factor in place[0])
    small = [max(1, round(height * down)), max(1, round(width * across))]
    pixels = F.interpolate(picture[None], size=small, mode="bilinear", antialias=True)
    x, y = (
        ((torch.arange(size[axis]) + 0.5 - place[1, axis]) / place[0, axis]) / (width, height)[axis] * 2 - 1
        for axis in (0, 1)
    )
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    return F.grid_sample(pixels, grid.to(pixels), padding_mode="zeros", align_corners=False)[0]


def _in_video(member: Member, video: Motion) -> Tensor:
    """[F, 25, 3] x, y in the video's pixels and confidence of the character's joints."""
    person = fitted_person(member.motion, member.subject, member.track)
    if person.body is None:
        raise KMCError(f"The motion of '{member.subject.name}' has no body; encode the body of the video.")
    alone = replace(
        member, frames=member.frames.new_zeros(1, 3, member.motion.size[1], member.motion.size[0])
    )
    back = _inverse(_from_video(alone, video.size))
    body = person.body.float()
    return torch.cat((body[..., :2] * back[0] + back[1], body[..., 3:]), -1)


def _followed(member: Member, video: Motion) -> int:
    """The person of the video at whose place a character is. KMCError where it is at nobody's."""
    joints = _in_video(member, video)
    gaps = []
    for track in video.tracks:
        if track.body is None:
            gaps.append(torch.inf)
            continue
        seen = torch.minimum(joints[..., 2], track.body[..., 3].float()) >= SEEN
        apart = (joints[..., :2] - track.body[..., :2].float()).norm(dim=-1)
        gaps.append(float(apart[seen].median()) if seen.any() else torch.inf)
    nearest = min(range(len(gaps)), key=gaps.__getitem__, default=-1)
    if nearest < 0 or gaps[nearest] > ASTRAY * float(torch.tensor(video.size, dtype=torch.float32).norm()):
        raise KMCError(
            f"'{member.subject.name}' is not where a person of the video is; set placement to 'match video' "
            "in Retarget Motion, and connect the motion that Retarget Motion was given."
        )
    return nearest


def _second_nearer(first: Member, second: Member, video: Motion) -> Tensor:
    """[F] whether the second character is nearer to the camera."""
    a, b = (_in_video(member, video) for member in (first, second))
    grounds = [_ground(joints) for joints in (a, b)]
    lower = grounds[1] - grounds[0]
    if lower.isnan().float().mean() > OFTEN:
        return torch.full((len(a),), _larger(b, a))
    reach = max(1, round(STEADY * video.fps / 2))
    padded = F.pad(lower[None], (reach, reach), value=torch.nan)[0]
    return padded.unfold(0, 2 * reach + 1, 1).nanmedian(-1).values.nan_to_num() > 0


def _larger(joints: Tensor, others: Tensor) -> bool:
    """Whether a body [F, 25, 3] is larger than another: by shoulders, else by all that is seen of them."""
    sizes = [_extent(body, SHOULDERS) for body in (joints, others)]
    if not all(sizes):
        sizes = [_extent(body) for body in (joints, others)]
    return sizes[0] > sizes[1]


def _extent(joints: Tensor, only: Sequence[int] = ()) -> float:
    """How far apart joints are: those that are seen, or `only` some where all of them are; 0 where never."""
    points = joints[:, list(only)] if only else joints
    seen = points[..., 2:] >= SEEN
    low, high = (torch.where(seen, points[..., :2], end) for end in (torch.inf, -torch.inf))
    spread = (high.amax(1) - low.amin(1)).norm(dim=-1)[(seen.all(1) if only else seen.any(1))[:, 0]]
    return float(spread.quantile(0.9)) if len(spread) else 0.0


def _ground(joints: Tensor) -> Tensor:
    """[F] the height of the lower foot in a picture, nan where none is seen."""
    feet = joints[:, ANKLES]
    heights = torch.where(feet[..., 2] >= SEEN, feet[..., 1], -torch.inf).amax(1)
    return torch.where(heights.isinf(), torch.nan, heights)
