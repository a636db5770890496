"""Motion capture: read BVH files and put their joint rotations on the body's bones.

The files used are two clips of the CMU motion capture database (free for any use) that Debian ships in
`assimp-testmodels`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import KMCError

Array = NDArray[np.float64]
DEFAULT_FOLDER: Final = Path("/usr/share/assimp/models/BVH")

# BVH is y up facing +z, the body is z up facing -y.
_AXES: Final = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_TRUNK: Final = {
    "Hips": "root",
    "LowerBack": "spine05",
    "Spine": "spine03",
    "Spine1": "spine01",
    "Neck": "neck01",
    "Neck1": "neck02",
    "Head": "head",
}
_SIDE: Final = {
    "Shoulder": "clavicle",
    "Arm": "upperarm01",
    "ForeArm": "lowerarm01",
    "Hand": "wrist",
    "UpLeg": "upperleg01",
    "Leg": "lowerleg01",
    "Foot": "foot",
}
# Bones whose rest direction differs between the two skeletons: (bone, its child) fixes the direction.
_ALIGNED: Final = {
    "Arm": ("upperarm01", "lowerarm01"),
    "ForeArm": ("lowerarm01", "wrist"),
    "UpLeg": ("upperleg01", "lowerleg01"),
    "Leg": ("lowerleg01", "foot"),
}
METRES_PER_UNIT: Final = 0.056  # the CMU conversion's length unit (0.45 scale of an inch-based skeleton)


@dataclass(frozen=True)
class Mocap:
    """A read BVH file."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array  # [J, 3]
    channels: tuple[tuple[str, ...], ...]
    rows: Array  # [F, C]
    fps: float


def read_bvh(path: Path) -> Mocap:
    """Parse a BVH file."""
    if not path.is_file():
        raise KMCError(
            f"Expected motion capture at {path}, found no file; install assimp-testmodels or give its folder."
        )
    head, _, tail = path.read_text().partition("MOTION")
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    stack: list[int] = []
    for words in (line.split() for line in head.splitlines()):
        if not words:
            continue
        if words[0] in ("ROOT", "JOINT", "End"):
            names.append(words[1])
            parents.append(stack[-1] if stack else -1)
            channels.append(())
        elif words[0] == "{":
            stack.append(len(names) - 1)
        elif words[0] == "}":
            stack.pop()
        elif words[0] == "OFFSET":
            offsets.append([float(x) for x in words[1:4]])
        elif words[0] == "CHANNELS":
            channels[-1] = tuple(words[2:])
    lines = [line for line in tail.splitlines() if line.strip()]
    rows = np.array([[float(x) for x in line.split()] for line in lines[2:]])
    return Mocap(
        tuple(names),
        tuple(parents),
        np.array(offsets),
        tuple(channels),
        rows,
        1 / float(lines[1].split()[-1]),
    )


def body_rotations(mocap: Mocap, rows: Array, rest: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """World rotations [F, 3, 3] per bone and the root's path [F, 3] in metres; `rest` has bone heads."""
    world, root = _world(mocap, rows)
    turns = _rest_corrections(mocap, rest)
    out: dict[str, Array] = {}
    for index, name in enumerate(mocap.names):
        side = {"L": "Left", "R": "Right"}
        bone = _TRUNK.get(name)
        for mark, prefix in side.items():
            if name.startswith(prefix) and name.removeprefix(prefix) in _SIDE:
                bone = f"{_SIDE[name.removeprefix(prefix)]}.{mark}"
        if bone is not None:
            out[bone] = _AXES @ world[index] @ _AXES.T @ turns.get(name, np.eye(3))
    return out, root @ _AXES.T * METRES_PER_UNIT


def _world(mocap: Mocap, rows: Array) -> tuple[list[Array], Array]:
    """World rotation [F, 3, 3] of every joint and the root position [F, 3], BVH axes."""
    from scipy.spatial.transform import Rotation

    world: list[Array] = []
    root, used = np.zeros((len(rows), 3)), 0
    for parent, channels in zip(mocap.parents, mocap.channels, strict=True):
        local: Any = np.tile(np.eye(3), (len(rows), 1, 1))
        values = rows[:, used : used + len(channels)]
        used += len(channels)
        turning = [i for i, c in enumerate(channels) if c.endswith("rotation")]
        if turning:
            order = "".join(channels[i][0] for i in turning).upper()
            local = Rotation.from_euler(order, values[:, turning], degrees=True).as_matrix()
        if len(channels) == 6:
            root = values[:, :3]
        world.append(local if parent < 0 else world[parent] @ local)
    return world, root


def _rest_corrections(mocap: Mocap, rest: dict[str, Array]) -> dict[str, Array]:
    """Rotation that brings the body's rest direction of a limb onto the BVH skeleton's."""
    turns: dict[str, Array] = {}
    for prefix, mark in (("Left", "L"), ("Right", "R")):
        for joint, (bone, child) in _ALIGNED.items():
            end = mocap.parents.index(mocap.names.index(prefix + joint))
            ours = rest[f"{child}.{mark}"] - rest[f"{bone}.{mark}"]
            turns[prefix + joint] = shortest_rotation(ours, _AXES @ mocap.offsets[end])
        turns[prefix + "Hand"] = turns[prefix + "ForeArm"]
    return turns


def shortest_rotation(a: Array, b: Array) -> Array:
    """[3, 3] that turns direction `a` into direction `b` the short way (not for opposite directions)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    x, y, z = np.cross(a, b)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + a @ b)
