"""Several bodies in a chunk of frames: key frames settle who is who, between them each is followed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .body import BodyWatcher, joints, region
from .clothes import clothes, difference, limb_rois
from .crops import square
from .detect import BODY_GRID, detect
from .follow import Look, between, join, key_frames, looked, put, take
from .suite import Perception
from .who import SAME, Choose, Person, Sighting, WhoIsWho, clear_ones, own

SHOULDERS, HIPS, KNEES = [11, 12], [23, 24], [25, 26]  # of MediaPipe's 33 points
# What is greyed out of a person: all but the arms, and these bones of the arms, which reach over others.
TRUNK = [*range(13), *range(23, 33)]
ARMS = ([11, 13], [13, 15], [15, 19], [12, 14], [14, 16], [16, 20])
NEAR = 0.2  # of its size: what is seen further from where a person is expected may be somebody else
MOST = 12  # people that are looked for in a frame
AROUND = 0.05  # of its size: what belongs to a person around its joints
GREY = 128
TWICE = 0.25  # clothes in one place that differ less than this are those of one person, seen twice
SURE = 0.5  # clothes are looked at between joints that are more probable than this


class PeopleTracker:
    """Follows up to `most` people through the chunks of a clip; see `WhoIsWho` for `choose` and `point`."""

    def __init__(
        self,
        nets: Perception,
        fps: float,
        size: tuple[int, int],
        most: int,
        choose: Choose,
        point: tuple[float, float],
    ) -> None:
        self._nets, self._size, self._most = nets, size, most
        self._who = WhoIsWho(fps, size, choose, point, most)
        self._rois: dict[Person, Tensor] = {}  # [4] where each was last
        self._start = 0  # number of the next chunk's first frame

    def __call__(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [n, 3, H, W] -> joints [most, n, 25, 4] in pixels and [most, n, 25, 3] in metres, zeros where
        a person is not seen."""
        watcher = BodyWatcher(self._nets, frames)
        keys, others = key_frames(len(frames))
        met = self._met(keys, frames, watcher)
        self._start += len(frames)
        body = torch.zeros(self._most, len(frames), 25, 4)
        world = torch.zeros(self._most, len(frames), 25, 3)
        for person, look in self._followed(keys, others, met, watcher).items():
            assert person.number is not None
            body[person.number], world[person.number] = joints(look, *self._size)
        return body, world

    def _met(self, keys: Tensor, frames: Tensor, watcher: BodyWatcher) -> dict[Person, Look]:
        """Everybody who is seen on a key frame, with what the keys show of them."""
        met: dict[Person, Look] = {}
        for row, key in enumerate(keys.tolist()):
            now = self._start + key
            look = self._seen(key, now, frames, watcher)
            for index, person in enumerate(self._who(now, _sightings(frames[key], look))):
                one = take(look, torch.tensor([index]))
                met[person] = put(met.get(person, watcher.blank(len(keys))), torch.tensor([row]), one)
                self._rois[person] = one.roi[0]
            self._rois = {person: self._rois[person] for person in self._who.lately(now)}
        return met

    def _seen(self, key: int, now: int, frames: Tensor, watcher: BodyWatcher) -> Look:
        """All people in frame `key` of a chunk, number `now` of the clip: first where somebody is expected.

        The detector reports the person that stands out most, so it looks again at what is left of the picture
        until it finds nobody new.
        """
        expected = [torch.cat([person.expected(now), roi[2:]]) for person, roi in self._rois.items()]
        look = self._with(key, expected, watcher.blank(0), frames, watcher)
        whole = square(*self._size)[None]
        while len(look.score) < MOST:
            rest = _without(frames[key], look)
            (found,) = detect(self._nets.pose_detector, BODY_GRID, [rest], whole)
            more = self._with(key, [region(*seen.points[:2]) for seen in found], look, frames, watcher)
            if len(more.score) == len(look.score):
                break
            look = more
        return look

    def _with(self, key: int, rois: list[Tensor], known: Look, frames: Tensor, watcher: BodyWatcher) -> Look:
        """`known` people and those in `rois`, each once, the surest look of each."""
        if not rois:
            return known
        new = looked(torch.tensor([key] * len(rois)), torch.stack(rois), watcher)
        both = join(known, new, torch.arange(len(known.score) + len(rois)))
        return take(both, _distinct(both, _worn(frames[key], both)))

    def _followed(
        self, keys: Tensor, others: Tensor, met: dict[Person, Look], watcher: BodyWatcher
    ) -> dict[Person, Look]:
        """All frames of the chosen people."""
        chosen = [person for person in met if person.number is not None and person.number < self._most]
        if not chosen or not len(others):
            return {person: met[person] for person in chosen}
        rois = torch.stack([_expected(keys, look, others) for look in met.values()])  # everybody, m, 4
        mine = rois[[list(met).index(person) for person in chosen]]
        look = looked(others.repeat(len(chosen)), mine.flatten(0, 1), watcher)
        points, centre, score = (
            values.unflatten(0, mine.shape[:2])
            for values in (look.points[..., :2], look.roi[:, :2], look.score)
        )
        seen = own(points, mine[..., :2], score > 0) & ~_strays(centre, mine, rois)
        order = torch.cat([keys, others]).argsort()
        parts = [take(look, torch.arange(len(others)) + i * len(others)) for i in range(len(chosen))]
        return {
            person: join(met[person], _only(part, kept), order)
            for person, part, kept in zip(chosen, parts, seen, strict=True)
        }


def _expected(keys: Tensor, look: Look, others: Tensor) -> Tensor:
    """Rois [m, 4] of a person in the frames `others` between keys; nan where neither key shows it."""
    blend, nearest = between(keys, torch.where(look.score[:, None] > 0, look.roi, torch.nan), others)
    return torch.where(blend.isnan(), nearest, blend)


def _strays(centre: Tensor, mine: Tensor, everybody: Tensor) -> Tensor:
    """Whether looks with their `centre` [C, m, 2] show somebody else than expected in `mine` [C, m, 4]."""
    ways = (centre[:, None] - everybody[None, ..., :2]).norm(dim=-1).nan_to_num(nan=torch.inf).amin(1)
    own_way = (centre - mine[..., :2]).norm(dim=-1)
    return (own_way > NEAR * mine[..., 2]) & (ways < own_way)


def _only(look: Look, kept: Tensor) -> Look:
    return Look(look.points, look.score * kept, look.roi, look.extra)


def _distinct(look: Look, worn: Sequence[Tensor]) -> Tensor:
    """Rows of the people that are there, each once, the surest look of each; `worn` are their clothes.

    Two looks are of one person when they show the same points, or the same clothes in the same place; clothes
    that cannot be compared are not the same.
    """
    kept: list[int] = []
    points = look.points[..., :2]
    for row in look.score.argsort(descending=True).tolist():
        if look.score[row] == 0:
            break
        extent = (points[row].amax(0) - points[row].amin(0)).amax()
        apart = (points[kept] - points[row]).norm(dim=-1).mean(1)
        way = (look.roi[kept, :2] - look.roi[row, :2]).norm(dim=-1)
        near = [other for other, far in zip(kept, way > SAME * look.roi[row, 2], strict=True) if not far]
        if not (apart < SAME * extent).any() and all(
            not difference(worn[row], worn[other]) <= TWICE for other in near
        ):
            kept.append(row)
    return torch.tensor(kept, dtype=torch.long)


def _without(frame: Tensor, look: Look) -> Tensor:
    """A frame [3, H, W] with the people of a look greyed out."""
    left = frame.clone()
    for points, roi in zip(look.points[..., :2], look.roi, strict=True):
        for part in (TRUNK, *ARMS):
            low = (points[part].amin(0) - AROUND * roi[2]).long().clamp(min=0)
            high = (points[part].amax(0) + AROUND * roi[2]).long().clamp(min=0)
            left[:, low[1] : high[1], low[0] : high[0]] = GREY
    return left


def _worn(frame: Tensor, look: Look) -> list[Tensor]:
    """Clothes [2, 125] of trunk and thighs of each person of a look."""
    points, sure = look.points[..., :2], look.points[..., 3]
    shoulders, hips, knees = (points[:, pair].mean(1) for pair in (SHOULDERS, HIPS, KNEES))
    result = []
    for i in range(len(points)):
        rois = limb_rois(torch.stack([shoulders[i], hips[i]]), torch.stack([hips[i], knees[i]]))
        hidden = torch.stack([sure[i, SHOULDERS + HIPS].amin(), sure[i, HIPS + KNEES].amin()]) < SURE
        rois[hidden] = torch.nan
        result.append(clothes(frame, rois))
    return result


def _sightings(frame: Tensor, look: Look) -> list[Sighting]:
    points = look.points[..., :2]
    clear = clear_ones(look.roi[:, :2], look.roi[:, 2]).tolist()
    return [
        Sighting(
            place=roi[:2],
            size=float(roi[2]),
            box=torch.cat([points[i].amin(0), points[i].amax(0)]),
            clothes=worn,
            clear=clear[i],
        )
        for i, (roi, worn) in enumerate(zip(look.roi, _worn(frame, look), strict=True))
    ]
