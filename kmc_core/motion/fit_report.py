"""What a retargeting did, in words: proportions taken and limited, what is missing, done and touched."""

from collections.abc import Iterator
from typing import Final

from torch import Tensor

from .bones import SEEN
from .character import Character
from .part import track_of
from .proportions import HAND, HEAD, bone, character_lengths, compare, track_lengths, typical_lengths
from .skeleton import JOINT
from .types import Intent, Motion, Track

PARTS: Final = {
    "upper arms": bone("l_shoulder", "l_elbow"),
    "forearms": bone("l_elbow", "l_wrist"),
    "thighs": bone("l_hip", "l_knee"),
    "shins": bone("l_knee", "l_ankle"),
    "shoulders": bone("neck", "l_shoulder"),
    "hips": bone("pelvis", "l_hip"),
    "head": HEAD,
    "hands": HAND,
}
LOWER_BODY: Final = ("l_knee", "r_knee", "l_ankle", "r_ankle")


def report_fit(motion: Motion, fitted: Motion, subject: Character, *, track: int = 0) -> str:
    """Lines about how `fitted` came from a motion's track and a subject; see `retarget`."""
    driver, result = track_of(motion, track), fitted.tracks[0]
    proportions = compare(typical_lengths(*track_lengths(driver)), character_lengths(subject))
    lines = ["Character against driver, apart from its size:"]
    for name, index in PARTS.items():
        measured, taken = float(proportions.measured[index]), float(proportions.relative[index])
        if measured != measured:
            lines.append(f"  {name}: not seen in both, the driver's proportions are kept")
        elif abs(measured - taken) > 1e-4:
            lines.append(f"  {name}: {taken:.2f}, limited: {measured:.2f} was measured")
        else:
            lines.append(f"  {name}: {taken:.2f}")
    lines += _missing(driver, subject)
    lines += _intent(result.intent, fitted.fps)
    return "\n".join(lines)


def _missing(driver: Track, subject: Character) -> Iterator[str]:
    if driver.face is not None and bool((driver.face.confidence >= SEEN).any()):
        faces = (view.pose.face for view in subject.views)
        if not any(face is not None and bool((face.confidence >= SEEN).any()) for face in faces):
            yield "No picture shows a face: the driver's face at rest stands in."
    if not _shows_legs(driver.body):
        yield "The video shows no legs: the result has none."
    elif not any(_shows_legs(view.pose.body) for view in subject.views):
        yield "The pictures show no legs: they get the driver's proportions, and may lie outside the picture."


def _shows_legs(body: Tensor | None) -> bool:
    return body is not None and bool((body[:, [JOINT[name] for name in LOWER_BODY], 3] >= SEEN).any())


def _intent(intent: Intent | None, fps: float) -> Iterator[str]:
    """Actions, then how many seconds each kind of contact lasts."""
    if intent is None:
        return
    for action in intent.actions:
        yield f"{action.start / fps:.1f}-{action.end / fps:.1f} s: {action.name} ({action.confidence:.0%})"
    seconds: dict[str, float] = {}
    for contact in intent.contacts:
        name = f"{contact.kind}, {contact.side}"
        seconds[name] = seconds.get(name, 0.0) + (contact.end - contact.start) / fps
    for name, length in seconds.items():
        yield f"Touches: {name}, {length:.1f} s"
