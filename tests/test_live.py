"""What live drafts promise: nothing that comes later changes a frame, and every frame comes once."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.engines import live
from kmc_core.engines.live import CARRIED, Piece, live_pieces
from kmc_core.errors import KMCError
from kmc_core.motion.part import part_of
from kmc_core.motion.retarget import retarget
from kmc_core.perception.clips import TensorClip
from kmc_core.subject.create import create_subject
from kmc_core.subject.identity import Identity
from kmc_core.subject.types import Subject
from media import astronaut, perception, talking_frames
from moving_person import character, person
from tiny import PARAMS
from tiny_wan import load_tiny

FPS, FRESH = 30.0, 8
TEXT = [[torch.zeros(1, PARAMS.text.length, PARAMS.text.dim), {}]]


@pytest.fixture(scope="module")
def subject() -> Subject:
    return create_subject([astronaut()], perception(), name="astronaut").subject


def other_later(frames: Tensor, since: int) -> Tensor:
    """The same clip, but from a frame on it shows something else."""
    changed = frames.clone()
    changed[since:] = 255 - frames[since:].flip(-1)
    return changed


def pieces(frames: Tensor, subject: Subject) -> list[Piece]:
    clip = TensorClip(frames, FPS)
    options: Any = {"fresh": FRESH, "placement": "match picture", "check": lambda: None}
    return list(live_pieces(clip, perception, subject, **options))


def tensors(piece: Piece) -> dict[str, Tensor]:
    (track,) = piece.motion.tracks
    assert track.face is not None
    return {k: v for k, v in (vars(track) | vars(track.face)).items() if isinstance(v, Tensor)}


def test_pieces_do_not_change_when_later_frames_do(subject: Subject) -> None:
    frames = talking_frames(3 * FRESH)
    straight, changed = pieces(frames, subject), pieces(other_later(frames, 2 * FRESH), subject)
    for a, b in zip(straight[:2], changed[:2], strict=True):
        assert all(torch.equal(value, tensors(b)[name]) for name, value in tensors(a).items())
    assert not torch.equal(tensors(straight[2])["body"], tensors(changed[2])["body"])


def test_a_piece_repeats_the_last_frames_of_the_one_before(subject: Subject) -> None:
    made = pieces(talking_frames(2 * FRESH + 3), subject)
    assert [(piece.motion.frames, piece.carried) for piece in made] == [
        (FRESH, 0), (FRESH + CARRIED, CARRIED), (3 + CARRIED, CARRIED),
    ]  # fmt: skip
    for before, piece in pairwise(made):
        for name, value in tensors(piece).items():
            assert torch.equal(value[:CARRIED], tensors(before)[name][-CARRIED:])


def test_frames_fitted_by_the_same_judge_are_those_of_the_whole() -> None:
    """Without contacts, which are found over longer stretches."""
    motion, subject = person(24), character()
    whole = retarget(motion, subject, keep_contacts=False)
    piece = retarget(part_of(motion, 8, 8), subject, keep_contacts=False, judged_by=motion)
    expected, fitted = (tensors(Piece(part, 0)) for part in (part_of(whole, 8, 8), piece))
    for name, value in expected.items():
        assert torch.allclose(fitted[name], value, atol=1e-4), name
    alone = retarget(part_of(motion, 8, 8), subject, keep_contacts=False)
    assert not torch.allclose(alone.tracks[0].face.landmarks, fitted["landmarks"], atol=0.01)
    small = person(24, amount=0.3)
    other = retarget(motion, subject, keep_contacts=False, judged_by=small).tracks[0]
    assert not torch.allclose(other.face.landmarks, whole.tracks[0].face.landmarks)


def test_nobody_in_the_first_piece_is_told(subject: Subject) -> None:
    with pytest.raises(KMCError, match="Nobody is seen in the first 8 frames.*make the pieces longer"):
        pieces(torch.full((FRESH, 3, 96, 128), 90, dtype=torch.uint8), subject)


@pytest.mark.parametrize("last", range(3))
def test_a_piece_can_be_cancelled_before_each_of_its_nets(
    subject: Subject, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    for name in ("BodyTracker", "FaceTracker", "HandTracker"):
        tracker = getattr(live, name)
        monkeypatch.setattr(live, name, lambda *given, t=tracker, n=name: noted(t(*given), ran, n))

    def check() -> None:
        if len(ran) == last:
            raise KeyboardInterrupt

    clip = TensorClip(talking_frames(FRESH), FPS)
    with pytest.raises(KeyboardInterrupt):
        next(live_pieces(clip, perception, subject, fresh=FRESH, placement="match picture", check=check))
    assert len(ran) == last


def noted(tracker: Any, ran: list[str], name: str) -> Any:
    """The tracker, which tells when it runs."""

    def run(*given: Any) -> Any:
        ran.append(name)
        return tracker(*given)

    return run


@pytest.fixture(scope="module")
def animator(host: InProcessHost) -> Any:
    path = write_tiny_animator(host.base)
    yield host.call("KMC_LoadAnimator", checkpoint=TINY)
    path.unlink()


def prompt(host: InProcessHost, animator: Any, subject: Subject, frames: Tensor, **more: Any) -> dict:
    model, _, vae = animator
    given = {
        "model": model, "positive": TEXT, "negative": TEXT, "vae": vae, "identity": Identity(subject, 1.0),
        "video": frames.permute(0, 2, 3, 1).float() / 255,
    } | more  # fmt: skip
    nodes = {name: host.value(value) for name, value in given.items()}
    plain = {
        "fps": FPS, "width": 32, "height": 32, "piece": FRESH, "placement": "match picture", "seed": 3,
        "steps": 2, "cfg": 1.0, "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0,
    }  # fmt: skip
    live = {"class_type": "KMC_AnimateLive", "inputs": plain | {name: [name, 0] for name in given}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["live", 2]}}
    return nodes | {"live": live, "show": show}


def pictures(result: Any) -> np.ndarray:
    assert result.success, result.error
    with av.open(str(Path(result.output("live").get_stream_source()))) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_every_frame_is_made_and_shown_once_and_the_speed_is_told(
    host: InProcessHost, animator: Any, subject: Subject
) -> None:
    result = host.run(prompt(host, animator, subject, talking_frames(2 * FRESH + 3)))
    assert len(pictures(result)) == result.output("live", 1) == result.previews == 2 * FRESH + 3
    assert "First frame after" in result.output("live", 2)
    shown = [data["value"] for event, data in result.events if event == "progress" and data["node"] == "live"]
    assert shown == sorted(shown) and shown[-1] == 2 * FRESH + 3


@pytest.fixture()
def made(host: InProcessHost, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The frames uint8 [F, 3, H, W] of every run, before a coder that looks ahead packs them into a file."""
    node = sys.modules[host.nodes.NODE_CLASS_MAPPINGS["KMC_AnimateLive"].__module__]
    module: Any = sys.modules[node.live_video.__module__]
    write, kept = module.write_video, []

    def written(path: Path, frames: Any, *rest: Any) -> int:
        kept.append(torch.stack(list(frames)))
        return write(path, iter(kept[-1]), *rest)

    monkeypatch.setattr(module, "write_video", written)
    return kept


def test_made_frames_do_not_change_when_later_ones_of_the_video_do(
    host: InProcessHost, animator: Any, subject: Subject, made: list[Tensor]
) -> None:
    frames = talking_frames(3 * FRESH)
    for clip in (frames, other_later(frames, 2 * FRESH)):
        pictures(host.run(prompt(host, animator, subject, clip)))
    straight, changed = made
    assert torch.equal(straight[: 2 * FRESH], changed[: 2 * FRESH])
    assert not torch.equal(straight[2 * FRESH :], changed[2 * FRESH :])


def test_a_cancelled_draft_stops_and_comes_out_the_same_afterwards(
    host: InProcessHost, animator: Any, subject: Subject, made: list[Tensor]
) -> None:
    asked = prompt(host, animator, subject, talking_frames(2 * FRESH))

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data["node"] == "live":
            host.interrupt()

    pictures(host.run(asked))
    host.forget()
    assert host.run(asked, on_event=cancel).interrupted
    assert len(made) == 1
    host.forget()
    pictures(host.run(asked))
    assert torch.equal(*made)


def test_other_engines_are_refused(host: InProcessHost, animator: Any, subject: Subject) -> None:
    asked = prompt(host, animator, subject, talking_frames(4), model=load_tiny(host.base, "scail"))
    assert "makes drafts with the KMC animator" in (host.run(asked).error or "")
