"""What a Motion shows, in words: framing, action and camera. Deterministic thresholds, no network."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..motion.skeleton import EXPRESSIONS, JOINT
from ..motion.types import FaceMotion, Intent, Motion, Track

SEEN = 0.3  # a joint counts as seen above this confidence
PRESENT = 0.5  # share of frames in which a joint must be seen to shape the framing
# A hip centre that moves by more than its torso's length has left its place: walking, not swaying.
TRAVEL = 1.0
# Wrist speed in torso lengths a second: gestures start near 0.5, waving and dancing pass 2.
GESTURE, FAST = 0.5, 2.0
TURN = 0.35  # radians of head yaw between extremes that people call "turning the head" (20 degrees)
SPEAK = 0.06  # standard deviation of jawOpen above which lips are moving
SMILE = 0.35  # mean smile coefficient of an open smile
LASTING = 0.15  # share of the clip that an action must fill to be named
# Names of motion/actions.py in the words of the training captions; "gesture" and "idle" are told by measures.
ACTIONS = {
    "wave": "waving", "clap": "clapping", "point": "pointing", "facepalm": "covering the face with a hand",
    "hands on hips": "standing with hands on the hips", "cross arms": "standing with crossed arms",
    "nod": "nodding", "shake head": "shaking the head", "sit": "sitting", "walk": "walking", "run": "running",
    "jump": "jumping", "step aside": "stepping aside", "turn": "turning around",
    "raise arms": "raising the arms", "dance": "dancing",
}  # fmt: skip


@dataclass(frozen=True)
class MotionWords:
    """Phrases for the slots that a motion can fill; empty when it does not tell."""

    action: str = ""
    camera: str = ""
    shot: str = ""


def describe_motion(motion: Motion) -> MotionWords:
    """Words for the first track of `motion`."""
    if not motion.frames:
        return MotionWords()
    track = motion.tracks[0]
    body = _intent_phrases(track.intent, motion.frames) or _body_phrases(track, motion.fps)
    face = _face_phrases(track.face) if track.face else []
    if "shaking the head" in body:
        face = [phrase for phrase in face if phrase != "turning the head"]
    phrases = [*body, *face]
    return MotionWords(action=" and ".join(phrases), camera="fixed camera", shot=_shot(track))


def _intent_phrases(intent: Intent | None, frames: int) -> list[str]:
    """The named actions that last, each once, in the order of their start."""
    lasting: dict[str, int] = {}
    for action in intent.actions if intent is not None else ():
        lasting[action.name] = lasting.get(action.name, 0) + action.end - action.start
    return [ACTIONS[name] for name, length in lasting.items()
            if name in ACTIONS and length >= LASTING * frames]  # fmt: skip


def _shot(track: Track) -> str:
    if track.body is None:
        return "close-up" if track.face is not None else ""
    seen = (track.body[..., 3] > SEEN).float().mean(0)  # J

    def visible(*names: str) -> bool:
        return max(float(seen[JOINT[name]]) for name in names) > PRESENT

    if visible("l_ankle", "r_ankle"):
        return "full body"
    return "half body" if visible("l_hip", "r_hip", "l_elbow", "r_elbow") else "close-up"


def _body_phrases(track: Track, fps: float) -> list[str]:
    if track.body is None or track.frames < 2:
        return []
    points, seen = track.body[..., :2], track.body[..., 3] > SEEN
    torso = _torso_length(points, seen)
    if torso is None:
        return []
    phrases = []
    hips = points[:, JOINT["pelvis"]][seen[:, JOINT["pelvis"]]]
    moved = len(hips) > 1 and float((hips.amax(0) - hips.amin(0)).norm()) > TRAVEL * torso
    if moved:
        phrases.append("moving across the picture")
    raised = _raised(points, seen)
    speeds = {
        side: _speed(points[:, JOINT[f"{side}_wrist"]], seen[:, JOINT[f"{side}_wrist"]], fps) / torso
        for side in "lr"
    }
    busy = [side for side in "lr" if speeds[side] > GESTURE]
    if busy:
        phrases.append(_arms(busy, max(speeds.values()) > FAST, raised))
    return phrases or ["standing still" if _shot(track) == "full body" else "holding still"]


def _arms(busy: list[str], fast: bool, raised: bool) -> str:
    if len(busy) == 2:
        return "moving both arms quickly" if fast else "gesturing with both hands"
    side = "left" if busy[0] == "l" else "right"
    return f"waving the {side} hand" if raised and fast else f"gesturing with the {side} hand"


def _raised(points: Tensor, seen: Tensor) -> bool:
    """True when a wrist is above its shoulder in more than a third of the frames."""
    above = [
        (points[:, JOINT[f"{side}_wrist"], 1] < points[:, JOINT[f"{side}_shoulder"], 1])
        & seen[:, JOINT[f"{side}_wrist"]]
        for side in "lr"
    ]
    return max(float(side.float().mean()) for side in above) > 1 / 3


def _torso_length(points: Tensor, seen: Tensor) -> float | None:
    """Median neck-to-pelvis distance in pixels; twice the shoulder width where no hips are seen."""
    for a, b, factor in (("neck", "pelvis", 1.0), ("l_shoulder", "r_shoulder", 1.5)):
        both = seen[:, JOINT[a]] & seen[:, JOINT[b]]
        if bool(both.any()):
            return max(
                factor * float((points[both, JOINT[a]] - points[both, JOINT[b]]).norm(dim=-1).median()), 1.0
            )
    return None


def _speed(points: Tensor, seen: Tensor, fps: float) -> float:
    """Mean speed in pixels a second over the frame pairs in which the point is seen."""
    both = seen[1:] & seen[:-1]
    if not bool(both.any()):
        return 0.0
    return float((points[1:] - points[:-1])[both].norm(dim=-1).mean()) * fps


def _face_phrases(face: FaceMotion) -> list[str]:
    seen = face.confidence > SEEN
    if int(seen.sum()) < 2:
        return []
    expression, rotation = face.expression[seen], face.rotation[seen]
    phrases = []
    if float(expression[:, EXPRESSIONS.index("jawOpen")].std()) > SPEAK:
        phrases.append("speaking")
    smile = expression[:, [EXPRESSIONS.index("mouthSmileLeft"), EXPRESSIONS.index("mouthSmileRight")]]
    if float(smile.mean()) > SMILE:
        phrases.append("smiling")
    yaw = torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2])
    if float(yaw.amax() - yaw.amin()) > TURN:
        phrases.append("turning the head")
    return phrases
