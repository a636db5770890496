"""Procedural body motion: gestures as hand targets, solved by two-bone kinematics on the person's own arms.

Everything is in the body's rest axes (x to the person's left, y backwards, z up). Time runs in seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rest = dict[str, Array]  # bone head positions of one person, metres


@dataclass
class Act:
    """What the body does over F frames; angles in radians. Filled in by one gesture, then posed."""

    hands: dict[str, Array]  # side -> [F, 3] wrist targets
    poles: dict[str, Array]  # side -> [3] or [F, 3] direction in which the elbow points
    palms: dict[str, Array | None]  # side -> [3] direction that the palm faces, None keeps the forearm's
    curls: dict[str, Array]  # side -> [F, 5] finger curl, thumb first
    spine: Array  # [F, 3] bend (x), lean (y), turn (z) of the whole trunk
    head: Array  # [F, 3] nod, tilt, turn relative to the trunk
    legs: dict[str, Array] = field(default_factory=dict)  # side -> [F, 3] hip swing, hip spread, knee
    hips: Array | None = None  # [F, 3] shift of the root, metres


def neutral(rest: Rest, frames: int, rng: np.random.Generator) -> Act:
    """Standing at ease, arms hanging, a little different each time."""
    hands, poles, palms, curls = {}, {}, {}, {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        drop = np.array([sign * rng.uniform(0.1, 0.3), rng.uniform(-0.25, -0.05), -rng.uniform(0.88, 0.95)])
        hands[side] = np.tile(rest[f"upperarm01.{side}"] + _reach(rest, side) * drop, (frames, 1))
        poles[side] = np.array([0.3 * sign, 1.0, -0.1])
        palms[side] = np.array([-sign, 0.0, 0.0])
        curls[side] = np.tile(rng.uniform(0.1, 0.5, 5) * [0.5, 1, 1, 1, 1], (frames, 1))
    spine = np.tile(rng.normal(size=3) * 0.03, (frames, 1))
    head = np.tile(rng.normal(size=3) * 0.06, (frames, 1))
    legs = {
        s: np.tile([rng.normal() * 0.04, rng.uniform(-0.05, 0.08), rng.uniform(0, 0.06)], (frames, 1))
        for s in "LR"
    }
    return Act(hands, poles, palms, curls, spine, head, legs)


def _reach(rest: Rest, side: str) -> float:
    a, b, c = (rest[f"{k}.{side}"] for k in ("upperarm01", "lowerarm01", "wrist"))
    return float(np.linalg.norm(b - a) + np.linalg.norm(c - b))


def _sign(side: str) -> float:
    return 1.0 if side == "L" else -1.0


def _from_shoulder(
    rest: Rest, side: str, out: Array | float, forward: Array | float, up: Array | float
) -> Array:
    """Targets [F, 3] relative to the shoulder in arm lengths."""
    offset = np.stack(
        np.broadcast_arrays(_sign(side) * np.asarray(out), -np.asarray(forward), np.asarray(up)), -1
    )
    return rest[f"upperarm01.{side}"] + _reach(rest, side) * offset


def _wave(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    side = str(rng.choice(["L", "R"]))
    swing = rng.uniform(0.15, 0.3) * np.sin(2 * np.pi * rng.uniform(0.9, 1.8) * t)
    act.hands[side] = _from_shoulder(
        rest, side, rng.uniform(0.45, 0.6) + swing, rng.uniform(0.1, 0.3), rng.uniform(0.45, 0.7)
    )
    act.poles[side] = np.array([0.8 * _sign(side), 0.3, -0.8])
    act.palms[side] = np.array([0.0, -1.0, 0.0])
    act.curls[side] = np.full((len(t), 5), rng.uniform(0, 0.15))


def _clap(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    apart = 0.02 + rng.uniform(0.08, 0.2) * (0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1, 2.2) * t))
    centre = (rest["upperarm01.L"] + rest["upperarm01.R"]) / 2
    height, forward = rng.uniform(-0.4, 0.1), rng.uniform(0.5, 0.65)
    for side in "LR":
        reach = _reach(rest, side)
        act.hands[side] = centre + reach * np.stack(
            [_sign(side) * (apart + 0.05), 0 * t - forward, 0 * t + height], -1
        )
        act.palms[side] = np.array([-_sign(side), 0.0, 0.0])
        act.poles[side] = np.array([0.7 * _sign(side), 0.2, -0.7])
        act.curls[side] = np.full((len(t), 5), 0.05)


def _point(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    side = str(rng.choice(["L", "R"]))
    out, up = rng.uniform(-0.3, 0.8), rng.uniform(-0.2, 0.5)
    move = 0.15 * np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * t)
    act.hands[side] = _from_shoulder(rest, side, out + move, rng.uniform(0.5, 0.8), up + 0.5 * move)
    act.palms[side] = np.array([0.0, 0.0, -1.0])
    act.curls[side] = np.tile([0.8, 0.0, 1.5, 1.5, 1.5], (len(t), 1))


def _facepalm(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    side = str(rng.choice(["L", "R"]))
    eyes = (rest["eye.L"] + rest["eye.R"]) / 2
    act.hands[side] = eyes + np.stack(
        [0 * t + 0.03 * _sign(side), -0.1 - 0.05 * np.sin(3 * t) ** 2, 0 * t - 0.13], -1
    )
    act.poles[side] = np.array([0.6 * _sign(side), -0.5, -1.0])
    act.palms[side] = np.array([0.0, 1.0, 0.0])
    act.curls[side] = np.full((len(t), 5), 0.25)
    act.head[:, 0] += 0.25


def _hands_on_hips(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    for side in "LR":
        act.hands[side] = np.tile(rest[f"upperleg01.{side}"] + [_sign(side) * 0.1, -0.03, 0.1], (len(t), 1))
        act.poles[side] = np.array([1.0 * _sign(side), 0.35, 0.0])
        act.palms[side] = np.array([-_sign(side), 0.0, 0.0])
        act.curls[side] = np.full((len(t), 5), 0.6)
    act.spine[:, 2] += 0.15 * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * t)


def _nod(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    act.head[:, 0] += rng.uniform(0.15, 0.4) * np.sin(2 * np.pi * rng.uniform(0.8, 1.6) * t)


def _shake(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    act.head[:, 2] += rng.uniform(0.25, 0.55) * np.sin(2 * np.pi * rng.uniform(0.7, 1.5) * t)


def _sit(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    depth = 0.5 - 0.5 * np.cos(np.clip(2.2 * t, 0, np.pi))
    for side in "LR":
        act.legs[side] = np.stack([1.45 * depth, 0 * t - rng.uniform(0, 0.25), 1.5 * depth], -1)
        knee = rest[f"upperleg01.{side}"] + [0.03 * _sign(side), -0.38, 0.12]
        act.hands[side] = act.hands[side] + depth[:, None] * (knee - act.hands[side])
        act.palms[side] = np.array([0.0, 0.0, -1.0])
    act.spine[:, 0] += 0.35 * np.sin(np.pi * depth) + 0.05


def _walk(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    pace, stride = 2 * np.pi * rng.uniform(0.7, 1.2), rng.uniform(0.3, 0.6)
    for side in "LR":
        phase = pace * t + (0 if side == "L" else np.pi)
        swing = stride * np.sin(phase)
        act.legs[side] = np.stack([swing + 0.1, 0 * t, stride * 1.2 * np.clip(np.cos(phase), 0, 1) + 0.1], -1)
        act.hands[side] = _from_shoulder(rest, side, 0.15, 0.2 - 0.8 * swing, -0.85 + 0.2 * np.abs(swing))
    act.spine[:, 2] += 0.12 * np.sin(pace * t)


def _step(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    shift = rng.uniform(0.1, 0.25) * np.sin(2 * np.pi * rng.uniform(0.4, 0.9) * t)
    act.hips = np.stack([shift, 0 * t, 0 * t], -1)
    for side in "LR":
        lift = np.clip(_sign(side) * shift * 3, 0, 0.7)
        act.legs[side] = np.stack([lift, -0.6 * np.abs(shift) - 0.05, 1.4 * lift], -1)
    act.spine[:, 1] += 0.4 * shift


def _turn(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    act.spine[:, 2] += rng.uniform(0.3, 0.7) * np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * t)
    act.head[:, 2] += 0.3 * np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * t)


def _arms_raise(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    height = np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * t) * 1.1 + rng.uniform(0, 0.4)
    forward = rng.uniform(0.05, 0.5)
    for side in "LR":
        act.hands[side] = _from_shoulder(
            rest, side, 0.85 * np.cos(height) * (1 - 0.5 * forward), forward, 0.92 * np.sin(height)
        )
        act.poles[side] = np.array([0.2 * _sign(side), 1.0, -0.3])
        act.palms[side] = np.array([0.0, -1.0, -0.3])


def _reach_about(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    for side in "LR":
        centre = rng.uniform([0.0, 0.1, -0.8], [0.8, 0.8, 0.7])
        path = [c + smooth(t, rng, 0.22) for c in centre]
        act.hands[side] = _from_shoulder(rest, side, *path)
        act.poles[side] = np.array([0.6 * _sign(side), rng.uniform(0, 1), rng.uniform(-1, 0)])
        act.palms[side] = None if rng.random() < 0.5 else rng.normal(size=3)
        act.curls[side] = rng.uniform(0, 1.4, 5) * [0.6, 1, 1, 1, 1] + np.stack(
            [smooth(t, rng, 0.25) for _ in range(5)], -1
        )
    act.spine += np.stack([smooth(t, rng, a) for a in (0.08, 0.08, 0.2)], -1)
    act.head += np.stack([smooth(t, rng, a) for a in (0.12, 0.1, 0.3)], -1)


def _arms_crossed(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    for side in "LR":
        other = rest["upperarm01." + ("R" if side == "L" else "L")]
        act.hands[side] = np.tile(other * [0.55, 1, 1] + [0, -0.17, -0.24 + 0.05 * _sign(side)], (len(t), 1))
        act.poles[side] = np.array([0.6 * _sign(side), -0.2, -1.0])
        act.palms[side] = np.array([0.0, 1.0, 0.0])
    act.spine[:, 2] += smooth(t, rng, 0.1)


def _dance(act: Act, rest: Rest, t: Array, rng: np.random.Generator) -> None:
    _reach_about(act, rest, t, rng)
    _step(act, rest, t, rng)


GESTURES: Final[dict[str, tuple[str, Callable[[Act, Rest, Array, np.random.Generator], None]]]] = {
    "wave": ("waving", _wave),
    "clap": ("clapping", _clap),
    "point": ("pointing", _point),
    "facepalm": ("covering the face with a hand", _facepalm),
    "hips": ("standing with hands on the hips", _hands_on_hips),
    "nod": ("nodding", _nod),
    "shake": ("shaking the head", _shake),
    "sit": ("sitting down", _sit),
    "walk": ("walking on the spot", _walk),
    "step": ("stepping aside", _step),
    "turn": ("turning around", _turn),
    "raise": ("raising the arms", _arms_raise),
    "reach": ("moving the arms", _reach_about),
    "dance": ("dancing", _dance),
    "crossed": ("standing with crossed arms", _arms_crossed),
}
HELD_OUT: Final = ("crossed", "facepalm")  # seen by validation only
WHOLE_BODY: Final = ("sit", "walk", "step", "dance")  # little of them shows in a bust


def smooth(t: Array, rng: np.random.Generator, amount: float) -> Array:
    """A random smooth curve over times `t` [F], about `amount` high."""
    waves = [rng.normal() * np.sin(2 * np.pi * (0.35 * k * t + rng.random())) / k for k in (1, 2, 3)]
    return amount * np.sum(waves, axis=0)


def pose_act(act: Act, rest: Rest, yaw: Array) -> dict[str, Array]:
    """World rotations [F, 3, 3] per bone of an act by a person turned by `yaw` [F] radians."""
    frames = len(yaw)
    root = _euler(np.stack([0 * yaw, 0 * yaw, yaw], -1))
    out: dict[str, Array] = {"root": root}
    for bone, part in (
        ("spine05", 0.2),
        ("spine04", 0.4),
        ("spine03", 0.6),
        ("spine02", 0.8),
        ("spine01", 1.0),
    ):
        out[bone] = root @ _euler(act.spine * part)
    for bone, part in (("neck01", 0.25), ("neck02", 0.4), ("neck03", 0.6), ("head", 1.0)):
        out[bone] = out["spine01"] @ _euler(act.head * part)
    for side in "LR":
        out |= _arm(act, rest, side, out["spine01"])
        swing, spread, knee = act.legs.get(side, np.zeros((frames, 3))).T
        out[f"upperleg01.{side}"] = root @ _euler(np.stack([-swing, _sign(side) * spread, 0 * swing], -1))
        out[f"lowerleg01.{side}"] = out[f"upperleg01.{side}"] @ _euler(
            np.stack([knee, 0 * knee, 0 * knee], -1)
        )
        out[f"foot.{side}"] = out[f"lowerleg01.{side}"] @ _euler(
            np.stack([np.clip(swing - knee, -0.4, 0.3), 0 * knee, 0 * knee], -1)
        )
    return out


def _arm(act: Act, rest: Rest, side: str, trunk: Array) -> dict[str, Array]:
    shoulder, elbow, wrist = (rest[f"{k}.{side}"] for k in ("upperarm01", "lowerarm01", "wrist"))
    upper, fore = elbow - shoulder, wrist - elbow
    first, second = two_bones(
        shoulder, act.hands[side], float(np.linalg.norm(upper)), float(np.linalg.norm(fore)), act.poles[side]
    )
    bend = np.cross(first, second)
    rest_bend = np.cross(upper, fore)
    turn_upper = _frame(first, bend) @ _frame(upper[None], rest_bend[None]).transpose(0, 2, 1)
    turn_fore = _frame(second, bend) @ _frame(fore[None], rest_bend[None]).transpose(0, 2, 1)
    roll = _palm_roll(rest, side, second, turn_fore, act.palms[side])
    out = {f"upperarm01.{side}": trunk @ turn_upper, f"lowerarm01.{side}": trunk @ turn_fore}
    out[f"lowerarm02.{side}"] = trunk @ _about(second, 0.5 * roll) @ turn_fore
    out[f"wrist.{side}"] = trunk @ _about(second, roll) @ turn_fore
    return out | fingers(rest, side, act.curls[side], out[f"wrist.{side}"])


def two_bones(start: Array, target: Array, upper: float, fore: float, pole: Array) -> tuple[Array, Array]:
    """Unit directions [F, 3] of both bones whose chain ends at `target` [F, 3] or as near as it reaches."""
    way = target - start
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    axis = way / np.maximum(length, 1e-6)
    length = np.clip(length, abs(upper - fore) + 0.02, 0.985 * (upper + fore))
    out = np.broadcast_to(pole, axis.shape) - axis * (axis * pole).sum(-1, keepdims=True)
    out = out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6)
    along = (length**2 + upper**2 - fore**2) / (2 * length)
    elbow = axis * along + out * np.sqrt(np.maximum(upper**2 - along**2, 1e-6))
    hand = axis * length
    return elbow / upper, (hand - elbow) / fore


def _palm_roll(rest: Rest, side: str, fore: Array, turn: Array, facing: Array | None) -> Array:
    """Roll [F] about the forearm that turns the palm towards `facing`, within what a forearm can do."""
    if facing is None:
        return np.zeros(len(fore))
    index, little, wrist = (rest[f"{k}.{side}"] for k in ("finger2-1", "finger5-1", "wrist"))
    palm = np.cross(index - wrist, little - wrist) * _sign(side)
    now = turn @ (palm / np.linalg.norm(palm))
    now = now - fore * (now * fore).sum(-1, keepdims=True)
    want = facing - fore * (fore * facing).sum(-1, keepdims=True)
    angle = np.arctan2((fore * np.cross(now, want)).sum(-1), (now * want).sum(-1))
    return np.clip(angle, -1.6, 1.6)


def fingers(rest: Rest, side: str, curls: Array, wrist: Array) -> dict[str, Array]:
    """World rotations of the finger bones for curls [F, 5] in radians a joint."""
    index, little, base = (rest[f"{k}.{side}"] for k in ("finger2-1", "finger5-1", "wrist"))
    palm = np.cross(index - base, little - base) * _sign(side)
    out: dict[str, Array] = {}
    for finger in range(1, 6):
        direction = rest[f"finger{finger}-2.{side}"] - rest[f"finger{finger}-1.{side}"]
        axis = np.cross(direction, palm)
        axis = np.broadcast_to(axis / np.linalg.norm(axis), (len(curls), 3))
        total = np.zeros(len(curls))
        for joint in (1, 2, 3):
            total = total + curls[:, finger - 1] * (0.8 if joint == 1 else 1.0) * (
                0.5 if finger == 1 else 1.0
            )
            out[f"finger{finger}-{joint}.{side}"] = wrist @ _about(axis, total)
    return out


def _frame(axis: Array, normal: Array) -> Array:
    """[F, 3, 3] orthonormal columns: axis, normal made square to it, their cross product."""
    a = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    n = normal - a * (a * normal).sum(-1, keepdims=True)
    n = n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-9)
    return np.stack([a, n, np.cross(a, n)], -1)


def _about(axis: Array, angle: Array) -> Array:
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(axis * angle[:, None]).as_matrix()


def _euler(angles: Array) -> Array:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", angles).as_matrix()
