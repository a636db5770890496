"""Who is who: numbers for the people of a clip that stay theirs through crossings and returns.

People are told apart by where they were going and by what they wear. In each frame all known people and all
sightings are matched at once at the least total cost, so that two people never claim one sighting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import KMCError
from .clothes import difference
from .matching import least_cost

Choose = Literal["largest", "left to right", "at point"]

REACH = 0.35  # of its size: how far a person may be from where it is expected, at once ...
WANDER = 0.5  # ... and more for each second since it was seen
GROWTH = 2.0  # nobody becomes this much larger or smaller while out of sight
FORGET = 1.0  # seconds after which only clothes tell who comes back, or where they are hidden ...
PLACE = 3.0  # ... for so many seconds the place and the size
CLOTHES = 2.0  # weight of clothes against the way in the cost of a match
UNKNOWN = 0.3  # their difference where nothing can be compared: that of one person in another light
STRANGER = 1.3  # the cost from which a sighting is rather somebody new
ALIKE = 0.4  # clothes that differ less than this may be those of a person who is back somewhere else ...
ELSEWHERE = 0.8  # ... at this cost
STEADY_SPEED, STEADY_CLOTHES = 0.4, 2.0  # seconds over which they are averaged
BELIEVE = 0.4  # seconds after which somebody new is no mistake of the nets
AWAY = 32  # people out of sight that are remembered at most
CLEAR = 0.25  # of its size: nobody within it is in the way
NOWHERE = -1e6  # pixels
SAME = 0.15  # points closer than this share of their extent are those of one person


@dataclass(frozen=True)
class Sighting:
    """One person as one frame shows it."""

    place: Tensor  # [2] its middle, pixels
    size: float  # pixels, about its height
    box: Tensor  # [4] left, top, right, bottom
    clothes: Tensor  # [R, 125], zeros where hidden
    clear: bool = True  # nobody else is in the way


@dataclass(eq=False)
class Person:
    """What is remembered of a person. `number` is None until it is sure that there is one."""

    place: Tensor
    size: float
    clothes: Tensor
    frame: int  # when it was seen last
    since: int  # when it was seen first
    speed: Tensor = field(default_factory=lambda: torch.zeros(2))  # pixels a frame
    number: int | None = None

    def expected(self, frame: int) -> Tensor:
        """Its place [2] in another frame if it goes on as it went."""
        return self.place + self.speed * (frame - self.frame)


class WhoIsWho:
    """Finds each sighting's person. Numbers 0, 1, ... are given in the order of `choose` and of coming.

    `point` is a place in shares of the picture's `size`, for "at point". Of the people out of sight the first
    `most` are remembered longest. KMCError for another choice.
    """

    def __init__(
        self,
        fps: float,
        size: tuple[int, int],
        choose: Choose,
        point: tuple[float, float],
        most: int = AWAY,
    ) -> None:
        if choose not in get_args(Choose):
            raise KMCError(
                f"People are chosen by {', '.join(get_args(Choose))}, not by '{choose}'; use one of these."
            )
        self._fps, self._choose, self._most = fps, choose, most
        self._point = torch.tensor([point[0] * size[0], point[1] * size[1]])
        self._known: list[Person] = []
        self._numbered = 0

    def __call__(self, frame: int, sightings: Sequence[Sighting]) -> list[Person]:
        """The people seen in `frame`, in the order of the sightings. Frames come in their order."""
        people = []
        for sighting, index in zip(sightings, self._matched(frame, sightings), strict=True):
            if index is None:
                people.append(Person(sighting.place, sighting.size, sighting.clothes, frame, frame))
            else:
                people.append(self._known[index])
                self._remember(self._known[index], sighting, frame)
        self._number(people, sightings)
        away = [
            (person.number >= self._most, -person.frame, person)
            for person in self._known
            if person not in people and person.number is not None
        ]
        away.sort(key=lambda entry: entry[:2])
        self._known = people + [person for *_, person in away[:AWAY]]
        return people

    def lately(self, frame: int) -> list[Person]:
        """Everybody who was seen not long before `frame`."""
        return [person for person in self._known if frame - person.frame <= FORGET * self._fps]

    def _number(self, people: list[Person], sightings: Sequence[Sighting]) -> None:
        """A stranger counts after a while, for nets see ghosts; whoever is there at the start counts."""
        new = [
            (self._rank(sighting), person)
            for person, sighting in zip(people, sightings, strict=True)
            if person.number is None
            and (not self._numbered or person.frame - person.since >= BELIEVE * self._fps)
        ]
        for _, person in sorted(new, key=lambda entry: entry[0]):
            person.number = self._numbered
            self._numbered += 1

    def _rank(self, sighting: Sighting) -> tuple[float, float]:
        if self._choose == "largest":
            return -sighting.size, 0.0
        if self._choose == "left to right":
            return float(sighting.place[0]), 0.0
        outside = torch.maximum(sighting.box[:2] - self._point, self._point - sighting.box[2:]).clamp(min=0)
        return float(outside.norm()), float((sighting.place - self._point).norm())

    def _matched(self, frame: int, sightings: Sequence[Sighting]) -> list[int | None]:
        """The known person that each sighting is of; None for a stranger."""
        if not (sightings and self._known):
            return [None] * len(sightings)
        away = torch.tensor([frame - person.frame for person in self._known]) / self._fps  # P, as below
        soon = away <= FORGET
        place = torch.stack([sighting.place for sighting in sightings])[:, None]  # S 1 2
        expected = torch.stack([person.place for person in self._known])
        expected += torch.stack([person.speed for person in self._known]) * (away * self._fps * soon)[:, None]
        seen = torch.tensor([sighting.size for sighting in sightings])[:, None]  # S 1
        size = torch.tensor([person.size for person in self._known])
        differ = difference(
            torch.stack([sighting.clothes for sighting in sightings])[:, None],
            torch.stack([person.clothes for person in self._known]),
        )  # S P
        reach = REACH + WANDER * away * soon
        way = (place - expected).norm(dim=-1) / torch.maximum(size, seen) / reach
        grown = (seen / size).log().abs() > math.log(GROWTH)
        lost = ~soon & ~(differ.isnan() & (away <= PLACE))
        here = torch.where((way > 1) | grown | lost, torch.inf, way + CLOTHES * differ.nan_to_num(UNKNOWN))
        elsewhere = torch.where(differ < ALIKE, ELSEWHERE + differ, torch.inf)
        return least_cost(torch.minimum(here, elsewhere).tolist(), STRANGER)

    def _remember(self, person: Person, sighting: Sighting, frame: int) -> None:
        seconds = (frame - person.frame) / self._fps
        speed = (sighting.place - person.place) / (frame - person.frame)
        keep = math.exp(-seconds / STEADY_SPEED) if person.frame > person.since else 0.0
        person.speed = keep * person.speed + (1 - keep) * speed if seconds <= FORGET else torch.zeros(2)
        if sighting.clear:
            worn, shown = (clothes.sum(1, keepdim=True) > 0 for clothes in (person.clothes, sighting.clothes))
            keep = math.exp(-seconds / STEADY_CLOTHES) * worn
            mixed = keep * person.clothes + (1 - keep) * sighting.clothes
            person.clothes = torch.where(shown, mixed, person.clothes)
        person.place, person.size, person.frame = sighting.place, sighting.size, frame


def clear_ones(places: Tensor, sizes: Tensor) -> Tensor:
    """Which [n] of the people at `places` [n, 2], of `sizes` [n] in pixels, have nobody else in the way."""
    apart = (places[:, None] - places[None]).norm(dim=-1).fill_diagonal_(torch.inf)
    return (apart > CLEAR * sizes[:, None]).all(1)


def own(points: Tensor, home: Tensor, seen: Tensor) -> Tensor:
    """`seen` [N, n] without what somebody else has: of two that hold the same points, the one further from
    home.

    points [N, n, P, 2] and home [N, n, 2] in pixels: N people (or hands) over n frames.
    """
    size = (points.amax(2) - points.amin(2)).amax(-1)  # N n
    way = (points.mean(2) - home).norm(dim=-1)
    kept = seen.clone()
    for a in range(len(points)):
        for b in range(a + 1, len(points)):
            apart = (points[a] - points[b]).norm(dim=-1).mean(-1)
            same = seen[a] & seen[b] & (apart < SAME * torch.minimum(size[a], size[b]))
            kept[a] &= ~(same & (way[a] >= way[b]))
            kept[b] &= ~(same & (way[a] < way[b]))
    return kept


def middle(body: Tensor, joints: Sequence[int]) -> Tensor:
    """Mean place [n, 2] of the `joints` of a body [n, 25, 4] that are seen; NOWHERE where none is."""
    points, seen = body[:, joints, :2], (body[:, joints, 3:] > 0).float()
    mean = (points * seen).sum(1) / seen.sum(1).clamp(min=1)
    return torch.where(seen.any(1), mean, NOWHERE)
