"""A wish in the user's words -> the prompts that an engine expects. Offline, deterministic, loses no word.

The wish is cut into phrases, each is sorted into a slot by the lexicon, empty slots are filled from the
subject's description and from the motion, and the engine's grammar puts the slots in order. KMC's grammar is
that of its training captions: "<who> in <clothes>, <background>, <action>, <camera>, <shot>".
"""

import re
from dataclasses import dataclass
from typing import get_args

from ..errors import KMCError
from ..motion.types import Motion
from ..subject.types import Subject
from .describe import MotionWords, describe_motion
from .lexicon import CONNECTORS, ENGINES, NEGATIONS, NEGATIVE, Engine, Slot, is_slot_word, slot_of

# This engine was trained on long captions; these hold for every animation.
SCAIL2_DETAILS = ("consistent identity and clothes", "natural motion", "detailed hands and face")


@dataclass(frozen=True)
class Prompts:
    """What the engine's text inputs take."""

    positive: str
    negative: str
    motion: str
    camera: str


@dataclass(frozen=True)
class Wish:
    """Phrases of a wish by slot, in the order written; `avoid` holds what the user does not want."""

    slots: dict[Slot, tuple[str, ...]]
    avoid: tuple[str, ...] = ()

    def text(self, slot: Slot, default: str = "") -> str:
        """The phrases of a slot joined, or the default when the wish says nothing about it."""
        return ", ".join(self.slots[slot]) or default


def enhance(
    wish: str, engine: Engine, *, motion: Motion | None = None, subject: Subject | None = None
) -> Prompts:
    """Prompts for `engine` from a wish and what the motion and the subject tell. Raises KMCError for an
    unknown engine.
    """
    if engine not in ENGINES:
        raise KMCError(
            f"Expected an engine out of {', '.join(ENGINES)}, got '{engine}'; choose one of these."
        )
    words = describe_motion(motion) if motion is not None else MotionWords()
    parsed = _with_subject(parse(wish), subject.description if subject is not None else "")
    negative = ", ".join((*parsed.avoid, NEGATIVE[engine]))
    action = parsed.text("action", words.action)
    camera = parsed.text("camera", words.camera or "fixed camera")
    return Prompts(_positive(parsed, words, engine), negative, action or "moving naturally", camera)


def parse(wish: str) -> Wish:
    """Sort the phrases of a wish into slots. Every word of the wish is in exactly one phrase of the
    result.
    """
    slots: dict[Slot, list[str]] = {slot: [] for slot in get_args(Slot)}
    avoid: list[str] = []
    for clause in re.split(r"[,;\n]+|(?<=[.!?])\s+", wish):
        clause = clause.strip(" .")
        negation = next((word for word in NEGATIONS if clause.lower().startswith(word)), None)
        if negation:
            avoid.append(clause[len(negation) :].strip())
            continue
        for slot, phrase in _sorted_phrases(clause):
            slots[slot].append(phrase)
    return Wish({slot: tuple(phrases) for slot, phrases in slots.items()}, tuple(avoid))


def _sorted_phrases(clause: str) -> list[tuple[Slot, str]]:
    """Phrases of one clause with their slots; a phrase without a known word stays with the one before it."""
    result: list[tuple[Slot, str]] = []
    for phrase in _phrases(clause):
        slot = slot_of(phrase)
        if slot is None and result:
            result[-1] = (result[-1][0], f"{result[-1][1]} {phrase}")
        else:
            result.append((slot or "who", phrase))
    return result


def _phrases(clause: str) -> list[str]:
    """Cut a clause before connectors ("in", "with") and before action words ("dancing")."""
    phrases: list[list[str]] = []
    for word in clause.split():
        bare = word.lower().strip(".,!?")
        starts = bare in CONNECTORS or (bare.endswith(("ing", "s")) and is_slot_word(bare, "action"))
        after_connector = bool(phrases) and len(phrases[-1]) == 1 and phrases[-1][0].lower() in CONNECTORS
        if not phrases or (starts and not after_connector):
            phrases.append([])
        phrases[-1].append(word)
    return [" ".join(phrase) for phrase in phrases]


def _with_subject(wish: Wish, description: str) -> Wish:
    """Fill slots that the wish leaves empty from the subject's description; say nothing twice."""
    described = parse(description)
    slots: dict[Slot, tuple[str, ...]] = {
        slot: phrases or described.slots[slot] for slot, phrases in wish.slots.items()
    }
    avoid = wish.avoid + tuple(phrase for phrase in described.avoid if phrase not in wish.avoid)
    return Wish(slots, avoid)


def _positive(wish: Wish, words: MotionWords, engine: Engine) -> str:
    who = wish.text("who", "a person")
    clothes = wish.text("clothes")
    if clothes and not clothes.lower().startswith((*(f"{word} " for word in CONNECTORS), "dressed")):
        clothes = f"in {clothes}"
    person = f"{who} {clothes}".strip()
    background = wish.text("background", "plain background")
    action, camera = wish.text("action", words.action), wish.text("camera", words.camera)
    shot, style = wish.text("shot", words.shot), wish.text("style")
    if engine == "kmc":
        parts = [person, background, action, camera, shot, style]
    elif engine == "scail2":
        parts = [style, shot, person, action, background, camera, *SCAIL2_DETAILS]
    else:  # appearance and background only: these engines read the motion from the pose, words would fight it
        parts = [person, background, shot, style]
    return ", ".join(part for part in parts if part)
