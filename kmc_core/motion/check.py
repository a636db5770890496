"""Pre-flight: what will go wrong with a driver and a picture, measured before anything is sampled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import torch

from ..errors import KMCError
from .character import Character
from .check_measures import (
    Scene,
    body_share,
    camera_travel,
    cut_frames,
    face_lost,
    face_size,
    facing_gap,
    frame_steps,
    hand_size,
    leaving,
    level,
    limb_ratio,
    outside_picture,
    person_lost,
    size_ratio,
)
from .part import track_of
from .placement import Placement
from .shot import Shot
from .types import Motion

Light = Literal["green", "amber", "red"]
LIGHTS: Final[tuple[Light, ...]] = ("green", "amber", "red")
NEVER: Final = float("inf")
LEVELS: Final = ("a face", "a bust", "a half body", "a full body")


@dataclass(frozen=True)
class Finding:
    """One thing that was measured."""

    name: str
    light: Light
    measured: str
    limit: str  # of green
    remedy: str  # "" where all is well


@dataclass(frozen=True)
class Report:
    """All findings, and the part of the driver's picture that shows what the character's picture shows."""

    findings: tuple[Finding, ...]
    crop: tuple[int, int, int, int]  # x, y, width, height in the driver's pixels, inside its picture

    @property
    def light(self) -> Light:
        """The worst of all."""
        lights: list[Light] = [finding.light for finding in self.findings]
        return _worst("green", *lights)

    def require(self) -> None:
        """KMCError that names what is red, if anything is."""
        red = [finding for finding in self.findings if finding.light == "red"]
        if red:
            told = " ".join(f"{f.name.capitalize()}: {f.measured}. {f.remedy}" for f in red)
            raise KMCError(f"The check before sampling found what would spoil the result. {told}")


def check_motion(
    driver: Motion,
    character: Character,
    *,
    shot: Shot | None = None,
    fitted: Motion | None = None,
    person: int = 0,
) -> Report:
    """Measure a driver against the character that shall do it.

    `shot` is what `read_shot` found in the driver's video; without it cuts are judged by the joints and the
    camera is not. `fitted` is the retargeted motion, whose limbs must stay in the picture. KMCError where the
    motion lacks the person, is empty, or the character has no view.
    """
    if driver.frames == 0:
        raise KMCError("The motion has no frames; encode a video that shows a person.")
    if not character.views:
        raise KMCError(f"Subject '{character.name}' has no views; create it from at least one picture.")
    scene = Scene(driver, track_of(driver, person), character, shot, fitted)
    findings = [finding for rule in RULES if (finding := rule(scene)) is not None]
    return Report(tuple(findings), suggested_crop(scene))


def suggested_crop(scene: Scene) -> tuple[int, int, int, int]:
    """x, y, width, height in the driver's picture of what the character's picture shows, where it reaches.

    The whole picture where driver and character have nothing in common to measure by.
    """
    width, height = scene.motion.size
    place: Placement | None = scene.placement()
    if place is None:
        return 0, 0, width, height
    picture = torch.tensor(scene.picture_size).float()
    corner = place.source + (torch.zeros(2) - place.target) / place.scale
    size = picture / place.scale
    shrink = float((torch.tensor([width, height]) / size).clamp(max=1).min())  # keeps the picture's shape
    middle = corner + size / 2
    size = (size * shrink).round().clamp(min=1)
    corner = (middle - size / 2).round()
    corner = torch.minimum(corner.clamp(min=0), torch.tensor([width, height]) - size)
    x, y, w, h = (int(value) for value in (*corner, *size))
    return x, y, w, h


def _light(value: float, amber: float, red: float) -> Light:
    return "red" if value > red else "amber" if value > amber else "green"


def _worst(*lights: Light) -> Light:
    return LIGHTS[max(LIGHTS.index(light) for light in lights)]


def _finding(name: str, light: Light, measured: str, limit: str, remedy: str) -> Finding:
    return Finding(name, light, measured, limit, "" if light == "green" else remedy)


def _framing(scene: Scene) -> Finding | None:
    ours, theirs = level(scene.track, scene.motion.size), level(scene.pose, scene.picture_size)
    if ours is None or theirs is None:
        return None
    remedy = (
        "Crop the driver to x, y, width, height of this node, or use a picture that shows as much."
        if ours > theirs
        else "Use a driver that shows as much, or crop the picture; what the driver hides stays at rest."
    )
    measured = f"the picture shows {LEVELS[theirs]}, the driver {LEVELS[ours]}"
    return _finding(
        "framing", _light(abs(ours - theirs), 0, 1), measured, "the same part of a person", remedy
    )


def _size(scene: Scene) -> Finding | None:
    ratio = size_ratio(scene)
    if ratio is None:
        return None
    ours, theirs = body_share(scene.track, scene.motion.size), body_share(scene.pose, scene.picture_size)
    measured = f"the character fills {theirs:.0%} of its picture's height, the driver {ours:.0%}"
    measured += f"; a part of the body is {ratio:.1f} times as large"
    remedy = "Crop the driver to x, y, width, height of this node, or choose placement 'match picture'."
    if ratio < 1:
        remedy = "Use a picture in which the character is larger, or choose placement 'match picture'."
    return _finding("size", _light(max(ratio, 1 / ratio), 1.8, 4.0), measured, "0.56 to 1.8 times", remedy)


def _facing(scene: Scene) -> Finding | None:
    gap, away = facing_gap(scene)
    if gap is None:
        return None
    light = _worst(_light(gap, 40, 80), _light(away, 0.15, 0.5))
    measured = f"driver and nearest picture face {gap:.0f} degrees apart"
    if away > 0:
        measured += f", the back shows in {away:.0%} of the frames"
    remedy = "Add a picture of the character seen from that side to the subject."
    return _finding("facing", light, measured, "40 degrees", remedy)


def _proportion(scene: Scene) -> Finding | None:
    found = limb_ratio(scene)
    if found is None:
        return None
    name, ratio = found
    measured = f"the character's {name} is {ratio:.2f} times as large as the driver's, against the trunk"
    remedy = (
        "Fit the motion with Retarget Motion before it is used; raw driving video will stretch the character."
    )
    return _finding("proportion", _light(max(ratio, 1 / ratio), 1.4, 2.2), measured, "0.71 to 1.4", remedy)


def _cut(scene: Scene) -> Finding:
    cuts = cut_frames(scene)
    where = ", ".join(f"{frame / scene.motion.fps:.2f} s" for frame in cuts[:4])
    measured = f"a new scene at {where}" if cuts else "one scene"
    measured += "" if scene.shot is not None else " (judged by the joints; connect the video to see more)"
    remedy = "Use one scene: cut with Trim Motion, or trim the video before encoding."
    return _finding("cut", "red" if cuts else "green", measured, "one scene", remedy)


def _camera(scene: Scene) -> Finding:
    travel = camera_travel(scene)
    if travel is None:
        reason = "connect the video" if scene.shot is None else "the background is too plain"
        return Finding("camera", "green", f"not measured: {reason}", "5 % of the height, 8 % zoom", "")
    shift, zoom = travel
    light = _worst(_light(shift, 0.05, NEVER), _light(zoom, 0.08, NEVER))
    measured = f"moves by {shift:.0%} of the height and zooms by {zoom:.0%}"
    remedy = "Stabilise the video, or expect the character to slide over its background."
    return _finding("camera", light, measured, "5 % of the height, 8 % zoom", remedy)


def _hands(scene: Scene) -> Finding | None:
    if scene.track.hands is None:
        return None
    size, lost = hand_size(scene)
    if size is None and lost == 0:
        return None
    small = size is not None and size < 20
    light: Light = "amber" if small or lost > 0.5 else "green"
    measured = "never read" if size is None else f"{size:.0f} pixels long"
    measured += f", lost in {lost:.0%} of the frames that show a wrist"
    remedy = "Film closer or use a larger video; else lower hand_strength, so that fingers rest."
    return _finding("hands", light, measured, "20 pixels, lost in 50 %", remedy)


def _face(scene: Scene) -> Finding | None:
    if scene.track.face is None:
        return None
    size, lost = face_size(scene), face_lost(scene)
    small: Light = "amber" if size is not None and size < 28 else "green"
    light = _worst(_light(lost, 0.15, 0.6), small)
    measured = "never seen" if size is None else f"{size:.0f} pixels wide"
    measured += f", lost in {lost:.0%} of the frames that show a head from the front"
    remedy = "Film closer, brighter and without hands or hair before the face, or lower face_strength."
    return _finding("face", light, measured, "28 pixels, lost in 15 %", remedy)


def _speed(scene: Scene) -> Finding | None:
    step = frame_steps(scene)
    if step is None:
        return None
    measured = f"hands or feet move by up to {step:.2f} torso lengths from frame to frame"
    remedy = "Slow it with Retime Motion, or film at more frames a second."
    return _finding("speed", _light(step, 0.55, 0.9), measured, "0.55", remedy)


def _in_frame(scene: Scene) -> Finding | None:
    found = leaving(scene)
    if found is None:
        return None
    name, share = found
    measured = (
        f"the {name} is out of the picture in {share:.0%} of the frames" if share else "all stays inside"
    )
    remedy = "Film from further away, or trim to the part in which the person is in the picture."
    return _finding("out of frame", _light(share, 0.05, 0.5), measured, "5 %", remedy)


def _person(scene: Scene) -> Finding:
    lost = person_lost(scene)
    remedy = "Trim to the part that shows the person, or use a clip in which nothing hides them."
    return _finding("person", _light(lost, 0.1, 0.5), f"lost in {lost:.0%} of the frames", "10 %", remedy)


def _fitted(scene: Scene) -> Finding | None:
    share = outside_picture(scene)
    if share is None:
        return None
    remedy = "Give the picture more room around the character (outpaint it), or lower body_strength."
    measured = f"hands or head leave the picture in {share:.0%} of the frames"
    return _finding("fitted motion", _light(share, 0.1, 0.6), measured, "10 %", remedy)


RULES: Final[tuple[Callable[[Scene], Finding | None], ...]] = (
    _framing, _size, _facing, _proportion, _cut, _camera, _person, _in_frame, _speed, _hands, _face, _fitted,
)  # fmt: skip
