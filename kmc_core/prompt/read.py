"""A wish -> its structure: who, clothes, background, light, action, camera, shot and style, what is not wanted
and how many there are of what.

A clause is cut into pieces where a verb, a preposition, "wearing" or a conjunction opens a new one. The last
noun of a piece tells its slot; a piece that tells none stays with the piece before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final, get_args

from ..motion.camera import Camera, CameraMove
from .camera_words import camera_words
from .lexicon import FUNCTION_WORDS, NOUNS, PRONOUNS, Slot, Tag, participle, plural
from .tokens import Token, is_subject_pronoun, number_of, tokens

SLOT_OF: Final[dict[Tag, Slot]] = {
    "camera": "camera", "person": "who", "look": "who", "clothes": "clothes", "place": "background",
    "light": "light", "style": "style", "shot": "shot", "pose": "action", "body": "who",
}  # fmt: skip
MOODS: Final = frozenset(
    "dramatic dark bright colorful colourful dreamy warm cold soft elegant modern vintage gothic magical futuristic "
    "calm simple plain blurred blurry natural victorian medieval industrial royal".split()
)
AIMED: Final = frozenset("look stare gaze glance point wave smile talk speak nod shout clap bow".split())


@dataclass(frozen=True)
class Wish:
    """Phrases by slot in the order written, in English; unknown words as written."""

    slots: dict[Slot, tuple[str, ...]]
    avoid: tuple[str, ...] = ()  # what the user does not want
    camera: Camera = field(default_factory=Camera)
    counts: tuple[tuple[int, str], ...] = ()  # (2, "people"), (3, "balloons")
    pronoun: str = ""  # "she" when nothing else says who; `slots` then says "a woman"
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
    held: list[Token] = field(default_factory=list)  # "a" or "two" whose noun stands further on


def read(text: str) -> Wish:
    """Sort the words of a wish. Every word is in a phrase, in `avoid`, in `unused`, or left of `read_as`."""
    reading = _Reading({slot: [] for slot in get_args(Slot)})
    found = tokens(text)
    for stop, clause in groupby(found, key=lambda token: token.is_a("stop")):
        if not stop:
            _read_clause(reading, list(clause))
    if reading.held:
        _append(reading, "who", reading.held)
    if reading.pronoun and not reading.phrases["who"]:
        reading.phrases["who"].append(PRONOUNS[reading.pronoun])
    else:
        reading.pronoun = ""
    return Wish(
        {slot: tuple(phrases) for slot, phrases in reading.phrases.items()},
        tuple(dict.fromkeys(reading.avoid)),
        Camera(tuple(dict.fromkeys(reading.moves))),
        tuple(reading.counts),
        reading.pronoun,
        tuple(dict.fromkeys(reading.read_as)),
        tuple(reading.unused),
        tuple(token.source for token in found if token.chinese and token.is_a("unknown")),
    )


def _read_clause(reading: _Reading, clause: list[Token]) -> None:
    reading.last = None
    refused = False  # behind a "no"
    for piece in _pieces(_without_fillers(reading, marked(clause))):
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


def marked(clause: Sequence[Token]) -> list[Token]:
    """The clause with every word that can be a verb settled: a verb, a posture ("a smile") or something else."""
    result = []
    for index, token in enumerate(clause):
        if acts(clause, index):
            token = replace(token, tags=frozenset({"verb"}))
        elif token.tags == {"verb"}:
            other: dict[str, Tag] = {"plain": "pose", "s": "thing", "ing": "adjective", "past": "adjective"}
            token = replace(token, tags=frozenset({other[token.form]}), lemma="", form="")
        elif token.is_a("verb"):
            token = replace(token, tags=token.tags - {"verb"}, lemma="", form="")
        result.append(token)
    return result


def _without_fillers(reading: _Reading, clause: Sequence[Token]) -> list[Token]:
    """The clause less its fillers, which are written down when they say something."""
    fillers = [token for token in clause if token.is_a("filler") and token.text]
    reading.unused += [token.source for token in fillers if not set(token.text.split()) & FUNCTION_WORDS]
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
            piece = piece[1:]
    if text := _text(reading, piece):
        if joined:
            reading.avoid[-1] += f" {text}"
        else:
            reading.avoid.append(text)


def _pieces(clause: list[Token]) -> list[list[Token]]:
    """Cut a clause; a verb in -ing before a person ("a smiling nurse") becomes a piece of its own."""
    pieces: list[list[Token]] = []
    for index, token in enumerate(clause):
        if not pieces or _closed(pieces[-1]) or _opens(clause, index):
            pieces.append([])
        pieces[-1].append(token)
    pieces = [_placed(piece) for piece in pieces]
    for index in range(len(pieces) - 1):  # Chinese says at whom before it says what
        first, following = pieces[index][0], pieces[index + 1][0]
        after_verb = index > 0 and pieces[index - 1][0].is_a("verb")
        if first.chinese and first.is_a("preposition") and following.is_a("verb") and not after_verb:
            pieces[index], pieces[index + 1] = pieces[index + 1], pieces[index]
    result = []
    for piece in pieces:
        at = next((i for i, token in enumerate(piece) if _modifies_person(piece, i, token)), None)
        if at is None:
            result.append(piece)
        else:
            result += [piece[:at] + piece[at + 1 :], [replace(piece[at], tags=frozenset({"verb"}))]]
    return result


def _placed(piece: list[Token]) -> list[Token]:
    """A Chinese place with the word that stands behind it ("on", "in front of") put before it."""
    behind = [token for token in piece if token.is_a("close") and token.text]
    if not behind:
        return piece
    rest = [token for token in piece if token not in behind]
    rest = rest[1:] if rest and rest[0].is_a("preposition") else rest
    return [replace(behind[-1], tags=frozenset({"preposition"})), *rest]


def _closed(piece: Sequence[Token]) -> bool:
    """True behind a camera phrase and behind the Chinese "de" that ends a clause, not that of an adjective."""
    last = piece[-1]
    return last.is_a("camera") or (
        last.is_a("close") and any(not token.is_a("adjective", "article", "number", "close") for token in piece)
    )


def _modifies_person(piece: list[Token], index: int, token: Token) -> bool:
    if not token.text.endswith("ing") or token.chinese or index > 1 or token.tags - {"verb", "adjective"}:
        return False
    following = [t for t in piece[index + 1 :] if not t.is_a("adjective")]
    alone = index == 0 or piece[0].is_a("article")
    return alone and bool(following) and following[0].is_a("person")


def _opens(clause: list[Token], index: int) -> bool:
    """True when a new piece starts at this token, which is not the first."""
    token, before = clause[index], clause[index - 1]
    following = clause[index + 1] if index + 1 < len(clause) else None
    if token.is_a("camera", "and", "not"):
        return True
    if before.is_a("not", "and"):
        return False
    if token.is_a("wear"):
        return True
    if token.is_a("verb"):
        return before.text != "to" and not (before.is_a("adverb") and index > 1 and _opens(clause, index - 1))
    if token.is_a("preposition"):
        cut_off = following is None or following.is_a("and", "not", "camera", "preposition", "close", "verb")
        return not cut_off
    if token.is_a("adverb") and not token.is_a("adjective"):
        return following is not None and following.is_a("verb")
    return is_subject_pronoun(token) and following is not None and following.is_a("verb", "wear", "not", "adverb")


def acts(clause: Sequence[Token], index: int) -> bool:
    """True when the token is a verb here: "lights a cigarette", not "neon lights"."""
    token = clause[index]
    if token.is_a("filler") and index == 0:
        return False  # "make her wave"
    if not token.is_a("verb"):
        return _unknown_verb(clause, index)
    before = clause[index - 1] if index else None
    following = clause[index + 1] if index + 1 < len(clause) else None
    noun = token.is_a(*NOUNS)
    has_object = following is not None and following.is_a(
        "article", "number", "preposition", "adverb", "pronoun", "body"
    )
    if token.chinese:
        return True
    if token.form == "ing":
        modifier = before is not None and before.is_a("article", "adjective") and not has_object
        return has_object if noun else not modifier
    if token.is_a("adjective") and token.form == "past":
        return False
    if before is None:
        return token.form in ("plain", "s") and (has_object or not noun) and not token.is_a("adjective")
    if before.text == "her" and (index == 1 or clause[index - 2].is_a("filler")):
        return True
    if before.is_a("article", "number") or before.text in ("no", "without") or (
        before.is_a("preposition") and before.text != "to" and not before.is_a("adverb")
    ):
        return False
    if before.is_a("adjective") and not before.is_a("adverb"):
        return index > 1 and clause[index - 2].text == "in" and not noun  # "a man in black bows"
    if before.is_a("person", "pronoun"):
        return has_object or following is None or not noun or before.is_a("pronoun")
    if before.is_a("place", "thing", "light", "style"):
        return token.form != "past" and not noun and has_object
    return token.form != "past" and (has_object or not noun)


def _unknown_verb(clause: Sequence[Token], index: int) -> bool:
    """A word of no table that ends in s behind a person: "the chef fillets a fish"."""
    token = clause[index]
    if not token.is_a("unknown") or token.chinese or index == 0:
        return False
    return (
        clause[index - 1].is_a("person", "pronoun")
        and token.text.endswith("s")
        and not token.text.endswith(("ss", "'s"))
        and not clause[index - 1].text.endswith("s")
    )


def _head(piece: Sequence[Token]) -> Tag | None:
    """What the last noun of a piece is."""
    for token in reversed(piece):
        if tags := [tag for tag in NOUNS if tag in token.tags]:
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
    else:
        slot, joins = _slot(reading, piece)
        _append(reading, slot, piece, joins=joins)


def _slot(reading: _Reading, piece: list[Token]) -> tuple[Slot, bool]:
    """The slot of a piece, and whether it continues the phrase before it."""
    rest = piece[1:] if piece[0].is_a("and") else piece
    first, last = (rest or piece)[0], reading.last
    if any(token.is_a("verb") for token in rest[:2]):
        return "action", last == "action" and piece[0].is_a("and")
    head = _head(rest)
    if head is None and first.text == "in" and len(rest) > 1 and all(t.is_a("adjective") for t in rest[1:]):
        return "clothes", False
    if first.is_a("wear"):
        return "clothes", False
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
        return "who" if first.text in ("with", "has", "have", "having", "in") and last == "who" else last
    if head in ("thing", None):
        if first.text == "with" and last == "clothes" and reading.phrases["who"]:
            return "who"
        return last
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
        if slot == "who" and phrases and _head(piece) in ("look", "body") and _names_nobody(piece):
            joins, text = True, f"with {text}"
        if joins and phrases:
            phrases[-1] += f" {text}"
        elif text not in phrases:
            phrases.append(text)
        reading.last = slot
    reading.counts += _counts(piece)


def _text(reading: _Reading, piece: list[Token], *, articles: bool = False) -> str:
    """The piece in English; what had to be written differently is remembered."""
    piece = [token for token in piece if not token.is_a("close")]
    words = []
    for index, token in enumerate(piece):
        word = token.text
        if token.is_a("verb") and token.form in ("plain", "s", "past"):
            word = word if index and piece[index - 1].text == "to" else participle(token.lemma)
        elif token.text in ("has", "have", "having"):
            word = "with"
        elif token.chinese and word == "a" and index + 1 < len(piece):
            word = article(piece[index + 1].text)
        elif token.chinese and token.is_a(*NOUNS) and _several(piece[:index]):
            word = plural(token.text)
        if word.lower() != token.source.lower():
            reading.read_as.append((token.source, word))
        words.append(word)
    if articles and any(token.chinese for token in piece):
        words = _with_article(piece, words)
    return " ".join(word for word in words if word)


def _names_nobody(piece: Sequence[Token]) -> bool:
    """True for "long hair" as against "with long hair" and "and a woman"."""
    return not piece[0].is_a("preposition", "and") and not any(token.is_a("person") for token in piece)


def _several(before: Iterable[Token]) -> bool:
    return any(token.is_a("number") and number_of(token) > 1 for token in before)


def _with_article(piece: Sequence[Token], words: list[str]) -> list[str]:
    """English articles for a Chinese noun phrase that has none."""
    opened = piece[0].is_a("wear", "preposition", "close")
    head = _head(piece)
    countable = not words[-1].endswith("s") or words[-1].endswith("ss")
    if any(token.is_a("article", "number") for token in piece) or not countable:
        return words
    if head in ("person", "clothes"):
        start = 1 if opened else 0
        return [*words[:start], article(words[start]), *words[start:]]
    return [words[0], "the", *words[1:]] if head == "place" and opened else words


def article(word: str) -> str:
    """ "a" or "an"."""
    return "an" if word[:1].lower() in tuple("aeiou") else "a"


def _counts(piece: Sequence[Token]) -> list[tuple[int, str]]:
    """(number, noun) of every number above one that stands before a noun."""
    found = []
    for index, token in enumerate(piece):
        if not token.is_a("number") or (index and piece[index - 1].text == "number"):
            continue
        noun = next((t for t in piece[index + 1 :] if t.is_a(*NOUNS)), None)
        following = noun or (piece[index + 1] if index + 1 < len(piece) else None)
        if following is not None and number_of(token) > 1:
            found.append((number_of(token), plural(following.text) if following.chinese else following.text))
    return found
