"""How well wishes are understood and written: make -s benchmark NAME=enhancer [QUICK=1]

Written wishes with their expected structure (tests/golden/wishes.json; wishes_held_out.json was written
before the enhancer and never tuned on). A slot counts when the wish or the answer fills it, and is right
when its words that carry meaning are exactly the expected ones; both sides empty counts for nothing. Every
wish is also written for every engine and its format checked. The last line is one JSON object. In the files
"a|b" is either word, "?a" may be left out.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from kmc_core.motion.types import Action, Intent, Motion, Track
from kmc_core.prompt.enhance import Prompts, enhance
from kmc_core.prompt.formats import ENGINES, problems
from kmc_core.prompt.lexicon import content_words
from kmc_core.prompt.read import Wish, read

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
WORDS = ("who", "clothes", "background", "light", "action", "shot", "style")
FRAMES = 8


def wishes(held_out: bool = False) -> list[dict[str, Any]]:
    """The written wishes with what they mean."""
    name = "wishes_held_out.json" if held_out else "wishes.json"
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def motion_of(case: dict[str, Any]) -> Motion | None:
    """A motion with the case's named actions and number of people, of whom nothing else is known."""
    if "motion" not in case and "people" not in case:
        return None
    actions = tuple(Action(name, 0, FRAMES, 1.0) for name in case.get("motion", ()))
    track = Track(hands=torch.zeros(FRAMES, 2, 21, 4), intent=Intent(actions) if actions else None)
    return Motion(24.0, (64, 64), (track,) * case.get("people", 1))


def slots(case: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """(slot, right) of every slot that the expectation or the answer fills."""
    wish, expected = read(case["wish"]), case["expect"]
    for slot in (*WORDS, "avoid"):
        said = " ".join(wish.avoid if slot == "avoid" else wish.slots[slot])
        if said or slot in expected:
            yield slot, _same(content_words(said), expected.get(slot, ""))
    yield from _structured(wish, enhance(case["wish"], "kmc", motion=motion_of(case)), expected)


def _structured(wish: Wish, prompts: Prompts, expected: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    moves = [str(move) for move in wish.camera.moves]
    if moves or "camera" in expected:
        wanted = expected.get("camera", [])
        right = len(moves) == len(wanted) and all(
            a in b.split("|") for a, b in zip(moves, wanted, strict=True)
        )
        yield "camera", right
    counts = [(noun, count) for count, noun in wish.counts]
    if counts or "counts" in expected:
        wanted = list(expected.get("counts", {}).items())
        right = len(counts) == len(wanted) and all(
            noun in wanted_noun.split("|") and count == number
            for (noun, count), (wanted_noun, number) in zip(sorted(counts), sorted(wanted), strict=True)
        )
        yield "counts", right
    if prompts.conflicts or "conflicts" in expected:
        yield "conflicts", list(prompts.conflicts) == expected.get("conflicts", [])


def _same(said: set[str], expected: str) -> bool:
    """True when every expected word is said and no other."""
    alternatives = [
        (set(word.lstrip("?").lower().split("|")), word.startswith("?")) for word in expected.split()
    ]
    alternatives = [(words, optional) for words, optional in alternatives if content_words(" ".join(words))]
    return all(optional or words & said for words, optional in alternatives) and said <= set().union(
        *(words for words, _ in alternatives)
    )


def score(cases: list[dict[str, Any]]) -> tuple[float, dict[str, str]]:
    """Share of right slots, and "right/all" for each slot."""
    found = [result for case in cases for result in slots(case)]
    table = {}
    for name in dict.fromkeys(name for name, _ in found):
        rights = [right for other, right in found if other == name]
        table[name] = f"{sum(rights)}/{len(rights)}"
    return sum(right for _, right in found) / len(found), table


def format_failures(cases: list[dict[str, Any]]) -> list[str]:
    """The prompts of all engines that do not keep their format, one line each."""
    failures = []
    for case in cases:
        for engine in ENGINES:
            prompts = enhance(case["wish"], engine, motion=motion_of(case))
            if wrong := problems(prompts, prompts.scene, engine):
                failures.append(f"{engine}: {case['wish']}: {'; '.join(wrong)}")
    return failures


def milliseconds(cases: list[dict[str, Any]], repeats: int) -> list[float]:
    """Time of each wish for each engine, the median of `repeats`."""
    times = []
    for case in cases:
        motion = motion_of(case)
        for engine in ENGINES:
            runs = []
            for _ in range(repeats):
                started = time.perf_counter()
                enhance(case["wish"], engine, motion=motion)
                runs.append(1000 * (time.perf_counter() - started))
            times.append(statistics.median(runs))
    return times


def main() -> None:
    """Score both files; failures of the wishes that may be looked at go to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="time each wish once")
    args = parser.parse_args()
    torch.set_num_threads(1)
    golden, held_out = wishes(), wishes(held_out=True)
    for case in golden:
        for slot, right in slots(case):
            if not right:
                print(f"wrong {slot}: {case['wish']}", file=sys.stderr)
    failures = format_failures(golden)
    print(*failures, sep="\n", file=sys.stderr)
    failures += format_failures(held_out)
    checks = len(ENGINES) * len(golden + held_out)
    (share, table), (held_share, held_table) = score(golden), score(held_out)
    times = milliseconds(golden + held_out, 1 if args.quick else 5)
    result = {
        "enhancer_slots": round(share, 4),
        "enhancer_slots_held_out": round(held_share, 4),
        "slots": table,
        "slots_held_out": held_table,
        "format_checks": f"{checks - len(failures)}/{checks}",
        "milliseconds": round(statistics.median(times), 2),
        "milliseconds_worst": round(max(times), 2),
        "wishes": [len(golden), len(held_out)],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
