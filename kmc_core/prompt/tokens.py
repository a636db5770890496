"""Text of a wish -> tokens: known words with what they can be, camera phrases, Chinese words in English."""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from ..motion.camera import CameraMove
from . import chinese
from .camera_words import camera_phrases
from .lexicon import NUMBERS, PRONOUNS, Entry, Tag, entries, plural

# Full-width and typographic signs, one character each, so that places in the text stay the same.
_PUNCTUATION: Final = str.maketrans("，。；：！？（）“”‘’…【】《》～", ",.;:!?()\"\"''.()()-")
_LETTERS: Final = r"[^\W_\u3400-\u4dbf\u4e00-\u9fff]+"
_WORD: Final = re.compile(rf"{_LETTERS}(?:['\-.&]{_LETTERS})*|&")
_FOREIGN: Final = re.compile(r"[^\s,.;:!?()\"]+?(?=[\s,.;:!?()\"、]|$|[\u3400-\u9fff])")
# "(word:1.2)" and "9:16" are for other tools.
_SETTING: Final = re.compile(r":\s*\d+(?:\.\d+)?(?=\s*\))|\d+:\d+(?!\w)")
_MOST_WORDS: Final = 4  # of one entry


@dataclass(frozen=True)
class Token:
    """One word, or several that belong together."""

    text: str  # in English; as written when the word is unknown
    source: str  # as written
    tags: frozenset[Tag]
    lemma: str = ""
    form: Literal["", "plain", "s", "ing", "past"] = ""
    moves: tuple[CameraMove, ...] = ()
    chinese: bool = False

    def is_a(self, *tags: Tag) -> bool:
        """True when the word can be one of `tags`."""
        return not self.tags.isdisjoint(tags)


def tokens(text: str) -> list[Token]:
    """The tokens of a wish in order. Every letter of the text is in the source of one token."""
    if text.isupper():
        text = text.lower()
    text = text.translate(_PUNCTUATION)
    plain = chinese.simplified("".join(c.lower() if len(c.lower()) == 1 else c for c in text))
    cameras = {phrase.start: phrase for phrase in camera_phrases(plain)}
    found: list[Token] = []
    at = 0
    while at < len(plain):
        if plain[at].isspace() and plain[at] != "\n":
            at += 1
        elif at in cameras:
            end = cameras[at].end
            found.append(Token(text[at:end], text[at:end], frozenset({"camera"}), moves=cameras[at].moves))
            at = end
        else:
            end = min((start for start in cameras if start > at), default=len(plain))
            token, length = _next(text[at:end], plain[at:end], found)
            found.append(token)
            at += length
    return found


def _next(text: str, plain: str, before: list[Token]) -> tuple[Token, int]:
    """The token that `text` starts with, and how many characters it takes."""
    if chinese.is_chinese(plain[0]) or plain.startswith("t恤"):
        return _chinese(text, plain, before)
    if setting := _SETTING.match(plain):
        return Token(setting.group(), text[: setting.end()], frozenset({"filler"})), setting.end()
    if not (word := _WORD.match(plain)):
        if plain[0] == "、":
            return Token("and", "、", frozenset({"and"})), 1
        if plain[0] in ',.;:!?()"\n':
            return Token("", text[0], frozenset({"stop"})), 1
        other = _FOREIGN.match(plain)
        length = len(other.group()) if other else 1
        return Token(text[:length], text[:length], frozenset({"unknown"})), length
    end, entry = _longest(plain, word)
    source = text[:end]
    if entry is None:
        return _unknown(source, plain[:end]), end
    if source == "I":  # the English pronoun, never the numeral
        return Token(source, source, frozenset({"filler"})), end
    return Token(" ".join(plain[:end].split()), source, entry.tags, entry.lemma, entry.form), end


def _longest(plain: str, first: re.Match[str]) -> tuple[int, Entry | None]:
    """The end of the longest known run of words, or that of the first word."""
    ends, word = [first.end()], first
    while len(ends) < _MOST_WORDS:
        gap = re.match(r"[ \t]+", plain[word.end() :])
        following = _WORD.match(plain, word.end() + gap.end()) if gap else None
        if not following:
            break
        word = following
        ends.append(word.end())
    for end in reversed(ends):
        key = " ".join(plain[:end].split())
        if entry := entries().get(key):
            return end, entry
    return first.end(), None


def _unknown(source: str, plain: str) -> Token:
    """A word of no table: its ending may still tell what it is."""
    if plain.isdigit():
        return Token(source, source, frozenset({"number"}))
    if plain.endswith("ly") and len(plain) > 4:
        return Token(source, source, frozenset({"adverb"}))
    if plain.endswith(("-haired", "-eared", "-eyed", "-like", "-skinned", "-aged", "-colored", "-coloured")):
        return Token(source, source, frozenset({"adjective"}))
    if plain.endswith("ing") and len(plain) > 5:
        return Token(source, source, frozenset({"verb"}), plain.removesuffix("ing"), "ing")
    return Token(source, source, frozenset({"unknown"}))


def _chinese(text: str, plain: str, before: list[Token]) -> tuple[Token, int]:
    known = chinese.entries()
    for length in range(min(chinese.longest(), len(plain)), 1, -1):
        if plain[:length] in known:
            token = _chinese_token(text[:length], plain[:length], before)
            if token.is_a("person") and plain[length : length + 1] == "们":
                return replace(token, text=plural(token.text), source=text[: length + 1]), length + 1
            return token, length
    if plain[0] in chinese.NUMBERS or plain[0] in chinese.CLASSIFIERS:
        after_number = bool(before) and before[-1].is_a("number") and before[-1].text.isdigit()
        if plain[0] in chinese.NUMBERS:
            length = 2 if plain[1:2] and plain[1] in chinese.CLASSIFIERS else 1
            word = chinese.NUMBERS[plain[0]]
            tag: Tag = "article" if word == "a" else "number"
            return Token(word, text[:length], frozenset({tag}), chinese=True), length
        if after_number:
            return Token("", text[0], frozenset({"filler"}), chinese=True), 1
    if plain[0] in known:
        return _chinese_token(text[0], plain[0], before), 1
    length = next(
        (
            n
            for n in range(1, len(plain))
            if not chinese.is_chinese(plain[n])
            or any(plain[n : n + size] in known for size in range(1, chinese.longest() + 1))
        ),
        len(plain),
    )
    return Token(text[:length], text[:length], frozenset({"unknown"}), chinese=True), length


def _chinese_token(source: str, plain: str, before: list[Token]) -> Token:
    tag, english = chinese.entries()[plain]
    behind = chinese.POSTPOSITIONS.get(plain)
    if behind and before and before[-1].is_a("place", "thing", "person", "body"):
        return Token(behind, source, frozenset({"close"}), chinese=True)
    if tag == "verb":
        return Token(english, source, frozenset({"verb"}), english.split()[0], "ing", chinese=True)
    return Token(english, source, frozenset({tag}), chinese=True)


def number_of(token: Token) -> int:
    """The value of a number token."""
    return int(token.text) if token.text.isdecimal() else NUMBERS[token.text.replace(" ", "_")]


def is_subject_pronoun(token: Token) -> bool:
    """True for "she", "he" and the like, who can be the one that acts."""
    return token.is_a("pronoun") and token.text in PRONOUNS
