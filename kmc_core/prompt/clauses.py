"""A clause -> its pieces: what can be a verb is settled, then it is cut where a verb, a preposition,
"wearing" or a conjunction opens a new piece.
"""

from collections.abc import Sequence
from dataclasses import replace

from .lexicon import NOUNS, Tag
from .tokens import Token, is_subject_pronoun


def marked(clause: Sequence[Token]) -> list[Token]:
    """The clause with all that can be a verb settled: a verb, a posture ("a smile") or something else."""
    result = []
    for index, token in enumerate(clause):
        following = clause[index + 1] if index + 1 < len(clause) else None
        if token.chinese and token.is_a("preposition") and following is not None and following.is_a("verb"):
            continue  # "is dancing"
        if acts(clause, index):
            token = replace(token, tags=frozenset({"verb"}))
        elif token.tags == {"verb"}:
            other: dict[str, Tag] = {"plain": "pose", "s": "thing", "ing": "adjective", "past": "adjective"}
            token = replace(token, tags=frozenset({other[token.form]}), lemma="", form="")
        elif token.is_a("verb"):
            token = replace(token, tags=token.tags - {"verb"}, lemma="", form="")
        result.append(token)
    return result


def pieces(clause: list[Token]) -> list[list[Token]]:
    """Cut a marked clause. A verb in -ing before a person ("a smiling nurse") becomes a piece of its own."""
    found: list[list[Token]] = []
    for index, token in enumerate(clause):
        if not found or _closed(found[-1]) or _opens(clause, index):
            found.append([])
        found[-1].append(token)
    found = [_placed(piece) for piece in found]
    for index in range(len(found) - 1):  # Chinese says at whom before it says what
        first, following = found[index][0], found[index + 1][0]
        after_verb = index > 0 and found[index - 1][0].is_a("verb")
        if first.chinese and first.is_a("preposition") and following.is_a("verb") and not after_verb:
            found[index], found[index + 1] = found[index + 1], found[index]
    return [part for piece in found for part in _without_modifier(piece)]


def _without_modifier(piece: list[Token]) -> list[list[Token]]:
    at = next((i for i, token in enumerate(piece) if _modifies_person(piece, i, token)), None)
    if at is None:
        return [piece]
    return [piece[:at] + piece[at + 1 :], [replace(piece[at], tags=frozenset({"verb"}))]]


def _placed(piece: list[Token]) -> list[Token]:
    """A Chinese place with the word that stands behind it ("on", "in front of") put before it."""
    behind = [token for token in piece if token.is_a("close") and token.text]
    if not behind:
        return piece
    rest = [token for token in piece if token not in behind]
    rest = rest[1:] if rest and rest[0].is_a("preposition") else rest
    return [replace(behind[-1], tags=frozenset({"preposition"})), *rest]


def _closed(piece: Sequence[Token]) -> bool:
    """True behind a camera phrase, and behind the Chinese "de" that ends a clause."""
    last = piece[-1]
    return last.is_a("camera") or (
        last.is_a("close")
        and any(not token.is_a("adjective", "article", "number", "close") for token in piece)
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
        with_adverb = before.is_a("adverb") and (index == 1 or _opens(clause, index - 1))
        return before.text != "to" and not with_adverb
    if token.is_a("preposition"):
        cut_off = following is None or following.is_a("and", "not", "camera", "preposition", "close", "verb")
        return not cut_off
    if token.is_a("adverb") and not token.is_a("adjective"):
        return following is not None and following.is_a("verb")
    if following is None or not is_subject_pronoun(token):
        return False
    return following.is_a("verb", "wear") or (not token.is_a("article") and following.is_a("not", "adverb"))


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
        inside = before is not None and before.text in ("with", "in", "of", "under", "on", "through", "has")
        modifier = before is not None and before.is_a("article", "adjective") and not has_object
        if inside and following is not None and not has_object:
            return False  # "with flowing hair"
        return has_object if noun else not modifier
    if token.is_a("adjective") and token.form == "past":
        return False
    if before is None:
        return token.form in ("plain", "s") and (has_object or not noun) and not token.is_a("adjective")
    if before.text == "her" and (index == 1 or clause[index - 2].is_a("filler")):
        return True
    if (
        before.is_a("article", "number")
        or before.text in ("no", "without")
        or (before.is_a("preposition") and before.text != "to" and not before.is_a("adverb"))
    ):
        return False
    if before.is_a("adjective") and not before.is_a("adverb"):
        return index > 1 and clause[index - 2].text == "in" and not noun  # "a man in black bows"
    like_before = any(t.form == token.form for t in clause[: index - 1])  # "removes his helmet and bows"
    if before.is_a("and") and token.form in ("s", "plain") and (like_before or "then" in before.text):
        return True
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
