"""A language model that rephrases a scene: our instruction, and its answer checked against the same
structure.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..errors import KMCError
from .conflicts import families
from .formats import Engine, Scene
from .lexicon import content_words

# The parts that may be rephrased; camera, framing and what to avoid are ours.
PARTS: Final = ("who", "clothes", "background", "light", "action", "style")
MOST_WORDS: Final = 60  # of one part
_HINT: Final[dict[Engine, str]] = {
    "kmc": "Use plain, short words and add nothing.",
    "wan_animate": "Describe appearance and background vividly in one phrase each.",
    "wan_animate2": "Describe appearance and background vividly in one phrase each.",
    "scail2": "Be long and detailed: materials, textures, surroundings, light, expression.",
}
_INSTRUCTION: Final = """You write prompts for a video model. Below are the parts of one scene.
Rewrite every part in fluent English, in one line each. Keep every word that carries meaning: \
colours, numbers, clothes, places, actions. Translate words that are not English.
Add no new person, no new movement and no camera. {avoid}{hint}
Answer with these lines and nothing else, each as "name: text":
{parts}"""


def instruction(scene: Scene, engine: Engine) -> str:
    """What the language model is asked."""
    parts = "\n".join(f"{name}: {', '.join(getattr(scene, name))}" for name in PARTS if getattr(scene, name))
    avoid = f"Never mention: {', '.join(scene.avoid)}. " if scene.avoid else ""
    return _INSTRUCTION.format(parts=parts, avoid=avoid, hint=_HINT[engine])


def rephrase(scene: Scene, engine: Engine, generate: Callable[[str], str]) -> tuple[Scene, tuple[str, ...]]:
    """The scene in the words of `generate`, and notes on the parts where its words were not taken.

    A part that lost a word stays ours. Raises KMCError with the reason when nothing of the answer holds.
    """
    asked = [name for name in PARTS if getattr(scene, name)]
    if not asked:
        raise KMCError("Expected a wish to rephrase, got none; write one.")
    answer = _parts(generate(instruction(scene, engine)))
    _check_structure(scene, asked, answer)
    taken, notes = {}, []
    for name in asked:
        if fault := _fault(name, ", ".join(getattr(scene, name)), answer[name]):
            notes.append(f"The language model's {name} was not used, it {fault}.")
        else:
            taken[name] = (answer[name],)
    if not taken:
        raise KMCError(" ".join(notes))
    return replace(scene, **taken), tuple(notes)


def _check_structure(scene: Scene, asked: list[str], answer: dict[str, str]) -> None:
    """All parts, no others, and nothing that is to be avoided."""
    if missing := [name for name in asked if not answer.get(name)]:
        raise KMCError(f"Expected a line for each of {', '.join(asked)}, got none for {', '.join(missing)}.")
    if strange := [name for name in answer if name not in asked]:
        raise KMCError(f"Expected lines for {', '.join(asked)}, got one for {', '.join(strange)} too.")
    added = [_stems(text) - _stems(" ".join(getattr(scene, name))) for name, text in answer.items()]
    unwanted = [phrase for phrase in scene.avoid if any(_stems(phrase) <= words for words in added)]
    if unwanted:
        raise KMCError(f"It mentions what is not wanted: {', '.join(unwanted)}.")


def _fault(name: str, ours: str, text: str) -> str:
    """What is wrong with one part of an answer; "" when nothing is."""
    if lost := _lost(ours, text):
        return f"lacks: {', '.join(lost)}"
    if len(text.split()) > MOST_WORDS:
        return f"has more than {MOST_WORDS} words"
    added = [verb for verb in families(text) if verb not in families(ours)]
    return f"adds: {', '.join(added)}" if name == "action" and added else ""


def _parts(answer: str) -> dict[str, str]:
    """The "name: text" lines of an answer, without a model's thoughts and markup."""
    answer = re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL)
    lines = re.findall(r"^[\s*\-]*([A-Za-z]+)[*\s]*:[*\s]*(.+)$", answer, flags=re.MULTILINE)
    return {name.lower(): " ".join(text.split()).strip(" .*\"'") for name, text in lines}


def _lost(ours: str, text: str) -> list[str]:
    """English words of ours that `text` lacks; other words are there to be translated."""
    said = _stems(text)
    return [word for word in sorted(content_words(ours)) if word.isascii() and _stem(word) not in said]


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in content_words(text)}


def _stem(word: str) -> str:
    """Enough of a word to find it again inflected."""
    for ending in ("ing", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
