"""Find, once, on which mesh vertex each face landmark sits: `python -m kmc_core.training.face_map`.

Faces of several people with several expressions are rendered from the front, the landmark net reads them, and
the visible vertex that stays nearest over all pictures is kept. Opened mouths and closed eyes tell lips and
lids apart; left and right are made alike.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..motion.face_mesh import FIRST_IRIS
from ..motion.skeleton import FACE_LANDMARKS
from ..perception.nets import Net, load_net
from . import shading
from .annotate import FACE_VERTICES_FILE
from .body import Body
from .people import random_person, shape_person
from .render import Camera, Light, Renderer

Array = NDArray[np.float64]
PEOPLE: Final = 8
DEPTH_WEIGHT: Final = (
    0.25  # the net's depth is rougher than its place in the picture, but it tells cheek from ear
)
EXPRESSIONS: Final = (
    {},
    {"jawOpen": 0.6},
    {"eyeBlinkLeft": 0.8, "eyeBlinkRight": 0.8},
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8},
    {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    {"mouthPucker": 0.7},
)
CROP_OVER_FACE: Final = 1.5  # the landmark net was made for crops this much larger than the face


def find_vertices(net: Net, body: Body, seed: int) -> tuple[NDArray[np.intp], float]:
    """[478] vertex indices and the mean distance that remains, as a share of the face's size."""
    renderer = Renderer(body.rest, body.paint, body.triangles)
    rng = np.random.default_rng(seed)
    cost = np.zeros((FACE_LANDMARKS, len(body.rest)))
    mean = np.zeros((FACE_LANDMARKS, 3))
    for index in range(PEOPLE):
        distances, landmarks = _person_cost(net, body, renderer, rng, index)
        cost, mean = cost + distances, mean + landmarks
    cost = (cost + cost[_mirror(mean)][:, _mirror(body.rest)]) / 2
    iris = np.arange(FACE_LANDMARKS) >= FIRST_IRIS
    cost[np.ix_(iris, body.kind != shading.EYE)] = np.inf
    cost[np.ix_(~iris, body.kind != shading.SKIN)] = np.inf
    best = cost.argmin(1)
    count = PEOPLE * len(EXPRESSIONS)
    return best, float(np.sqrt(cost[np.arange(FACE_LANDMARKS), best] / count).mean())


def _mirror(points: NDArray[Any]) -> NDArray[np.intp]:
    """The index of every point's mirror image in a symmetric set [N, 3] (x across)."""
    from scipy.spatial import KDTree

    middle = (points[:, 0].max() + points[:, 0].min()) / 2
    return np.asarray(
        KDTree(points).query((points - [middle, 0, 0]) * [-1, 1, 1] + [middle, 0, 0])[1], np.intp
    )


def _person_cost(
    net: Net, body: Body, renderer: Renderer, rng: np.random.Generator, index: int
) -> tuple[Array, Array]:
    """Costs [478, V] and landmarks [478, 3] of a person, summed over the expressions."""
    person = shape_person(random_person(f"face {index}", rng), body, rng)
    bald = dict(person.look) | {"style": (1.0, 1.0, 0.79, 0.0), "beard": (0.0, 0.0, 0.0)}
    person = replace(person, look=bald, shape={k: 0.6 * v for k, v in person.shape.items()})
    actions = sorted({k for e in EXPRESSIONS for k in e})
    values = np.array([[e.get(k, 0.0) for k in actions] for e in EXPRESSIONS])
    still = np.tile(np.eye(3), (len(values), len(body.bones), 1, 1))
    meshes = body.pose(person, still, values, actions)["vertices"].numpy()
    pictures = [_picture_cost(net, renderer, mesh, person.look) for mesh in meshes]
    return np.sum([cost for cost, _ in pictures], axis=0), np.sum([points for _, points in pictures], axis=0)


def _picture_cost(net: Net, renderer: Renderer, mesh: NDArray[np.float32], look: Any) -> tuple[Array, Array]:
    """[478, V] squared distances over the face's size (hidden vertices are far); landmarks [478, 3]."""
    head = mesh[np.linalg.norm(renderer.rest - [0, -0.13, 0.7], axis=1) < 0.11]
    centre, side = (head.max(0) + head.min(0)) / 2, 0.27
    landmarks, camera, depth, eye = np.zeros((0, 3)), None, None, centre
    for _ in range(3):  # the first crop is a guess, the next ones follow the landmarks
        eye = np.array([centre[0], centre[1] - 2.2, centre[2]])
        camera = Camera(
            tuple(eye), tuple(centre), (256, 256), 2 * float(np.degrees(np.arctan(side / 2 / 2.2)))
        )
        picture = renderer.draw(mesh, camera, Light(), look, 3)
        depth = renderer.depth(camera, 3)
        alpha = picture[..., 3:] / 255
        image = torch.from_numpy(picture[..., :3] / 255 + (1 - alpha) * 0.55).permute(2, 0, 1)[None].float()
        outputs = net(image)
        landmarks = next(y for y in outputs if y.numel() == FACE_LANDMARKS * 3).reshape(-1, 3).numpy()
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        middle = ((low + high) / 2 - 128) / 256 * side
        centre = np.add(centre, [middle[0], 0, -middle[1]])
        side = float((high - low).max() / 256 * side * CROP_OVER_FACE)
    assert camera is not None and depth is not None
    seen = camera.project(mesh)
    column, row = np.clip(seen[:, :2].astype(int), 0, 255).T
    hidden = seen[:, 2] > depth[row, column] + 0.006
    size = np.ptp(landmarks[:, :2], axis=0).max()
    distance = ((landmarks[:, None, :2] - seen[None, :, :2]) ** 2).sum(-1) / size**2
    away = (seen[:, 2] - np.linalg.norm(centre - eye)) * camera.focal / np.linalg.norm(centre - eye)
    nearest = np.where(hidden | (renderer.kind != shading.SKIN), np.inf, distance).argmin(1)
    origin = np.median(landmarks[:, 2] - away[nearest])
    distance += DEPTH_WEIGHT * ((landmarks[:, 2, None] - origin - away) / size) ** 2
    return np.minimum(distance, 0.05) + 0.002 * hidden[None], landmarks


def main() -> None:
    """Write the data file beside this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path("weights/perception"))
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    net = load_net("face_landmarks", arguments.weights, device="cpu")
    vertices, distance = find_vertices(net, Body(), arguments.seed)
    command = f"python -m kmc_core.training.face_map --seed {arguments.seed}"
    record = {
        "made_by": command,
        "mean_distance_over_face": round(distance, 5),
        "vertices": vertices.tolist(),
    }
    FACE_VERTICES_FILE.write_text(json.dumps(record) + "\n")
    print(f"{FACE_VERTICES_FILE}: {len(set(vertices.tolist()))} vertices, {distance:.2%} of the face away")


if __name__ == "__main__":
    main()
