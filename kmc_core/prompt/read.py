"""A wish -> its structure: who, clothes, background, light, action, camera, shot and style, what is not
wanted and how many there are of what.

A clause is cut into pieces where a verb, a preposition, "wearing" or a conjunction opens a new one. The
last noun of a piece tells its slot; a piece that tells none stays with the piece before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, get_args

from ..motion.camera import Camera, CameraMove
from .camera_words import camera_words
from .clauses import marked, pieces
from .lexicon import (
    FUNCTION_WORDS,
    NOUNS,
    PRONOUNS,
    Slot,
    Tag,
    article,
    content_words,
    listed,
    participle,
    plural,
)
from .tokens import Token, is_subject_pronoun, number_of, tokens

SLOT_OF: Final[dict[Tag, Slot]] = {
    "camera": "camera", "person": "who", "look": "who", "clothes": "clothes", "place": "background",
    "light": "light", "style": "style", "shot": "shot", "pose": "action", "body": "who",
}  # fmt: skip
MOODS: Final = listed(
    "dramatic dark bright colorful colourful dreamy warm cold soft elegant modern vintage gothic magical "
    "gritty moody eerie whimsical epic cozy sleek futuristic calm simple plain blurred blurry natural "
    "victorian medieval industrial royal"
)
UNITS: Final = listed("year years year-old second seconds minute minutes fps mm percent")
STANDING: Final = (
    "on",
    "at",
    "in front of",
    "behind",
    "beside",
    "next to",
    "near",
)  # of people, not of clothes
BYSTANDERS: Final = listed("crowd crowds audience spectators onlookers bystanders passers-by photographers")
# Verbs that go at somebody or something: "at the sea" stays with "looking".
AIMED: Final = listed("look stare gaze glance point wave smile talk speak nod shout clap bow")


@dataclass(frozen=True)
class Wish:
    """Phrases by slot in the order written, in English; unknown words as written."""

    slots: dict[Slot, tuple[str, ...]]
    avoid: tuple[str, ...] = ()  # what the user does not want
    camera: Camera = field(default_factory=Camera)
    counts: tuple[tuple[int, str], ...] = ()  # (2, "people"), (3, "balloons")
    pronoun: str = ""  # "she" when nothing else says who; `slots` then starts with "a woman"
    named: bool = False  # somebody is named, not only described or called "she"
    read_as: tuple[tuple[str, str], ...] = ()  # words as written and as they now stand
    unused: tuple[str, ...] = ()  # words that no slot has room for: "please make"
    untranslated: tuple[str, ...] = ()  # Chinese that is in no table


@dataclass
class _Reading:
    """The structure while it grows."""

    phrases: dict[Slot, list[str]]
    avoid: list[str] = field(default_factory=list)
    moves: list[CameraMove] = field(default_factory=list)
    counts: list[tuple[int, str]] = field(default_factory=list)
    pronoun: str = ""
    read_as: list[tuple[str, str]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    last: Slot | None = None  # of this clause
    subject: bool = False  # the clause is a thing that does something: "her dress swaying in the wind"
    named: bool = False  # a person is named
    held: list[Token] = field(default_factory=list)  # "a" or "two" whose noun stands further on


def read(text: str) -> Wish:
    """Sort the words of a wish. Every word is in a phrase, in `avoid`, in `unused`, or left of `read_as`."""
    reading = _Reading({slot: [] for slot in get_args(Slot)})
    found = tokens(text)
    for stop, clause in groupby(found, key=lambda token: token.is_a("stop")):
        if not stop:
            _read_clause(reading, list(clause))
    if any(token.is_a("number") for token in reading.held):
        reading.unused += [token.source for token in reading.held]
    if reading.pronoun and not reading.named:
        _name(reading.phrases["who"], PRONOUNS[reading.pronoun])
    else:
        reading.pronoun = ""
    return Wish(
        {slot: tuple(phrases) for slot, phrases in reading.phrases.items()},
        tuple(dict.fromkeys(reading.avoid)),
        Camera(tuple(dict.fromkeys(reading.moves))),
        tuple(reading.counts),
        reading.pronoun,
        reading.named,
        tuple(dict.fromkeys(reading.read_as)),
        tuple(reading.unused),
        tuple(token.source for token in found if token.chinese and token.is_a("unknown")),
    )


def _name(who: list[str], person: str) -> None:
    """Put a person before what is said of their looks: "a woman with short hair"."""
    if who and who[0].startswith("with "):
        who[0] = f"{person} {who[0]}"
    else:
        who.insert(0, person)


def _read_clause(reading: _Reading, clause: list[Token]) -> None:
    reading.last = None
    refused = False  # behind a "no"
    found = pieces(_without_fillers(reading, marked(clause)))
    reading.subject = _is_subject(found)
    for index, piece in enumerate(found):
        if piece[0].is_a("not"):
            refused, piece = True, piece[1:]
        elif refused and _ends_refusal(piece):
            refused = False
        if piece and refused:
            _refuse(reading, piece)
        elif piece:
            _sort(reading, piece)
        if any(token.is_a("close") for token in piece):
            refused = False
        reading.subject &= index > 0 or reading.last in ("background", "clothes", "light")


def _is_subject(found: list[list[Token]]) -> bool:
    """True when the clause starts with something that the verb behind it speaks of."""
    if len(found) < 2 or not found[1][0].is_a("verb") or found[1][0].chinese:
        return False
    first = found[0]
    alone = len(first) == 1 and first[0].is_a("pronoun")
    return not alone and not first[0].is_a("verb", "preposition", "wear", "and", "not", "camera", "adverb")


def _without_fillers(reading: _Reading, clause: Sequence[Token]) -> list[Token]:
    """The clause less its fillers, which are written down when they say something."""
    fillers = [token for token in clause if token.is_a("filler")]
    reading.unused += [token.source for token in fillers if content_words(token.text)]
    return [token for token in clause if not token.is_a("filler")]


def _ends_refusal(piece: Sequence[Token]) -> bool:
    """True where what comes is wanted again: "but ...", "and a ...", "in a garden"."""
    first, rest = piece[0], piece[1:]
    if first.is_a("and"):
        return first.text not in ("or", "nor") and (
            first.text in ("but", "then", "while", "and then")
            or bool(rest and rest[0].is_a("article", "pronoun", "wear", "verb"))
        )
    return first.is_a("camera", "pronoun") or (
        first.is_a("preposition") and _head(rest) == "place" and rest[-1].text != "background"
    )


def _refuse(reading: _Reading, piece: list[Token]) -> None:
    joined = not piece[0].is_a("and") and piece[0].is_a("preposition") and bool(reading.avoid)
    if not joined:
        while piece and piece[0].is_a("article", "preposition", "wear", "and", "pronoun"):
            reading.unused += [piece[0].source] if content_words(piece[0].text) else []
            piece = piece[1:]
    if text := _text(reading, piece):
        if joined:
            reading.avoid[-1] += f" {text}"
        else:
            reading.avoid.append(text)


def _head(piece: Sequence[Token]) -> Tag | None:
    """What the last noun of a piece is."""
    for token in reversed(piece):
        tags: list[Tag] = [tag for tag in NOUNS if tag in token.tags]
        if tags:
            in_place = piece[0].text in ("in", "at", "on", "inside") and "place" in tags
            return "place" if in_place else tags[0]
        if token.is_a("camera"):
            return "camera"
    return None


def _sort(reading: _Reading, piece: list[Token]) -> None:
    """Put a piece where it belongs."""
    if piece[0].is_a("camera"):
        words = camera_words(Camera(piece[0].moves))
        reading.moves += piece[0].moves
        reading.phrases["camera"].append(words)
        reading.read_as.append((piece[0].source, words))
    elif all(token.is_a("pronoun", "and", "close") for token in piece):
        subjects = [token for token in piece if is_subject_pronoun(token)]
        for token in subjects[:1]:
            reading.pronoun = reading.pronoun or token.text
            reading.read_as.append((token.source, PRONOUNS[token.text]))
        others = [token for token in piece if token.is_a("pronoun") and token not in subjects]
        reading.unused += [token.source for token in others if token.text not in FUNCTION_WORDS]
    elif all(token.is_a("article", "number", "close") for token in piece):
        reading.held = list(piece)
    elif any(content_words(token.text) or token.is_a("unknown") for token in piece):
        slot, joins = _slot(reading, piece)
        _append(reading, slot, piece, joins=joins)


def _slot(reading: _Reading, piece: list[Token]) -> tuple[Slot, bool]:
    """The slot of a piece, and whether it continues the phrase before it."""
    rest = piece[1:] if piece[0].is_a("and") else piece
    first, last = (rest or piece)[0], reading.last
    if any(token.is_a("verb") for token in rest[:2]):
        if reading.subject and last is not None:
            return last, True
        return "action", last == "action" and piece[0].is_a("and")
    head = _head(rest)
    if reading.subject and last is None and not reading.named and rest[-1].is_a("unknown", "thing"):
        return "who", False
    if head is None and first.text == "in" and len(rest) > 1 and all(t.is_a("adjective") for t in rest[1:]):
        return "clothes", False
    if first.is_a("wear"):
        return ("who", True) if first.text == "dressed as" else ("clothes", False)
    if head == "body" and not rest[-1].is_a("body") and rest[-1].text.endswith("ed"):
        return "action", False  # "left hand raised"
    if reading.named and rest[-1].text in BYSTANDERS and not first.is_a("preposition"):
        return "background", False
    behind = first.is_a("preposition") and len(rest) > 1
    if last is not None and (slot := _attached(reading, first, head, behind, last)):
        return slot, slot == last
    if head in SLOT_OF:
        slot = SLOT_OF[head]
        return slot, slot == last
    if head is None and all(token.is_a("adjective") for token in rest):
        return ("style" if rest[-1].text in MOODS else "who"), False
    if last is not None and head is None:
        return last, True
    if not reading.phrases["who"] and not reading.pronoun and not behind:
        return "who", False
    return ("who" if first.text == "with" else "background"), False


def _attached(reading: _Reading, first: Token, head: Tag | None, behind: bool, last: Slot) -> Slot | None:
    """The slot of the phrase that a prepositional piece belongs to; None when its noun has its own slot."""
    if not behind:
        return None
    if head == "look":
        return "who" if first.text in ("with", "has", "have", "in") and last == "who" else last
    if head in ("thing", None):
        if first.text == "with" and last == "clothes" and reading.phrases["who"]:
            return "who"
        return None if last == "clothes" and first.text in STANDING else last
    if head == "body":
        return last if last == "action" else "who"
    if last != "action":
        return last if head == "person" and first.text != "of" and last == "background" else None
    if head == "person" or first.text in ("against", "off"):
        return "action"
    aimed = any(participle(verb) in reading.phrases["action"][-1].split() for verb in AIMED)
    return "action" if aimed and first.text in ("at", "to", "toward", "towards", "into") else None


def _append(reading: _Reading, slot: Slot, piece: list[Token], *, joins: bool = False) -> None:
    if slot == "who" and reading.held and not piece[0].is_a("preposition"):
        piece, reading.held = reading.held + piece, []
    if not joins:
        while piece and piece[0].is_a("and"):
            piece = piece[1:]
    if text := _text(reading, piece, articles=slot in ("who", "clothes", "background")):
        phrases = reading.phrases[slot]
        person = any(token.is_a("person") for token in piece)
        if slot == "who" and _head(piece) in ("look", "body") and not piece[0].is_a("preposition", "and"):
            joins, text = (joins, text) if person else (True, f"with {text}")
        if slot == "who" and person and not reading.named and phrases and phrases[0].startswith("with "):
            phrases[0] = f"{text} {phrases[0]}"  # "with a beard" came first
        elif joins and phrases:
            phrases[-1] += f" {text}"
        elif text not in phrases:
            phrases.append(text)
        reading.last = slot
    reading.named |= slot == "who" and not _describes(piece)
    reading.counts += _counts(piece)


def _describes(piece: Sequence[Token]) -> bool:
    """True for words that say how somebody looks and not who it is: "with long hair", "barefoot"."""
    nouns = [token for token in piece if token.is_a("person", "thing", "unknown")]
    return not nouns or (_head(piece) in ("look", "body") and not any(t.is_a("person") for t in piece))


def _text(reading: _Reading, piece: list[Token], *, articles: bool = False) -> str:
    """The piece in English; what had to be written differently is remembered."""
    piece = [token for token in piece if not token.is_a("close")]
    words = []
    for index, token in enumerate(piece):
        word = token.text
        if token.is_a("verb") and token.form in ("plain", "s", "past"):
            word = word if index and piece[index - 1].text == "to" else participle(token.lemma)
        elif token.text in ("has", "have"):
            word = "with"
        elif token.is_a("wear") and token.text != "dressed as":
            word = "wearing"
        elif token.chinese and word == "a" and index + 1 < len(piece):
            word = article(piece[index + 1].text)
        elif token.chinese and token.is_a(*NOUNS) and _several(piece[:index]):
            word = plural(token.text)
        if word.lower() != token.source.lower() and content_words(word):
            reading.read_as.append((token.source, word))
        words.append(word)
    if articles and any(token.chinese for token in piece):
        words = _with_article(piece, words)
    return " ".join(word for word in words if word)


def _several(before: Iterable[Token]) -> bool:
    return any(token.is_a("number") and number_of(token) > 1 for token in before)


def _with_article(piece: Sequence[Token], words: list[str]) -> list[str]:
    """English articles for a Chinese noun phrase that has none."""
    opened = piece[0].is_a("wear", "preposition", "close", "and")
    head = _head(piece)
    countable = not words[-1].endswith("s") or words[-1].endswith("ss")
    if any(token.is_a("article", "number") for token in piece) or not countable:
        return words
    if head in ("person", "clothes"):
        start = 1 if opened else 0
        return [*words[:start], article(words[start]), *words[start:]]
    return [words[0], "the", *words[1:]] if head == "place" and opened else words


def _counts(piece: Sequence[Token]) -> list[tuple[int, str]]:
    """(number, noun) of every number above one that stands before a noun."""
    found = []
    for index, token in enumerate(piece):
        behind = piece[index + 1].text if index + 1 < len(piece) else ""
        if not token.is_a("number") or (index and piece[index - 1].text == "number") or behind in UNITS:
            continue
        noun = next((t for t in piece[index + 1 :] if t.is_a(*NOUNS)), None)
        following = noun or (piece[index + 1] if index + 1 < len(piece) else None)
        if following is not None and number_of(token) > 1:
            found.append((number_of(token), plural(following.text) if following.chinese else following.text))
    return found
