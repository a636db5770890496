"""A wish in the user's words -> the prompts that an engine expects. Offline, deterministic, loses no word.

The wish is read into its structure (`read`), gives way where the motion contradicts it (`conflicts`), is
filled up from the subject and the motion, and is written in the engine's format (`formats`). Every word of
the wish is in a prompt or in the notes. A language model may rephrase what was read; what it gets wrong is
not taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from ..errors import KMCError
from ..motion.camera import Camera
from ..motion.types import Motion
from ..subject.types import Subject, ViewKind
from .camera_words import camera_words
from .conflicts import GESTURING, Resolved, families, motion_actions, resolve
from .describe import MotionWords, describe_motion
from .formats import ENGINES, Engine, Scene, Texts, in_kmc_words, problems, write
from .language_model import rephrase
from .lexicon import PRONOUNS
from .palette import clothes_color
from .read import Wish, read

VIEW_SHOT: Final[dict[ViewKind, str]] = {
    "full": "full body",
    "half": "half body",
    "face": "close-up",
    "back": "",
}


@dataclass(frozen=True)
class Prompts(Texts):
    """What the engine's text inputs take, what it was made from, and what there is to say about it."""

    scene: Scene = field(default_factory=Scene)
    notes: tuple[str, ...] = ()
    move: Camera = field(default_factory=Camera)  # the camera as data
    conflicts: tuple[str, ...] = ()  # words of the wish that gave way to the motion


def enhance(
    wish: str,
    engine: Engine,
    *,
    motion: Motion | None = None,
    subject: Subject | None = None,
    generate: Callable[[str], str] | None = None,
) -> Prompts:
    """Prompts for `engine` from a wish and what the motion and the subject tell.

    `generate` is a language model: instruction -> answer. Where its answer does not hold, the notes say so
    and the words are those without it. Raises KMCError for an unknown engine.
    """
    if engine not in ENGINES:
        raise KMCError(
            f"Expected an engine out of {', '.join(ENGINES)}, got '{engine}'; choose one of these."
        )
    words = describe_motion(motion) if motion is not None else MotionWords()
    own = read(wish)
    parsed, notes = _with_subject(own, subject)
    resolved = resolve(parsed, motion, words) if motion is not None else Resolved(parsed)
    notes += resolved.notes
    scene = _scene(resolved.wish, motion, words, subject)
    texts = write(scene, engine)
    if generate is not None:
        scene, texts, said = _rephrased(scene, texts, engine, generate)
        notes += said
    if engine == "kmc":
        notes += _pairs("In the KMC animator's words", in_kmc_words(scene)[1])
    notes += _reading_notes(own, texts)
    return Prompts(**vars(texts), scene=scene, notes=notes, move=own.camera, conflicts=resolved.conflicts)


def _with_subject(wish: Wish, subject: Subject | None) -> tuple[Wish, tuple[str, ...]]:
    """Fill slots that the wish leaves empty from the subject's description; say nothing twice."""
    if subject is None or not subject.description.strip():
        return wish, ()
    described = read(subject.description)
    slots = {slot: phrases or described.slots[slot] for slot, phrases in wish.slots.items()}
    notes: tuple[str, ...] = ()
    if described.slots["who"] and wish.slots["who"] and not wish.named:  # looks, or "she"
        said, *others = wish.slots["who"]
        said = said.removeprefix(PRONOUNS.get(wish.pronoun, "")).strip()
        looks = tuple(phrase for phrase in (said, *others) if phrase)
        slots["who"] = described.slots["who"] + looks
    if described.slots["who"] and wish.pronoun:
        notes = (f"'{wish.pronoun}' is {subject.name or 'the subject'}: {', '.join(slots['who'])}.",)
    avoid = wish.avoid + tuple(phrase for phrase in described.avoid if phrase not in wish.avoid)
    return replace(wish, slots=slots, avoid=avoid), notes


def _scene(wish: Wish, motion: Motion | None, words: MotionWords, subject: Subject | None) -> Scene:
    """The wish, filled up from the motion and from the subject's picture."""
    slots = wish.slots
    named = motion_actions(motion) if motion is not None else ()
    told = named or ((words.action,) if words.action else ())
    covered = families(" ".join(slots["action"]))
    more = tuple(name for name in named if not families(name).keys() & covered.keys())
    action = slots["action"] + tuple(name for name in more if name != GESTURING)
    shot, clothes = slots["shot"], slots["clothes"]
    if not shot and (words.shot or subject is not None):
        default = words.shot or (VIEW_SHOT[subject.views[0].kind] if subject and subject.views else "")
        shot = (default,) if default else ()
    if not clothes and subject is not None and subject.views and (color := clothes_color(subject.views[0])):
        clothes = (f"{color} clothes",)
    return Scene(
        who=slots["who"],
        clothes=clothes,
        background=slots["background"],
        light=slots["light"],
        action=action if slots["action"] else told,
        camera=camera_words(wish.camera) or words.camera,
        shot=shot,
        style=slots["style"],
        avoid=wish.avoid,
    )


def _rephrased(
    scene: Scene, texts: Texts, engine: Engine, generate: Callable[[str], str]
) -> tuple[Scene, Texts, tuple[str, ...]]:
    """The scene in the language model's words, as far as they hold."""
    try:
        richer, notes = rephrase(scene, engine, generate)
    except KMCError as reason:
        return scene, texts, (f"The language model's answer was not used: {reason}",)
    rewritten = write(richer, engine)
    if wrong := problems(rewritten, richer, engine):
        return scene, texts, (f"The language model's answer was not used: {'; '.join(wrong)}.",)
    return richer, rewritten, notes


def _reading_notes(wish: Wish, texts: Texts) -> tuple[str, ...]:
    """How words were read that now stand differently, and which were not used."""
    notes = _pairs("Read", wish.read_as)
    if wish.unused:
        notes += (f"Not used: {', '.join(wish.unused)}.",)
    if wish.untranslated:
        notes += (f"Not in the lexicon, kept as written: {', '.join(wish.untranslated)}.",)
    return notes


def _pairs(title: str, pairs: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    if not pairs:
        return ()
    return (f"{title}: {'; '.join(f'{before} -> {after}' for before, after in pairs)}.",)
