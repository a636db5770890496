"""What a person of a training clip does: gestures, motion capture, and the poses of other views."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from .acting import act_face
from .body import Body
from .gestures import GESTURES, HELD_OUT, WHOLE_BODY, fingers, neutral, pose_act, smooth
from .mocap import body_rotations
from .people import Person
from .staging import Shot
from .studio import MOCAP_ROWS, Split, Studio

Array = NDArray[np.float64]

FPS: Final = 12.0
FRAMES = 3
# Share of clips driven by motion capture; in a bust the head and mouth are what moves.
MOCAP_SHARE: Final[dict[Shot, float]] = {"full": 0.4, "half": 0.25, "face": 0.0}


@dataclass(frozen=True)
class Pose:
    """What F pictures show, before cameras: bone rotations and expressions of one person."""

    world: dict[str, Array]  # bone -> [F, 3, 3]
    face: dict[str, Array]  # action -> [F]
    shift: Array  # [F, 3] metres
    motion: str
    words: str


def posed(studio: Studio, person: Person, pose: Pose) -> dict[str, torch.Tensor]:
    """Mesh and bones of all frames of a pose."""
    frames = len(pose.shift)
    rotations = local_rotations(studio.body, pose.world, frames)
    known = [k for k in pose.face if k in studio.body.model.facial_action_labels]
    return studio.body.pose(person, rotations, np.stack([pose.face[k] for k in known], 1), known)


def local_rotations(body: Body, world: dict[str, Array], frames: int) -> Array:
    """[F, 104, 3, 3] relative to the parent bone; bones that `world` does not name follow their parent."""
    full: list[Array] = []
    local = np.tile(np.eye(3), (frames, len(body.bones), 1, 1))
    for index, (name, parent) in enumerate(zip(body.bones, body.parents, strict=True)):
        above = full[parent] if parent >= 0 else np.tile(np.eye(3), (frames, 1, 1))
        full.append(world.get(name, above))
        local[:, index] = above.transpose(0, 2, 1) @ full[-1]
    return local


def random_motion(
    studio: Studio, split: Split, shot: Shot, rest: dict[str, Array], rng: np.random.Generator
) -> Pose:
    """What the frames of a clip show: motion capture or a gesture, with a face that plays."""
    t = rng.uniform(0, 4) + np.arange(FRAMES) / FPS
    face = act_face(t, rng, 1.0 if shot == "face" else 0.5)
    if rng.random() < MOCAP_SHARE[shot]:
        return _captured(studio, split, t, rest, face, rng)
    return gesture(
        choose_gesture(split, shot, rng), t, rest, face, rng, _yaw(shot, rng), head_play=shot == "face"
    )


def choose_gesture(split: Split, shot: Shot, rng: np.random.Generator) -> str:
    """A gesture that the split may see and that shows in the shot."""
    if split == "val" and rng.random() < 0.5 and shot != "face":
        return str(rng.choice(HELD_OUT))
    names = [g for g in GESTURES if g not in HELD_OUT and not (shot == "face" and g in WHOLE_BODY)]
    if shot == "face" and rng.random() < 0.6:
        return str(rng.choice(["nod", "shake", "turn"]))
    return str(rng.choice([*names, "reach", "wave", "dance"] if shot != "face" else names))


def _yaw(shot: Shot, rng: np.random.Generator) -> float:
    """Turn of the whole person, radians: mostly towards the camera."""
    spread = {"full": 32, "half": 26, "face": 14}[shot]
    if shot == "full" and rng.random() < 0.06:
        return float(rng.uniform(-np.pi, np.pi))
    return float(np.radians(np.clip(rng.normal() * spread, -75, 75)))


def gesture(
    name: str,
    t: Array,
    rest: dict[str, Array],
    face: dict[str, Array],
    rng: np.random.Generator,
    yaw: float,
    *,
    head_play: bool,
) -> Pose:
    """A procedural gesture at times `t` [F]; `head_play` adds a close-up's lively head (up to 35 degrees)."""
    act = neutral(rest, len(t), rng)
    words, play = GESTURES[name]
    play(act, rest, t, rng)
    amount = (0.2, 0.12, 0.32) if head_play else (0.06, 0.05, 0.12)
    act.head += np.stack([rng.normal() * a + smooth(t, rng, a / 2) for a in amount], -1)
    act.head = np.clip(act.head, -0.61, 0.61)
    world = pose_act(act, rest, np.full(len(t), yaw))
    talks = face["jawOpen"].max() > 0.25 if "jawOpen" in face else False
    shift = act.hips if act.hips is not None else np.zeros((len(t), 3))
    return Pose(world, face, shift, name, words + (" and talking" if talks and head_play else ""))


def _captured(
    studio: Studio,
    split: Split,
    t: Array,
    rest: dict[str, Array],
    face: dict[str, Array],
    rng: np.random.Generator,
) -> Pose:
    """A stretch of motion capture, turned to a random side, with own fingers, head and arm variation."""
    files = MOCAP_ROWS[split]
    file = str(rng.choice(list(files)))
    mocap = studio.mocap[file]
    step = round(mocap.fps / FPS)
    low, high = (int(x * len(mocap.rows)) for x in files[file])
    start = int(rng.integers(low, high - step * FRAMES))
    world, root = body_rotations(mocap, mocap.rows[start : start + step * FRAMES : step], rest)
    forward = world["root"][FRAMES // 2] @ [0.0, -1.0, 0.0]
    turn = _about_z(_yaw("full", rng) - float(np.arctan2(forward[0], -forward[1])))
    world = {bone: turn @ rotation for bone, rotation in world.items()}
    world["head"] = world["neck02"] @ _euler(
        np.stack([rng.normal() * 0.15 + smooth(t, rng, 0.05) for _ in range(3)], -1)
    )
    for side in "LR":
        curl = rng.uniform(0.0, 0.9) + 0.2 * rng.normal(size=5) + np.stack([smooth(t, rng, 0.1)] * 5, -1)
        world |= fingers(rest, side, np.clip(curl, 0, 1.5), world[f"wrist.{side}"])
    path = (root - root[FRAMES // 2]) @ turn.T * [1, 1, 0]
    return Pose(world, face, path, f"{file}:{start}", "moving about")


def random_view(rest: dict[str, Array], view: int, shot: Shot, rng: np.random.Generator) -> Pose:
    """One picture of a reference view: 0 at ease towards the camera, 1 turned, 2 closer, otherwise posed."""
    t = rng.uniform(0, 4, 1)
    face = act_face(t, rng, 0.2)
    if view == 0:
        calm = {k: 0.35 * v for k, v in face.items()}
        pose = gesture("hips" if rng.random() < 0.1 else "nod", t, rest, calm, rng, 0.0, head_play=False)
        return Pose(pose.world, calm, pose.shift, pose.motion, pose.words)
    yaw = np.radians(rng.uniform(20, 75)) * rng.choice([-1, 1])
    if shot == "full" and rng.random() < 0.25:
        yaw = np.pi + rng.normal() * 0.4
    name = str(rng.choice(["reach", "turn", "wave", "walk"]))
    return gesture(
        name, t, rest, face, rng, float(yaw if view == 1 else rng.normal() * 0.35), head_play=shot == "face"
    )


def joined(poses: list[Pose]) -> Pose:
    """One pose of all frames, from the bones that all poses turn; actions missing in some are 0 there."""
    counts = [len(p.shift) for p in poses]
    bones = set.intersection(*(set(p.world) for p in poses))
    actions = sorted({k for p in poses for k in p.face})
    world = {b: np.concatenate([p.world[b] for p in poses]) for b in sorted(bones)}
    face = {
        k: np.concatenate([p.face.get(k, np.zeros(n)) for p, n in zip(poses, counts, strict=True)])
        for k in actions
    }
    return Pose(world, face, np.concatenate([p.shift for p in poses]), poses[0].motion, poses[0].words)


def grounding(studio: Studio, out: dict[str, torch.Tensor]) -> Array:
    """[F, 3] lift that puts the lowest skin of every frame on the floor, z = 0."""
    lift = np.zeros((len(out["vertices"]), 3))
    lift[:, 2] = -out["vertices"][:, studio.body.skin, 2].amin(1).numpy()
    return lift


def _about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _euler(angles: Array) -> Array:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", angles).as_matrix()
