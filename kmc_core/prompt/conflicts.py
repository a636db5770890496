"""Where the words of a wish and the motion disagree, the motion wins: it is what will be seen.

The motion's side is its named intent where somebody looked, else what `describe` measured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..motion.types import Motion
from .describe import MotionWords
from .formats import shot_kind
from .lexicon import NUMBERS, Slot, article, entries, participle, singular
from .read import Wish

SURE: Final = 0.5  # confidence from which a named action counts

# Verbs that are the same to a viewer. Two families of one kind cannot both be what the legs (arms, face) do.
_FAMILIES: Final[Mapping[str, Mapping[str, str]]] = {
    "legs": {
        "sit": "sit lounge", "lie": "lie sleep rest", "kneel": "kneel", "crouch": "crouch squat",
        "walk": "walk stroll march wander stride strut shamble stagger stumble limp tiptoe pace step sneak",
        "stand": "stand", "run": "run jog sprint", "jump": "jump leap hop skip", "crawl": "crawl",
        "swim": "swim", "climb": "climb", "dance": "dance twirl pirouette moonwalk",
    },
    "arms": {
        "wave": "wave", "clap": "clap applaud", "point": "point", "salute": "salute",
        "punch": "punch box hit", "facepalm": "facepalm", "hug": "hug", "pray": "pray",
    },
    "face": {"smile": "smile laugh grin giggle", "cry": "cry weep", "frown": "frown pout"},
    "mouth": {"speak": "speak talk say tell sing rap shout whisper lecture"},
}  # fmt: skip
_FAMILY: Final[Mapping[str, tuple[str, str]]] = {
    verb: (kind, family)
    for kind, families in _FAMILIES.items()
    for family, verbs in families.items()
    for verb in verbs.split()
}
_TOGETHER: Final = ({"dance", "jump"}, {"dance", "walk"})  # families that go together all the same
GESTURING: Final = "moving the arms"  # whatever the arms do: says nothing beside words of a wish
# Names of actions that captions say at more length, as the KMC animator's training does.
_SAID: Final[Mapping[str, str]] = {
    "facepalm": "covering the face with a hand", "hands on hips": "standing with hands on the hips",
    "cross arms": "standing with crossed arms", "raise arms": "raising the arms", "turn": "turning around",
    "shake head": "shaking the head", "gesture": GESTURING, "idle": "holding still",
}  # fmt: skip
_POSES: Final[Mapping[str, str]] = {
    "crossed arms": r"(?:cross|fold)\w* (?:\w+ )?arms|arms (?:crossed|folded)",
    "hands on hips": r"hands on (?:\w+ )?hips",
    "facepalm": r"cover\w* (?:\w+ )?face",
}
# What a phrase of the motion rules out.
_RULED_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    "still": ("walk", "run", "jump", "crawl", "swim", "climb", "dance", "wave", "clap", "punch"),
    "moving across the picture": ("sit", "lie", "kneel", "crouch", "stand"),
}


@dataclass(frozen=True)
class Resolved:
    """The wish as far as the motion allows it; `conflicts` are the words that gave way, `notes` say why."""

    wish: Wish
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def motion_actions(motion: Motion) -> tuple[str, ...]:
    """Named actions of all tracks in the order of their start, as prompts say them; each once. Pauses
    between them are left out.
    """
    actions = [
        (action.start, _acting(action.name))
        for track in motion.tracks
        for action in (track.intent.actions if track.intent else ())
        if action.confidence >= SURE
    ]
    names = tuple(dict.fromkeys(name for _, name in sorted(actions)))
    return tuple(name for name in names if name != _SAID["idle"]) or names


def families(text: str) -> dict[str, str]:
    """Family -> kind of every verb in `text`: {"walk": "legs"}."""
    found = {}
    for word in re.findall(r"[a-z\-]+", text.lower()):
        entry = entries().get(word)
        if entry and entry.lemma in _FAMILY:
            kind, family = _FAMILY[entry.lemma]
            found[family] = kind
    return found | {pose: "arms" for pose, pattern in _POSES.items() if re.search(pattern, text.lower())}


def resolve(wish: Wish, motion: Motion, words: MotionWords) -> Resolved:
    """Take out of the wish what contradicts the motion."""
    resolved = _resolve_actions(Resolved(wish), motion, words)
    resolved = _resolve_refused(resolved, motion, words)
    resolved = _resolve_shot(resolved, words)
    return _resolve_people(resolved, motion)


def _resolve_actions(resolved: Resolved, motion: Motion, words: MotionWords) -> Resolved:
    named = motion_actions(motion)
    shown = " and ".join(named) or words.action
    kept, lost = [], []
    for phrase in resolved.wish.slots["action"]:
        parts = re.split(r" (and|while|then) ", phrase)
        against = [part for part in parts[::2] if _contradicts(part, named, words)]
        lost += against
        if not against:
            kept.append(phrase)
        elif rest := " and ".join(part for part in parts[::2] if part not in against):
            kept.append(rest)
    notes = tuple(f"The wish says '{part}', the motion shows {shown}: the motion is kept." for part in lost)
    conflicts = tuple(_named(part) for part in lost)
    return _changed(resolved, "action", tuple(kept), conflicts, notes)


def _contradicts(phrase: str, named: tuple[str, ...], words: MotionWords) -> bool:
    said = " and ".join(named) or words.action
    wished, shown = families(phrase), families(said)
    ruled_out = [family for sign, ruled in _RULED_OUT.items() if sign in said for family in ruled]
    if any(family in ruled_out for family in wished):
        return True
    certain = ("legs", "arms", "face") if named else ("face",)  # measured gestures are a guess
    for family, kind in wished.items():
        others = [other for other, other_kind in shown.items() if other_kind == kind]
        together = any({family, other} in _TOGETHER for other in others)
        if kind in certain and others and family not in others and not together:
            return True
    return _wrong_side(phrase, words.action) or _wrong_pace(phrase, words.action)


def _wrong_side(phrase: str, shown: str) -> bool:
    """The wish waves one hand, the motion the other."""
    sides = (re.search(r"\b(left|right) (?:hand|arm)\b", text) for text in (phrase, shown))
    first, second = (match.group(1) if match else "" for match in sides)
    return bool(first and second) and first != second and "both" not in phrase


def _wrong_pace(phrase: str, shown: str) -> bool:
    slow = re.search(r"\b(?:slowly|gently|calmly)\b", phrase)
    return bool(slow) and "quickly" in shown


def _resolve_refused(resolved: Resolved, motion: Motion, words: MotionWords) -> Resolved:
    """ "not smiling" while the motion smiles."""
    shown = families(" ".join(motion_actions(motion)) or words.action)
    lost = [phrase for phrase in resolved.wish.avoid if any(family in shown for family in families(phrase))]
    if not lost:
        return resolved
    avoid = tuple(phrase for phrase in resolved.wish.avoid if phrase not in lost)
    notes = tuple(
        f"The wish does not want '{phrase}', but the motion shows it: the motion is kept." for phrase in lost
    )
    return Resolved(
        replace(resolved.wish, avoid=avoid),
        (*resolved.conflicts, *(f"not {_named(phrase)}" for phrase in lost)),
        (*resolved.notes, *notes),
    )


def _resolve_shot(resolved: Resolved, words: MotionWords) -> Resolved:
    shots = resolved.wish.slots["shot"]
    lost = [
        shot for shot in shots if words.shot and shot_kind(shot) and shot_kind(shot) != shot_kind(words.shot)
    ]
    if not lost:
        return resolved
    kept = tuple(shot for shot in shots if shot not in lost)
    notes = tuple(
        f"The wish says '{shot}', the motion is framed as {words.shot}: the motion is kept." for shot in lost
    )
    return _changed(resolved, "shot", (*kept, words.shot), tuple(lost), notes)


def _resolve_people(resolved: Resolved, motion: Motion) -> Resolved:
    """ "three women" while the motion moves one person."""
    people = len(motion.tracks)
    who, lost = [], []
    for phrase in resolved.wish.slots["who"]:
        counted = _counted_people(phrase)
        if counted and _number(counted) != people:
            lost.append(counted)
            phrase = _for_people(counted, people) + phrase.removeprefix(counted)
        who.append(phrase)
    if not lost:
        return resolved
    moves = f"{people} {'person' if people == 1 else 'people'}"
    notes = tuple(
        f"The wish says '{phrase}', the motion moves {moves}: the motion is kept." for phrase in lost
    )
    return _changed(resolved, "who", tuple(who), tuple(lost), notes)


def _counted_people(phrase: str) -> str:
    """ "three young women" of "three young women with long hair"; "" when no people are counted."""
    if not _number(phrase):
        return ""
    words = phrase.split()
    known = (entries().get(word) for word in words)
    people = [entry is not None and "person" in entry.tags for entry in known]
    for end in range(1, len(words) + 1):
        if people[end - 1] and not any(people[end : end + 1]):  # the second of "robot knights"
            return " ".join(words[:end])
    return ""


def _for_people(phrase: str, people: int) -> str:
    """ "three young women" for one person: "a young woman"."""
    rest = phrase.removeprefix("a couple of ").split()
    rest = rest if phrase.startswith("a couple of ") else rest[1:]
    if people > 1:
        return " ".join((str(people), *rest))
    rest[-1] = "person" if rest[-1] == "people" else singular(rest[-1])
    return " ".join((article(rest[0]), *rest))


def _number(phrase: str) -> int:
    """The number that a phrase starts with; 0 when it starts with none."""
    first = "a couple of" if phrase.startswith("a couple of ") else phrase.split()[0]
    return int(first) if first.isdecimal() else NUMBERS.get(first.replace(" ", "_"), 0)


def _changed(
    resolved: Resolved,
    slot: Slot,
    phrases: tuple[str, ...],
    conflicts: tuple[str, ...],
    notes: tuple[str, ...],
) -> Resolved:
    wish = replace(resolved.wish, slots=resolved.wish.slots | {slot: phrases})
    return Resolved(wish, (*resolved.conflicts, *conflicts), (*resolved.notes, *notes))


def _named(phrase: str) -> str:
    """The verb of a phrase in -ing form."""
    for word in phrase.split():
        entry = entries().get(word)
        if entry and entry.lemma in _FAMILY:
            return participle(entry.lemma)
    return phrase


def _acting(name: str) -> str:
    """An action's name as prompts say it: "wave" and "waving" -> "waving"."""
    name = name.replace("_", " ").lower()
    first, *rest = name.split() or [""]
    entry = entries().get(first)
    verb = participle(entry.lemma) if entry and entry.lemma else first
    return _SAID.get(name, " ".join((verb, *rest)))
