"""The words by which a wish is sorted into slots, and the words that each engine expects.

Sets hold lower-case stems: a word belongs to a slot when it equals an entry or an entry plus a common ending.
"""

from itertools import pairwise
from typing import Final, Literal

Slot = Literal["who", "clothes", "background", "action", "camera", "shot", "style"]
Engine = Literal["kmc", "wan_animate", "wan_animate2", "scail2"]
ENGINES: Final[tuple[Engine, ...]] = ("kmc", "wan_animate", "wan_animate2", "scail2")


def _stems(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS: Final[dict[Slot, frozenset[str]]] = {
    "who": _stems(
        "woman man girl boy person child kid lady gentleman figure character hero heroine robot knight "
        "dancer "
        "singer soldier astronaut teacher doctor teenager adult elder grandmother grandfather people"
    ),
    "clothes": _stems(
        "dress shirt t-shirt blouse skirt trousers pants jeans shorts jacket coat suit hoodie sweater "
        "uniform "
        "kimono sari robe hat cap scarf glove boot shoe sneaker armor armour costume gown cloak cape apron "
        "tie "
        "glasses sunglasses helmet clothes outfit vest leggings swimsuit pyjamas"
    ),
    "background": _stems(
        "beach street room studio forest park city kitchen office garden desert mountain sky sea ocean lake "
        "river stage wall background sunset night rain snow bridge cafe station gym field meadow library "
        "castle "
        "space indoors outdoors backdrop bedroom living-room classroom market temple village roof rooftop"
    ),
    "action": _stems(
        "wave walk run danc jump clap sing talk speak smile laugh nod turn point kick punch sit stand bow "
        "spin "
        "stretch shrug cry frown blink look rais lift cheer wink yawn exercis play gestur explain breath act "
        "facepalm salut greet"
    ),
    "camera": _stems("camera pan zoom tilt dolly orbit tracking handheld static fixed crane"),
    "shot": _stems("close-up closeup full-body half-body portrait wide-shot headshot medium-shot bust"),
    "style": _stems(
        "realistic photorealistic cartoon anime watercolor watercolour painting sketch 3d cinematic photo "
        "render "
        "comic pixel-art clay film noir vintage lighting light bokeh"
    ),
}

# Earlier slots win a tie: camera and framing words are specific, the words for a person are not.
PRIORITY: Final[tuple[Slot, ...]] = ("camera", "shot", "action", "clothes", "background", "style", "who")

ENDINGS: Final = ("", "s", "es", "ed", "ing", "ning", "ting", "e", "er", "ly")
CONNECTORS: Final = (
    "in",
    "on",
    "at",
    "wearing",
    "dressed",
    "with",
    "inside",
    "under",
    "near",
    "against",
    "while",
)
NEGATIONS: Final = ("no ", "without ", "not ", "never ", "avoid ", "don't ")

NEGATIVE: Final[dict[Engine, str]] = {
    "kmc": "blurred, broken limbs, extra fingers",
    "wan_animate": "blurry, low quality, static, overexposed, subtitles, watermark, extra fingers, "
    "badly drawn hands, badly drawn face, deformed limbs, fused fingers, cluttered background",
    "wan_animate2": "blurry, low quality, overexposed, subtitles, watermark, extra fingers, deformed hands, "
    "deformed limbs, changing clothes, changing face",
    "scail2": "blurry, low quality, jpeg artifacts, subtitles, watermark, extra fingers, deformed hands, "
    "extra limbs, identity change, flickering",
}


def slot_of(text: str) -> Slot | None:
    """The slot that most words of `text` belong to; None when no word is known."""
    words = [word.strip(".,!?:'\"()") for word in text.lower().split()]
    words += [f"{a}-{b}" for a, b in pairwise(words)]
    hits: dict[Slot, int] = {slot: sum(is_slot_word(word, slot) for word in words) for slot in PRIORITY}
    best = max(PRIORITY, key=lambda slot: hits[slot])
    return best if hits[best] else None


def is_slot_word(word: str, slot: Slot) -> bool:
    """True when `word` is an entry of the slot, up to a common ending (waves, waving, danced)."""
    return any(
        word.removesuffix(ending) in WORDS[slot]
        or (ending == "ing" and word.removesuffix("ing") + "e" in WORDS[slot])
        for ending in ENDINGS
        if word.endswith(ending) and len(word) > len(ending) + 1
    )
