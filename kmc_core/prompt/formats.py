"""What each engine's prompts look like: the order of their parts, their words, their negative.

KMC speaks the captions that it was trained on, "<who> in <clothes>, <background>, <action>, <camera>,
<shot>", in their few words. Wan-Animate and Wan-Animate-2 take appearance and background in the positive
prompt and read the movement from the motion: action words belong to the motion prompt. SCAIL-2 was trained
on long, detailed text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from .lexicon import (
    NOUNS,
    NUMBERS,
    PREPOSITIONS,
    SMALL_WORDS,
    article,
    content_words,
    entries,
    listed,
    plural,
    singular,
)

Engine = Literal["kmc", "wan_animate", "wan_animate2", "scail2"]
ENGINES: Final[tuple[Engine, ...]] = ("kmc", "wan_animate", "wan_animate2", "scail2")
STILL: Final = "fixed camera"

NEGATIVE: Final[Mapping[Engine, str]] = {
    "kmc": "blurred, broken limbs, extra fingers",
    "wan_animate": "blurry, low quality, static, overexposed, subtitles, watermark, extra fingers, "
    "badly drawn hands, badly drawn face, deformed limbs, fused fingers, cluttered background",
    "wan_animate2": "blurry, low quality, overexposed, subtitles, watermark, extra fingers, deformed hands, "
    "deformed limbs, changing clothes, changing face",
    "scail2": "blurry, low quality, jpeg artifacts, subtitles, watermark, extra fingers, deformed hands, "
    "extra limbs, identity change, flickering",
}
# This engine was trained on long captions; these hold for every animation.
SCAIL2_DETAILS: Final = (
    "The identity, the face, the hair and the clothes stay consistent in every frame. The motion is "
    "natural and fluid, with detailed hands and a detailed, expressive face. Sharp focus, clean edges, "
    "steady exposure."
)
SCAIL2_WORDS: Final = 40  # a prompt of this engine has at least so many words

# Words that mean the same to the eye as one that the KMC animator saw in training.
_KMC_WORDS: Final[Mapping[str, str]] = {
    other: word
    for word, others in {
        "woman": "lady girl", "man": "gentleman guy boy dude", "trousers": "pants jeans leggings",
        "shirt": "t-shirt tshirt tee blouse sweater jumper pullover hoodie sweatshirt top",
        "red": "crimson scarlet maroon", "teal": "turquoise cyan", "purple": "violet lavender magenta",
        "grey": "gray", "blonde": "blond", "walking": "strolling wandering striding marching strutting",
        "clapping": "applauding", "talking": "speaking",
    }.items()
    for other in others.split()
}  # fmt: skip
_SHOTS: Final[Mapping[str, str]] = {
    name.replace("_", " "): shot
    for shot, names in {
        "full body": "full_body full-body full_shot full_length wide_shot long_shot wide_angle wide-angle",
        "half body": "half_body half-body half_shot upper_body waist_up medium_shot cowboy_shot",
        "close-up": "close-up closeup close_up extreme_close-up medium_close-up portrait headshot bust",
    }.items()
    for name in names.split()
}
_ARTICLES: Final = frozenset((*SMALL_WORDS["article"].split(), *NUMBERS, "number", "two"))
_UNCOUNTABLE: Final = listed(
    "armor armour clothing attire jewelry jewellery lace flannel lingerie makeup make-up hair denim leather "
    "skin metal chrome fur physique clothes people audience"
)
_PREPOSITIONS: Final = frozenset(word.replace("_", " ").split()[0] for word in PREPOSITIONS.split())


@dataclass(frozen=True)
class Scene:
    """What a prompt speaks of, in words; a part can be empty."""

    who: tuple[str, ...] = ()
    clothes: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    light: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    camera: str = ""
    shot: tuple[str, ...] = ()
    style: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Texts:
    """What the text inputs of an engine take."""

    positive: str
    negative: str
    motion: str
    camera: str


def write(scene: Scene, engine: Engine) -> Texts:
    """The scene in the engine's format."""
    if engine == "kmc":
        scene, _ = in_kmc_words(scene)
    action, camera = ", ".join(scene.action), scene.camera or STILL
    motion = action or "moving naturally"
    if engine == "wan_animate2" and scene.camera not in ("", STILL):
        motion = f"{motion}, {scene.camera}"
    negative = ", ".join((*scene.avoid, NEGATIVE[engine]))
    if engine == "scail2":
        return Texts(_long(scene, camera), negative, motion, camera)
    place = (", ".join(scene.background) or "plain background", ", ".join(scene.light))
    shot, style = ", ".join(scene.shot), ", ".join(scene.style)
    if engine == "kmc":
        parts = (person(scene), *place, action, camera, shot, style)
    else:
        parts = (person(scene), *place, shot, style)
    return Texts(", ".join(part for part in parts if part), negative, motion, camera)


def person(scene: Scene) -> str:
    """ "a woman with long hair in a red dress and a hat"."""
    first, *others = (with_article(phrase) for phrase in named(scene.who))
    who = first
    for phrase in others:
        who += f" {phrase}" if phrase.split()[0] in _PREPOSITIONS else f", {phrase}"
    worn = [with_article(re.sub(r"^(?:in|wearing|dressed in|with) ", "", phrase)) for phrase in scene.clothes]
    if not worn:
        return who
    return f"{who} in {', '.join(worn[:-1])}{' and ' if len(worn) > 1 else ''}{worn[-1]}"


def named(who: tuple[str, ...]) -> tuple[str, ...]:
    """ "a person" where nobody is named: "with long hair" -> "a person with long hair"."""
    first = who[0] if who else ""
    if first and not first.startswith("with "):
        return who
    return (f"a person {first}".strip(), *who[1:])


def with_article(phrase: str) -> str:
    """The phrase with "a" before it when it names one countable thing and has no article."""
    words = phrase.split()
    upto = next((i for i, word in enumerate(words) if i and word in _PREPOSITIONS | {"and", ","}), len(words))
    head = words[upto - 1]
    entry = entries().get(head.lower())
    counted = words[0].lower() in _ARTICLES or words[0].isdigit() or words[0] in _PREPOSITIONS
    if entry is None or not entry.tags & set(NOUNS) or counted or head in _UNCOUNTABLE:
        return phrase
    if singular(head) != head or plural(head) == head or (head.endswith("s") and not head.endswith("ss")):
        return phrase
    return f"{article(phrase)} {phrase}"


def _long(scene: Scene, camera: str) -> str:
    """SCAIL-2: whole sentences."""
    shot = ", ".join(scene.shot) or "video"
    framed = shot if re.search(r"shot|view|portrait|close-up|video", shot) else f"{shot} shot"
    doing = ", ".join(scene.action) or "moving naturally"
    place = ", ".join(scene.background) or "plain background"
    starts = place.split()[0] in _PREPOSITIONS
    sentences = [
        f"{article(framed).capitalize()} {framed} of {person(scene)}.",
        f"{_subject(scene)} {doing}, and the whole movement is shown clearly from beginning to end.",
        f"The scene is set {place}." if starts else f"The setting: {place}.",
        f"The light: {', '.join(scene.light)}." if scene.light else "",
        *(
            f"The {move}." if move.startswith("camera") else f"Filmed with a {move}."
            for move in camera.split(", ")
        ),
        f"The style: {', '.join(scene.style)}." if scene.style else "",
        SCAIL2_DETAILS,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _subject(scene: Scene) -> str:
    """ "The young man is", "Two dancers are", from the first of who."""
    who = with_article(named(scene.who)[0])
    short = re.split(r" (?:with|in|of|who) ", who)[0]
    short = re.sub(r"^(?:a|an) ", "the ", short)
    head = short.split()[-1].lower()
    several = " and " in short or singular(head) != head or head == "people"
    return f"{short[0].upper()}{short[1:]} {'are' if several else 'is'}"


def in_kmc_words(scene: Scene) -> tuple[Scene, tuple[tuple[str, str], ...]]:
    """The scene with words that the animator was trained on in the place of their synonyms, and which were
    replaced: (as written, as trained).
    """
    replaced: dict[str, str] = {}

    def trained(phrase: str) -> str:
        words = []
        for word in phrase.split():
            known = _KMC_WORDS.get(word)
            if known:
                replaced[word] = known
            words.append(known or word)
        return " ".join(words)

    def framed(shot: str) -> str:
        known = _SHOTS.get(shot, shot)
        if known != shot:
            replaced[shot] = known
        return known

    changed = replace(
        scene,
        who=tuple(trained(phrase) for phrase in scene.who),
        clothes=tuple(trained(phrase) for phrase in scene.clothes),
        action=tuple(trained(phrase) for phrase in scene.action),
        shot=tuple(dict.fromkeys(framed(shot) for shot in scene.shot)),
    )
    return changed, tuple(replaced.items())


def shot_kind(shot: str) -> str:
    """ "full body", "half body" or "close-up" when the words are those of one of them, else ""."""
    return _SHOTS.get(shot, "")


def problems(texts: Texts, scene: Scene, engine: Engine) -> tuple[str, ...]:
    """What is wrong with prompts for this engine, in words; empty when they keep its format."""
    said, found = content_words(texts.positive), []
    for name in ("positive", "negative", "motion", "camera"):
        text = getattr(texts, name)
        if not text.strip() or re.search(r"\n|\s{2}|,\s*,|\s,|^,|,\s*$", text):
            found.append(f"{name} is empty or badly punctuated")
    if not texts.negative.endswith(NEGATIVE[engine]):
        found.append("the negative lacks the engine's own")
    appearance = (*scene.who, *scene.clothes, *scene.background, *scene.light, *scene.style)
    wanted = content_words(" ".join((*appearance, *scene.action, *scene.shot)))
    for phrase in scene.avoid:
        if (unwanted := content_words(phrase)) and unwanted <= said - wanted:
            found.append(f"'{phrase}' is not wanted and in the positive")
    moves = {word for word in content_words(" ".join(scene.action)) if word.endswith("ing")}
    seen = content_words(" ".join(appearance))
    if engine in ("wan_animate", "wan_animate2"):
        if fights := moves & said - seen:
            found.append(f"movement in the positive: {', '.join(sorted(fights))}")
        if "camera" in said - seen:
            found.append("camera in the positive")
    if engine == "kmc" and not _in_order(texts, scene):
        found.append("the parts are not in the order of the training captions")
    if engine == "scail2" and len(texts.positive.split()) < SCAIL2_WORDS:
        found.append(f"fewer than {SCAIL2_WORDS} words")
    return tuple(found)


def _in_order(texts: Texts, scene: Scene) -> bool:
    """who in clothes, background, light, action, camera, shot, style"""
    scene, _ = in_kmc_words(scene)
    parts = (
        person(scene),
        *scene.background,
        *scene.light,
        *scene.action,
        texts.camera,
        *scene.shot,
        *scene.style,
    )
    rest = texts.positive
    for part in parts:
        if part not in rest:
            return False
        rest = rest.split(part, 1)[1]
    return True
