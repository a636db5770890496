"""Numbers stay with their people: through crossings, turns, disappearances and mistakes of the nets."""

import itertools
import math
import random

import pytest
import torch
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.perception.clothes import clothes, difference
from kmc_core.perception.matching import least_cost
from kmc_core.perception.who import Choose, Person, Sighting, WhoIsWho, own

FPS, SIZE = 24.0, (640, 360)
STEP = 6  # frames between two looks
RED, BLUE, GREEN = torch.eye(3)


def worn(colour: Tensor) -> Tensor:
    """Clothes of one colour, as they are seen in a frame."""
    frame = (colour * 255).to(torch.uint8)[:, None, None].expand(3, 60, 60)
    return clothes(frame, torch.tensor([[30.0, 20.0, 20.0, 0.0], [30.0, 40.0, 20.0, 0.0]]))


def at(x: float, colour: Tensor | None, size: float = 200.0) -> Sighting:
    box = torch.tensor([x - size / 4, 180 - size / 2, x + size / 4, 180 + size / 2])
    shown = torch.zeros(2, 125) if colour is None else worn(colour)
    return Sighting(torch.tensor([x, 180.0]), size, box, shown)


def numbers(people: list[Person]) -> list[int | None]:
    return [person.number for person in people]


def watch(choose: Choose = "largest", point: tuple[float, float] = (0.5, 0.5)) -> WhoIsWho:
    return WhoIsWho(FPS, SIZE, choose, point)


@pytest.mark.parametrize("turns_back", [False, True])
@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_two_who_meet_keep_their_numbers(turns_back: bool, hidden: int) -> None:
    who = watch("left to right")
    for look in range(13):
        way = 160 - abs(160 - look * 160 / 6) if turns_back else look * 160 / 6
        both = [at(150 + way, RED), at(490 - way, BLUE)]
        shown = both[:1] if abs(look - 6) <= hidden - 1 else both
        assert numbers(who(look * STEP, shown)) == [0, 1][: len(shown)]


def test_two_in_one_dress_are_told_apart_by_their_way() -> None:
    who = watch("left to right")
    for look in range(13):
        both = [at(150 + look * 25, RED), at(490 - look * 25, RED)]
        assert numbers(who(look * STEP, both)) == [0, 1]


def test_two_people_never_claim_one_sighting() -> None:
    who = watch("left to right")
    who(0, [at(300, RED), at(340, RED)])
    assert len(set(numbers(who(STEP, [at(320, RED), at(322, RED)])))) == 2


def test_who_leaves_and_returns_keeps_the_number() -> None:
    who = watch("left to right")
    who(0, [at(100, RED), at(400, BLUE)])
    for look in range(1, 12):  # nearly three seconds
        assert numbers(who(look * STEP, [at(400, BLUE)])) == [1]
    assert numbers(who(12 * STEP, [at(600, RED), at(400, BLUE)])) == [0, 1]


def test_who_jumps_across_the_picture_is_known_by_the_clothes() -> None:
    who = watch()
    for look, x in enumerate((100, 560, 100)):
        assert numbers(who(look, [at(x, RED)])) == [0]


def test_somebody_else_in_the_same_place_is_somebody_else() -> None:
    who = watch()
    who(0, [at(100, RED)])
    for look in range(12, 15):
        stranger = who(look * STEP, [at(100, GREEN)])
    assert numbers(stranger) == [1]


def test_a_ghost_gets_no_number_and_a_newcomer_gets_the_next() -> None:
    who = watch()
    who(0, [at(100, RED)])
    assert numbers(who(STEP, [at(100, RED), at(500, GREEN)])) == [0, None]
    assert numbers(who(2 * STEP, [at(100, RED)])) == [0]
    seen = [numbers(who(look * STEP, [at(100, RED), at(300, BLUE)])) for look in range(3, 6)]
    assert seen == [[0, None], [0, None], [0, 1]], "half a second makes somebody sure"


@pytest.mark.parametrize(
    ("choose", "point", "expected"),
    [
        ("largest", (0.5, 0.5), [0, 1, 2]),
        ("left to right", (0.5, 0.5), [1, 0, 2]),
        ("at point", (0.9, 0.5), [1, 2, 0]),
        ("at point", (0.2, 0.5), [1, 0, 2]),
    ],
)
def test_those_of_the_start_are_numbered_as_chosen(
    choose: Choose, point: tuple[float, float], expected: list[int]
) -> None:
    people = watch(choose, point)(0, [at(320, RED, 200), at(120, BLUE, 150), at(560, GREEN, 100)])
    assert numbers(people) == expected


def test_another_choice_is_refused() -> None:
    with pytest.raises(KMCError, match="not by 'smallest'"):
        watch("smallest")  # type: ignore[arg-type]


def test_clothes_differ_by_colour_and_not_by_a_little_light() -> None:
    dim = difference(worn(RED), worn(0.9 * RED))
    assert difference(worn(RED), worn(RED)) < 1e-3 < dim < 0.5 < difference(worn(RED), worn(BLUE))
    assert difference(worn(RED), torch.zeros(2, 125)).isnan(), "what is hidden tells nothing"


def test_the_least_cost_is_that_of_all_rows_together() -> None:
    inf = float("inf")
    assert least_cost([[1.0, 2.0], [1.1, 9.0]], alone=5.0) == [1, 0], "the nearest first would cost 10"
    assert least_cost([[6.0, inf]], alone=5.0) == [None]
    assert least_cost([[1.0], [0.5]], alone=5.0) == [None, 0]
    assert least_cost([], alone=5.0) == []


def test_the_least_cost_is_that_of_trying_everything() -> None:
    rng = random.Random(0)

    def total(cost: list[list[float]], columns: tuple[int | None, ...] | list[int | None]) -> float:
        return sum(0.8 if c is None else row[c] for row, c in zip(cost, columns, strict=True))

    for _ in range(400):
        rows, columns = rng.randint(1, 4), rng.randint(0, 5)
        choices = [[rng.choice([math.inf, rng.uniform(-1, 2)]) for _ in range(columns)] for _ in range(rows)]
        allowed = (
            tried
            for tried in itertools.product([None, *range(columns)], repeat=rows)
            if len(used := [c for c in tried if c is not None]) == len(set(used))
        )
        chosen = least_cost(choices, alone=0.8)
        used = [column for column in chosen if column is not None]
        assert len(used) == len(set(used))
        assert total(choices, chosen) == pytest.approx(min(total(choices, tried) for tried in allowed))


@pytest.mark.parametrize(
    ("seconds", "back", "number"),
    [
        (0.25, at(130, None), 0),  # going on
        (2.5, at(130, None), 0),  # where it left
        (2.5, at(250, None), 1),  # beside that
        (2.5, at(600, None), 1),
        (0.75, at(100, None, size=60), 1),  # a child where a man was
        (10.0, at(100, None), 1),  # long after
        (10.0, at(600, RED), 0),  # in the same clothes
    ],
)
def test_a_number_is_given_again_on_evidence_alone(seconds: float, back: Sighting, number: int) -> None:
    who = watch()
    who(0, [at(90, RED)])
    who(STEP, [at(100, RED)])
    start = STEP + round(seconds * FPS)
    for frame in range(start, start + 13, STEP):
        seen = who(frame, [back])
    assert numbers(seen) == [number]


def test_in_a_crowd_the_first_keeps_the_first_number() -> None:
    who, crowd = watch(), [at(20.0 * i, None, 100.0 + i) for i in range(30)]
    for look in range(4):
        assert numbers(who(look * STEP, crowd)) == list(range(30))[::-1]


def test_of_two_with_the_same_points_the_nearer_keeps_them() -> None:
    points = torch.rand(1, 3, 9, 2, generator=torch.Generator().manual_seed(0)) * 100
    both = torch.cat([points, points + 1])
    both[1, 2] += 200  # in the last frame the second one has its own
    home = torch.tensor([[[50.0, 50.0]] * 3, [[300.0, 50.0]] * 3])
    kept = own(both, home, torch.ones(2, 3, dtype=torch.bool))
    assert kept.tolist() == [[True, True, True], [False, False, True]]
