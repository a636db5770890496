"""Two characters in one scene through the real host's graph."""

from typing import Any

import torch

from harness.inprocess import InProcessHost
from kmc_core.engines.together import put_together
from kmc_core.subject.identity import Identity
from test_together import dressed, member, video


def composing(host: InProcessHost, **changes: Any) -> dict[str, Any]:
    motion = video()
    red, blue = (
        member(motion, track, dressed(name, colour), size=(64, 72))
        for track, (name, colour) in enumerate((("Red", (0.9, 0.1, 0.1)), ("Blue", (0.1, 0.1, 0.9))))
    )
    values = {
        "images": red.frames.movedim(1, -1), "motion": red.motion, "identity": Identity(red.subject),
        "images_2": blue.frames.movedim(1, -1), "motion_2": blue.motion, "identity_2": Identity(blue.subject),
        "video_motion": motion,
    } | changes  # fmt: skip
    inputs: dict[str, Any] = {name: [name, 0] for name in values}
    prompt = {name: host.value(value) for name, value in values.items()}
    prompt["both"] = {"class_type": "KMC_ComposePeople", "inputs": inputs | {"in_front": "by place"}}
    prompt["show"] = {"class_type": "PreviewAny", "inputs": {"source": ["both", 1]}}
    return prompt


def test_compose_people_gives_both_and_says_who_follows_whom(host: InProcessHost) -> None:
    result = host.run(composing(host))
    assert result.success, result.error
    motion = video()
    members = [
        member(motion, track, dressed(name, colour), size=(64, 72))
        for track, (name, colour) in enumerate((("Red", (0.9, 0.1, 0.1)), ("Blue", (0.1, 0.1, 0.9))))
    ]
    expected = put_together(*members, motion).frames.movedim(1, -1)
    assert torch.allclose(result.output("both"), expected, atol=1e-5)
    assert "Blue does what person 1 does." in result.output("both", 1)


def test_a_motion_of_another_video_is_refused(host: InProcessHost) -> None:
    result = host.run(composing(host, images_2=torch.zeros(3, 72, 64, 3)))
    assert not result.success and "'Blue' has 3 frames" in (result.error or "")
