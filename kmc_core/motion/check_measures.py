"""The numbers behind a pre-flight check; what they mean is decided in `check.py`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN, head_width, torso_length, weighted_median
from .character import Character
from .edit import typical_place
from .placement import Placement
from .proportions import Proportions, character_lengths, compare, track_lengths, typical_lengths
from .shot import Shot
from .skeleton import JOINT
from .types import Motion, Track

OFTEN: Final = 0.5  # share of the frames in which a joint must be in the picture to count as shown
SURE: Final = 0.5  # confidence of a joint that counts as shown: what lies outside is often guessed
# Joints of which one must show for a person to be pictured that far down.
REACHES: Final = (
    ("nose", "l_eye", "r_eye"),
    ("l_shoulder", "r_shoulder"),
    ("l_hip", "r_hip"),
    ("l_ankle", "r_ankle"),
)
TRUNK: Final = ("neck", "pelvis")
LIMBS: Final = {
    "upper arm": ("shoulder", "elbow"), "lower arm": ("elbow", "wrist"),
    "upper leg": ("hip", "knee"), "lower leg": ("knee", "ankle"),
}  # fmt: skip
STRETCHED: Final = 0.8  # quantile of a bone's lengths: bones look shorter than they are, hardly ever longer
WATCHED: Final = tuple(JOINT[f"{side}_{name}"] for name in ("wrist", "ankle") for side in "lr")
EDGE: Final = 0.06  # of the picture's size: a joint that is lost this close to an edge has left
FASTEST: Final = 0.97  # quantile of the frames that tells how fast a person gets
JUMP, JUMP_RATIO = (
    0.35,
    4.0,
)  # torso lengths that all joints jump by at a cut, and against steps before and after
JUMPING_JOINTS: Final = 5  # at least, to tell a jump from a glitch


@dataclass(frozen=True)
class Scene:
    """All that is checked."""

    motion: Motion
    track: Track
    character: Character
    shot: Shot | None
    fitted: Motion | None

    @property
    def pose(self) -> Track:
        """The character's, in its main picture."""
        return self.character.views[0].pose

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of that picture."""
        image = self.character.views[0].image
        return image.shape[-1], image.shape[-2]

    def proportions(self) -> Proportions:
        """The character against the driver; size nan where nothing compares."""
        return compare(typical_lengths(*track_lengths(self.track)), character_lengths(self.character))

    def placement(self) -> Placement | None:
        """From driver pixels to those of the picture, by size and a joint that both show."""
        size = self.proportions().size
        if not math.isfinite(size) or size <= 0:
            return None
        for joint in (JOINT[name] for name in ("pelvis", "neck", "nose")):
            places = [_typical_joint(track, joint) for track in (self.track, self.pose)]
            if places[0] is not None and places[1] is not None:
                return Placement(places[0], places[1], size)
        return Placement(typical_place(self.track), typical_place(self.pose), size)


def _typical_joint(track: Track, joint: int) -> Tensor | None:
    if track.body is None:
        return None
    seen = (track.body[:, joint, 3] >= SEEN).float()
    if float(seen.mean()) <= OFTEN:
        return None
    points = track.body[:, joint, :2].float()
    return weighted_median(points, seen[:, None].expand_as(points))


def _inside(points: Tensor, size: tuple[int, int], margin: float = 0.0) -> Tensor:
    """[..., 2 or more] -> [...] whether x, y lie in the picture, `margin` of its size away from the edge."""
    share = points[..., :2] / torch.tensor(size).to(points)
    return ((share >= margin) & (share <= 1 - margin)).all(dim=-1)


def level(track: Track, size: tuple[int, int]) -> int | None:
    """How far down a person shows: 0 face, 1 bust, 2 half body, 3 full body; None without any of it."""
    if track.body is None:
        return 0 if track.face is not None and bool((track.face.confidence >= SEEN).any()) else None
    shown = ((track.body[..., 3] >= SURE) & _inside(track.body, size)).float().mean(dim=0) > OFTEN
    levels = [index for index, names in enumerate(REACHES) if any(bool(shown[JOINT[name]]) for name in names)]
    return max(levels, default=None)


def body_share(track: Track, size: tuple[int, int]) -> float:
    """Share of the picture's height that the joints, or else the face, take up as a rule."""
    if track.body is not None and bool((track.body[..., 3] >= SEEN).any()):
        seen = (track.body[..., 3] >= SEEN) & _inside(track.body, size)
        y = track.body[..., 1].float()
        low, high = torch.where(seen, y, torch.inf).amin(1), torch.where(seen, y, -torch.inf).amax(1)
        extent = (high - low)[torch.isfinite(high - low)]
        return float(extent.median()) / size[1] if len(extent) else 0.0
    if track.face is not None and bool((track.face.confidence >= SEEN).any()):
        return float(track.face.crop[track.face.confidence >= SEEN, 2].median()) / size[1]
    return 0.0


def size_ratio(scene: Scene) -> float | None:
    """How many times as large the character's parts are in its picture as the driver's in its own."""
    size = scene.proportions().size * scene.motion.size[1] / scene.picture_size[1]
    return size if math.isfinite(size) and size > 0 else None


def facing_gap(scene: Scene) -> tuple[float | None, float]:
    """Degrees between the driver's usual yaw and the nearest view's; share of frames that show the back.

    The back counts only where no view shows the character's.
    """
    yaws, back = [], 0.0
    if scene.track.face is not None:
        seen = scene.track.face.confidence >= SEEN
        rotation = scene.track.face.rotation[seen].float()
        yaws = torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2]).tolist()
    if scene.track.body is not None:
        right, left = (scene.track.body[:, JOINT[name]].float() for name in ("r_shoulder", "l_shoulder"))
        both = torch.minimum(right[:, 3], left[:, 3]) >= SEEN
        torso = torso_length(scene.track.body.float())
        turned = both & (left[:, 0] - right[:, 0] < -0.2 * torso)
        back = float(turned.sum() / both.sum().clamp(min=1))
        if not yaws and bool(both.any()):
            yaws = [0.0 if back < 0.5 else math.pi]
    if any(abs(view.yaw) > math.pi / 2 for view in scene.character.views):
        back = 0.0
    if not yaws:
        return None, back
    usual = float(torch.tensor(yaws).median())
    gaps = [abs(math.remainder(usual - view.yaw, 2 * math.pi)) for view in scene.character.views]
    return math.degrees(min(gaps)), back


def limb_ratio(scene: Scene) -> tuple[str, float] | None:
    """The part that differs most between driver and character, against the trunk, and by which factor.

    None where one of them does not show its trunk: shoulders alone shrink with every turn.
    """
    driver, character = _parts_per_trunk(scene.track), _parts_per_trunk(scene.pose)
    ratios = {name: character[name] / driver[name] for name in driver if name in character}
    if not ratios:
        return None
    return max(ratios.items(), key=lambda item: abs(math.log(item[1])))


def _parts_per_trunk(track: Track) -> dict[str, float]:
    """Lengths of limbs, in space where that is known, and the head's width in the picture, per trunk."""
    if track.body is None:
        return {}
    seen = track.body[..., 3] >= SEEN
    flat = track.body[..., :3].float() * track.body.new_tensor([1, 1, 0])
    space = flat if track.world is None else track.world.float()
    trunk, flat_trunk = (_length(points, seen, *TRUNK) for points in (space, flat))
    if trunk is None or flat_trunk is None:
        return {}
    parts = {}
    for name, (a, b) in LIMBS.items():
        sides = (_length(space, seen, f"{side}_{a}", f"{side}_{b}") for side in "rl")
        lengths = [length for length in sides if length is not None]
        if lengths:
            parts[name] = sum(lengths) / len(lengths) / trunk
    widths = head_width(track.body.float())
    widths = widths[widths > 0]
    return parts | ({"head": float(widths.median()) / flat_trunk} if len(widths) else {})


def _length(points: Tensor, seen: Tensor, a: str, b: str) -> float | None:
    """What the bone between two joints of [F, 25, 3] measures where it is least foreshortened."""
    both = seen[:, JOINT[a]] & seen[:, JOINT[b]]
    lengths = (points[both, JOINT[a]] - points[both, JOINT[b]]).norm(dim=-1)
    long = float(lengths.quantile(STRETCHED)) if len(lengths) else 0.0
    return long if long > 0 else None


def cut_frames(scene: Scene) -> tuple[int, ...]:
    """First frames of new scenes, by pixels where there are any, and by joints that all jump at once."""
    pixels = set(scene.shot.cuts) if scene.shot is not None else set()
    jumps = {frame for frame in _jumps(scene.track) if not pixels & {frame - 1, frame, frame + 1}}
    return tuple(sorted(pixels | jumps))


def _jumps(track: Track) -> list[int]:
    if track.body is None:
        return []
    body = track.body.float()
    frames = ((body[..., 3] >= SEEN).sum(dim=1) >= JUMPING_JOINTS).nonzero()[:, 0]
    if len(frames) < 3:
        return []
    shown = body[frames]
    both = torch.minimum(shown[1:, :, 3], shown[:-1, :, 3]) >= SEEN
    apart = torch.where(both, (shown[1:, :, :2] - shown[:-1, :, :2]).norm(dim=-1), torch.nan)
    # A joint below most others: at a cut nearly all of them move, in a gesture only some.
    torsos = torso_length(shown)
    if not bool((torsos > 0).any()):
        return []
    step = apart.nanquantile(0.25, dim=1).nan_to_num(0.0) / torsos[torsos > 0].median()
    step = step * (frames[1:] - frames[:-1] == 1)  # who comes back elsewhere has walked
    padded = torch.nn.functional.pad(step, (1, 1))
    beside = torch.maximum(padded[:-2], padded[2:])
    found = (step > JUMP) & (step > JUMP_RATIO * beside)
    return frames[1:][found].tolist()


def camera_travel(scene: Scene) -> tuple[float, float] | None:
    """How far the camera moves, in shares of the height, and its zoom as a factor less 1. None: not known."""
    travel = None if scene.shot is None else scene.shot.travel()
    return None if travel is None else (travel[0], math.expm1(travel[1]))


def person_lost(scene: Scene) -> float:
    """Share of the frames in which nothing of the person is seen."""
    seen = torch.zeros(scene.motion.frames, dtype=torch.bool)
    for part in (scene.track.body, scene.track.hands):
        if part is not None:
            seen |= (part[..., 3] >= SEEN).flatten(1).any(dim=1)
    if scene.track.face is not None:
        seen |= scene.track.face.confidence >= SEEN
    return 1 - float(seen.float().mean())


def leaving(scene: Scene) -> tuple[str, float] | None:
    """The joint that is most often out of the picture of those that are usually in it, and how often.

    Out is: beyond the edge, or unseen since it was last seen close to it.
    """
    body = scene.track.body
    if body is None:
        return None
    seen = (body[..., 3] >= SEEN) & _inside(body, scene.motion.size)
    near = seen & ~_inside(body, scene.motion.size, EDGE)
    frames = torch.arange(len(body))[:, None].expand_as(seen)
    last = torch.where(seen, frames, -1).cummax(dim=0).values
    left_near = near.gather(0, last.clamp(min=0)) & (last >= 0)
    beyond = (body[..., 3] >= SEEN) & ~_inside(body, scene.motion.size)
    out = (~seen & (left_near | beyond)).float().mean(dim=0)
    usual = seen.float().mean(dim=0) >= 1 / 3
    names = [name for name in JOINT if "toe" not in name and "heel" not in name and bool(usual[JOINT[name]])]
    shares = {name: float(out[JOINT[name]]) for name in names}
    worst = max(shares, key=lambda name: shares[name], default=None)
    return None if worst is None else (_spoken(worst), shares[worst])


def _spoken(joint: str) -> str:
    side = {"l_": "left ", "r_": "right "}.get(joint[:2], "")
    return side + (joint[2:] if side else joint)


def frame_steps(scene: Scene) -> float | None:
    """Torso lengths by which the fastest wrist or ankle moves from frame to frame, in the fastest frames."""
    if scene.track.body is None or scene.motion.frames < 2:
        return None
    body = scene.track.body.float()
    joints = body[:, WATCHED]
    both = torch.minimum(joints[1:, :, 3], joints[:-1, :, 3]) >= SEEN
    step = torch.where(both, (joints[1:, :, :2] - joints[:-1, :, :2]).norm(dim=-1), 0.0).amax(dim=1)
    cuts = [frame - 1 for frame in cut_frames(scene) if frame > 0]
    step[cuts] = 0
    torso = torso_length(body)
    torso = torso[torso > 0]
    return float(step.quantile(FASTEST) / torso.median()) if len(torso) else None


def hand_size(scene: Scene) -> tuple[float | None, float]:
    """Pixels from wrist to middle fingertip; share of the wrists in the picture that have no hand."""
    hands = scene.track.hands
    assert hands is not None
    seen = hands[..., 3].amin(dim=-1) >= SEEN  # F 2
    ends: Sequence[tuple[int, int]] = ((0, 9), (9, 10), (10, 11), (11, 12))
    length = sum((hands[:, :, a, :2] - hands[:, :, b, :2]).norm(dim=-1) for a, b in ends)
    size = float(torch.as_tensor(length)[seen].median()) if bool(seen.any()) else None
    if scene.track.body is None:
        return size, 0.0
    wrists = scene.track.body[:, [JOINT["l_wrist"], JOINT["r_wrist"]]]
    shown = (wrists[..., 3] >= SURE) & _inside(wrists, scene.motion.size, EDGE)
    return size, float((shown & ~seen).sum() / shown.sum().clamp(min=1)) if bool(shown.any()) else 0.0


def face_size(scene: Scene) -> float | None:
    """Usual width of the landmarks in pixels; None where no face is ever seen."""
    face = scene.track.face
    assert face is not None
    seen = face.confidence >= SEEN
    if not bool(seen.any()):
        return None
    x = face.landmarks[seen][..., 0]
    return float((x.amax(1) - x.amin(1)).median())


def face_lost(scene: Scene) -> float:
    """Share of the frames without a face, of those in which the body shows nose and eyes."""
    face = scene.track.face
    assert face is not None
    shown = torch.ones(scene.motion.frames, dtype=torch.bool)
    if scene.track.body is not None:
        head = scene.track.body[:, [JOINT[name] for name in ("nose", "l_eye", "r_eye")]]
        front = head[:, 1, 0] - head[:, 2, 0] > 0  # the left eye is to the right: not seen from behind
        shown = (head[..., 3].amin(dim=1) >= SURE) & front & _inside(head[:, 0], scene.motion.size)
    return float((shown & (face.confidence < SEEN)).sum() / shown.sum().clamp(min=1))


def outside_picture(scene: Scene) -> float | None:
    """Share of the frames in which a wrist or the nose of the fitted motion lies outside of the picture."""
    if scene.fitted is None or not scene.fitted.tracks or scene.fitted.tracks[0].body is None:
        return None
    body = scene.fitted.tracks[0].body[:, [JOINT["nose"], JOINT["l_wrist"], JOINT["r_wrist"]]]
    beyond = (body[..., 3] >= SEEN) & ~_inside(body, scene.fitted.size)
    return float(beyond.any(dim=1).float().mean())
