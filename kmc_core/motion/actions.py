"""Actions: what somebody does in a motion, named by rules on what the joints do, with a measure of certainty.

Every rule marks frames; marks become frame ranges. Distances are torso lengths (about half a metre), times
seconds, so that children, adults and drawn characters are judged alike.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .bones import SEEN
from .contacts import moving, spans
from .evidence import Evidence, turning_points
from .skeleton import JOINT
from .solid import SIDES, Side, Solid
from .types import Action, Contact, Track

WINDOW: Final = 1.6  # seconds around a frame in which somebody turns or goes aside
SWAY: Final = 1.2  # seconds that one way of a swinging hand or leg takes at most
SHAKE: Final = 0.8  # the same of a head
SPREAD: Final = 0.3  # seconds that a mark reaches around it, so that brief pauses do not end an action
STEADY: Final = 0.1  # seconds to both sides over which a hand's speed is taken
SHORTEST: Final = 0.4  # seconds that an action lasts
BUSY: Final = 0.5  # torso lengths a second from which on a hand gestures
LIFTED: Final = -0.75  # torso lengths above the shoulder from which on a hand is off the body; hips are at -1
DANCING: Final = -0.4  # the same for hands that do more than swing beside a walk
WAVING: Final = 0.07  # torso lengths that a waving hand swings to each side, at least
WAVING_HEIGHT: Final = -0.2
CLAPPING: Final = 0.05  # torso lengths that clapping hands part from their middle distance
CLAPPING_NEAR: Final = 0.3
ABOVE: Final = 0.1  # torso lengths above the shoulders that raised arms reach
TOGETHER: Final = 0.4  # torso lengths by which the two hands of raised arms differ in height
NODDING, SHAKING = 0.1, 0.17  # radians that a head turns to each side
SITTING: Final = 0.95  # radians between trunk and thighs; 0 stands
STEPPING: Final = 0.05  # torso lengths that one foot rises above the other
STRIDING: Final = 0.4  # torso lengths by which a foot passes the other in a walk
RUNNING: Final = 1.3  # pairs of steps a second from which on a walk is a run
FLYING: Final = 0.18  # torso lengths by which both feet rise at once in a jump
TURNING: Final = 0.45  # radians that the shoulders turn
SIDEWAYS: Final = 0.22  # torso lengths of a step to the side
FACING: Final = 0.7  # cosine of the turn up to which moving across the picture is moving sideways
EXTENDED: Final = 0.4  # palm lengths by which a pointing index reaches further than the other fingers
INDEX, OTHERS, KNUCKLE = 8, (12, 16, 20), 5  # points of a hand

Rule = Callable[[Evidence], Tensor]


def find_actions(track: Track, body: Solid, contacts: tuple[Contact, ...], fps: float) -> tuple[Action, ...]:
    """Named actions in the order of their start; "idle" where nothing else is seen."""
    evidence = Evidence(track, body, contacts, fps)
    shortest = max(1, min(round(SHORTEST * fps), evidence.frames))
    marks = {name: rule(evidence) for name, rule in RULES.items()}
    for name, hidden in HIDES.items():
        for other in hidden:
            marks[other] = marks[other] * (marks[name] < 0.5)
    marks["idle"] = (torch.stack(list(marks.values())).amax(dim=0) < 0.5).float()
    actions = [
        Action(name, start, end, evidence.certainty(start, end))
        for name, mark in marks.items()
        for start, end in spans(-mark, -0.5, -0.5, shortest)
    ]
    return tuple(sorted(actions, key=lambda action: (action.start, action.name)))


def _either(evidence: Evidence, rule: Callable[[Evidence, Side], Tensor]) -> Tensor:
    return torch.maximum(rule(evidence, "left"), rule(evidence, "right"))


def _both(evidence: Evidence, rule: Callable[[Evidence, Side], Tensor]) -> Tensor:
    return torch.minimum(rule(evidence, "left"), rule(evidence, "right"))


def _hand_height(evidence: Evidence, side: Side) -> Tensor:
    """[F] height of a hand above its shoulder in torso lengths; far below where it is not seen."""
    height = evidence.joint(f"{side[0]}_shoulder")[:, 1] - evidence.joint(f"{side[0]}_wrist")[:, 1]
    joints = [JOINT[f"{side[0]}_{name}"] for name in ("shoulder", "wrist")]
    return height.masked_fill(~evidence.body.seen[:, joints].all(dim=1), -9.0)


def _facepalm(evidence: Evidence) -> Tensor:
    return _either(evidence, lambda e, side: e.touching("hand-face", side))


def _hands_on_hips(evidence: Evidence) -> Tensor:
    return _both(evidence, lambda e, side: e.touching("hand-hip", side))


def _cross_arms(evidence: Evidence) -> Tensor:
    return _both(evidence, lambda e, side: e.touching("hand-arm", side))


def _clap(evidence: Evidence) -> Tensor:
    """Hands that part and meet again, both in front."""
    apart = (evidence.body.palms[:, 0] - evidence.body.palms[:, 1]).norm(dim=-1) / evidence.body.torso
    near = _spread((apart < CLAPPING_NEAR).float(), evidence.fps)
    lifted = _both(evidence, lambda e, side: (_hand_height(e, side) > LIFTED).float())
    return evidence.repeats(apart, CLAPPING, SHAKE) * near * lifted


def _wave(evidence: Evidence) -> Tensor:
    """A lifted hand that swings from side to side more than up and down."""

    def waves(e: Evidence, side: Side) -> Tensor:
        path = e.joint(f"{side[0]}_wrist") - e.joint(f"{side[0]}_shoulder")
        across = torch.hypot(path[:, 0] - path[:, 0].mean(), path[:, 2] - path[:, 2].mean())
        sideways = across.square().mean() > (path[:, 1] - path[:, 1].mean()).square().mean()
        touches = torch.maximum(e.touching("hand-face", side), e.touching("hand-hand", side))
        lifted = (_hand_height(e, side) > WAVING_HEIGHT) & ~touches.bool()
        swing = torch.maximum(e.repeats(path[:, 0], WAVING, SWAY), e.repeats(path[:, 2], WAVING, SWAY))
        return swing * lifted * sideways * (1 - _pointing(e, side))

    return _either(evidence, waves)


def _pointing(evidence: Evidence, side: Side) -> Tensor:
    """A hand off the body with the index stretched and the others folded."""
    if evidence.track.hands is None:
        return torch.zeros(evidence.frames)
    hand = evidence.track.hands[:, SIDES[side]].float()
    reach = (hand[..., :3] - hand[:, :1, :3]).norm(dim=-1)
    palm = reach[:, KNUCKLE].clamp(min=1e-6)
    further = (reach[:, INDEX] - reach[:, list(OTHERS)].amax(dim=1)) / palm
    seen = hand[:, [INDEX, *OTHERS], 3].amin(dim=1) >= SEEN
    return ((further > EXTENDED) & seen & (_hand_height(evidence, side) > LIFTED)).float()


def _point(evidence: Evidence) -> Tensor:
    return _either(evidence, _pointing)


def _nod(evidence: Evidence) -> Tensor:
    yaw, pitch = evidence.head
    return evidence.repeats(pitch, NODDING, SHAKE) * (1 - evidence.repeats(yaw, SHAKING, SHAKE))


def _shake_head(evidence: Evidence) -> Tensor:
    return evidence.repeats(evidence.head[0], SHAKING, SHAKE)


def _turn(evidence: Evidence) -> Tensor:
    """Shoulders that turn far from where they mostly face."""
    turn = evidence.turn
    return _range_over(turn[:, None], evidence, TURNING)


def _sit(evidence: Evidence) -> Tensor:
    def bent(e: Evidence, side: Side) -> Tensor:
        trunk = e.joint("pelvis") - e.joint("neck")
        thigh = e.joint(f"{side[0]}_knee") - e.joint(f"{side[0]}_hip")
        angle = torch.acos(torch.cosine_similarity(trunk, thigh, dim=-1).clamp(-1, 1))
        seen = e.body.seen[:, [JOINT[f"{side[0]}_hip"], JOINT[f"{side[0]}_knee"]]].all(dim=1)
        return ((angle > SITTING) & seen).float()

    return _both(evidence, bent)


def _jump(evidence: Evidence) -> Tensor:
    if evidence.lifted is None:
        return torch.zeros(evidence.frames)
    flies = (evidence.lifted.amin(dim=1) > FLYING) & (evidence.shift("pelvis")[:, 1] < -FLYING / 2)
    return _spread(flies.float(), evidence.fps) * (1 - _stepping(evidence))


def _stepping(evidence: Evidence) -> Tensor:
    """Feet that rise in turn."""
    if evidence.lifted is None:
        return torch.zeros(evidence.frames)
    return evidence.repeats(evidence.lifted[:, 0] - evidence.lifted[:, 1], STEPPING, SWAY)


def _sideways(evidence: Evidence) -> Tensor:
    """The whole body going to its own side."""
    facing = evidence.turn.cos().abs() > FACING
    return _goes(evidence, "pelvis") * facing


def _goes(evidence: Evidence, *names: str) -> Tensor:
    """[F] 1 where joints go across the picture."""
    return _range_over(evidence.shift(*names)[:, :1], evidence, SIDEWAYS)


def _striding(evidence: Evidence) -> Tensor:
    """Feet that pass each other, forwards."""
    across = evidence.joint("l_hip") - evidence.joint("r_hip")
    ahead = torch.stack([across[:, 2], torch.zeros_like(across[:, 0]), -across[:, 0]], dim=-1)
    ahead = ahead / ahead.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    apart = ((evidence.joint("l_ankle") - evidence.joint("r_ankle")) * ahead).sum(-1)
    return evidence.repeats(apart, STRIDING, SWAY)


def _walk(evidence: Evidence) -> Tensor:
    goes = torch.maximum(_striding(evidence), 1 - _sideways(evidence))
    return _stepping(evidence) * goes * (1 - _running(evidence))


def _running(evidence: Evidence) -> Tensor:
    """[F] 1 where pairs of steps come faster than people walk."""
    if evidence.lifted is None:
        return torch.zeros(evidence.frames)
    turns = turning_points((evidence.lifted[:, 0] - evidence.lifted[:, 1]), 2 * STEPPING)[1:-1]
    marks = torch.zeros(evidence.frames)
    for first, second in pairwise(turns):
        if second - first < evidence.fps / (2 * RUNNING):
            marks[first : second + 1] = 1
    return _spread(marks, evidence.fps)


def _run(evidence: Evidence) -> Tensor:
    return _stepping(evidence) * _running(evidence)


def _step(evidence: Evidence) -> Tensor:
    if evidence.lifted is None:
        return torch.zeros(evidence.frames)
    return _sideways(evidence) * _goes(evidence, "l_ankle", "r_ankle") * (1 - _striding(evidence))


def _arms_busy(evidence: Evidence, side: Side) -> Tensor:
    """A hand off the body that moves."""
    path = evidence.joint(f"{side[0]}_wrist") - evidence.joint("neck")
    speed = moving(path, max(1, round(STEADY * evidence.fps)), evidence.fps)
    quick = _spread((speed > BUSY).float(), evidence.fps)
    return quick * (_hand_height(evidence, side) > LIFTED)


def _dance(evidence: Evidence) -> Tensor:
    arms = _either(evidence, lambda e, side: _arms_busy(e, side) * (_hand_height(e, side) > DANCING))
    return _stepping(evidence) * _spread(arms, evidence.fps)


def _raise_arms(evidence: Evidence) -> Tensor:
    """Both hands go far up and down together, and above the shoulders."""
    heights = [_hand_height(evidence, side) for side in SIDES]
    together = (heights[0] - heights[1]).abs() < TOGETHER
    high = _spread((torch.minimum(*heights) > ABOVE).float(), evidence.fps)
    return high * together


def _gesture(evidence: Evidence) -> Tensor:
    return _either(evidence, _arms_busy)


def _spread(marks: Tensor, fps: float) -> Tensor:
    """Marks [F], and SPREAD seconds around them."""
    reach = round(SPREAD * fps)
    return F.max_pool1d(marks[None, None], 2 * reach + 1, 1, reach)[0, 0]


def _range_over(path: Tensor, evidence: Evidence, least: float) -> Tensor:
    """[F] 1 where a path [F, D] covers more than `least` within WINDOW around a frame."""
    reach = round(WINDOW * evidence.fps / 2)
    high = F.max_pool1d(path.T[None], 2 * reach + 1, 1, reach)[0]
    low = -F.max_pool1d(-path.T[None], 2 * reach + 1, 1, reach)[0]
    return ((high - low).norm(dim=0) > least).float()


# What is more telling comes first, and hides what it implies.
RULES: Final[dict[str, Rule]] = {
    "facepalm": _facepalm,
    "clap": _clap,
    "hands on hips": _hands_on_hips,
    "cross arms": _cross_arms,
    "dance": _dance,
    "jump": _jump,
    "run": _run,
    "walk": _walk,
    "step aside": _step,
    "sit": _sit,
    "point": _point,
    "wave": _wave,
    "raise arms": _raise_arms,
    "turn": _turn,
    "shake head": _shake_head,
    "nod": _nod,
    "gesture": _gesture,
}
ARMS: Final = ("wave", "point", "raise arms", "gesture")
HIDES: Final[dict[str, tuple[str, ...]]] = {
    "facepalm": ("gesture", "nod", "shake head"),
    "clap": ("gesture", "raise arms", "cross arms"),
    "hands on hips": ("gesture",),
    "cross arms": ("gesture",),
    "dance": (*ARMS, "walk", "run", "step aside", "turn", "nod", "shake head"),
    "jump": ("sit", "gesture"),
    "run": ("gesture", "sit"),
    "walk": ("gesture", "turn"),
    "step aside": ("gesture",),
    "point": ("wave", "gesture"),
    "wave": ("gesture", "raise arms"),
    "raise arms": ("gesture",),
    "turn": ("shake head",),
}
