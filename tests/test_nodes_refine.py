"""Drafts and close-ups on the real host: the host's classes sample them, on tiny random weights."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from by_hand import DRIVER, FITTED, FRAMES, IDENTITY, SIZE, VIDEO
from checkpoints import MIRROR, TINY, write_mirror_animator, write_tiny_animator
from harness.inprocess import InProcessHost
from moving_person import HEIGHT, WIDTH
from test_nodes_long_video import made
from test_nodes_long_video import prompt as long_prompt
from tiny import PARAMS
from tiny_wan import load_tiny, load_tiny_vae, tiny_clip_vision, tiny_text

KMC_TEXT = [[torch.zeros(1, PARAMS.text.length, PARAMS.text.dim), {}]]


@pytest.fixture(scope="module")
def kmc(host: InProcessHost) -> Iterator[dict[str, Any]]:
    """Model, VAE and prompts of the tiny animator."""
    path = write_tiny_animator(host.base)
    model, _, vae = host.call("KMC_LoadAnimator", checkpoint=TINY)
    yield {"model": model, "vae": vae, "positive": KMC_TEXT, "negative": KMC_TEXT}
    path.unlink()


@pytest.fixture(scope="module")
def wan(host: InProcessHost) -> dict[str, Any]:
    """The same of Wan-Animate; faces take seconds a frame on a CPU and are left out."""
    return {
        "model": load_tiny(host.base, "animate"), "vae": load_tiny_vae(host.base), "face_strength": 0.0,
        "clip_vision": tiny_clip_vision(), "positive": tiny_text(0), "negative": tiny_text(1),
    }  # fmt: skip


def refined(host: InProcessHost, images: torch.Tensor, given: dict[str, Any], **changes: Any) -> Any:
    """Outputs of Refine Parts, or its error."""
    inputs: dict[str, Any] = {
        "images": images, "motion": FITTED, "identity": IDENTITY, "parts": "face", "denoise": 0.5,
        "close_up": 32, "seed": 1, "steps": 2, "cfg": 1.0, "start_frame": 0, "body_strength": 1.0,
        "hand_strength": 1.0, "face_strength": 1.0, "person": 0, **given, **changes,
    }  # fmt: skip
    links, nodes = {}, {}
    for name, value in inputs.items():
        plain = isinstance(value, (int, float, str))
        links[name] = value if plain else [name, 0]
        nodes |= {} if plain else {name: host.value(value)}
    nodes["refine"] = {"class_type": "KMC_RefineParts", "inputs": links}
    nodes["show"] = {"class_type": "PreviewAny", "inputs": {"source": ["refine", 1]}}
    result = host.run(nodes)
    return (result.output("refine"), result.output("refine", 1), result) if result.success else result.error


def animation(frames: int = FRAMES) -> torch.Tensor:
    return torch.rand(frames, HEIGHT // 2, WIDTH // 2, 3, generator=torch.Generator().manual_seed(2))


def test_parts_are_made_again_and_nothing_else_changes(host: InProcessHost, kmc: dict[str, Any]) -> None:
    images = animation()
    face, report, result = refined(host, images, kmc)
    assert face.shape == images.shape and "face: 1 windows of 2 steps" in report
    changed = (face - images).abs().amax(-1) > 0.01  # F H W
    landmarks = FITTED.tracks[0].face.landmarks[..., :2] / 2  # type: ignore[union-attr]
    for frame in range(FRAMES):
        ys, xs = changed[frame].nonzero().unbind(1)
        middle = landmarks[frame].mean(0)
        reach = float((landmarks[frame] - middle).abs().max()) * 3
        assert len(xs) and float((xs - middle[0]).abs().max()) < reach
        assert float((ys - middle[1]).abs().max()) < reach
    shown = [
        data["value"] for event, data in result.events if event == "progress" and data["node"] == "refine"
    ]
    assert shown == [1, 2] and result.previews == 2
    both, report, _ = refined(host, images, kmc, parts="face and hands")
    assert report.count("windows") == 3 and not torch.equal(both, face)
    again, _, _ = refined(host, images, kmc)
    assert torch.equal(again, face)


def test_less_noise_changes_less(host: InProcessHost, kmc: dict[str, Any]) -> None:
    images = animation(5)
    little, much = (
        float((refined(host, images, kmc, denoise=d, steps=3)[0] - images).abs().mean()) for d in (0.2, 0.9)
    )
    assert 0 < little < much


def test_the_wan_engines_make_close_ups(host: InProcessHost, wan: dict[str, Any]) -> None:
    images = animation(5)
    for changes in ({"parts": "hands"}, {"model": load_tiny(host.base, "scail2"), "face_strength": 1.0}):
        outcome = refined(host, images, wan | changes, close_up=64, steps=1)
        assert not isinstance(outcome, str), outcome
        assert outcome[0].shape == images.shape and not torch.equal(outcome[0], images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"denoise": 1.0}, "A draft needs denoise below 1"),
        ({"denoise": 0.0}, "denoise is 0, expected more than 0"),
        (
            {"images": torch.zeros(FRAMES + 1, 72, 64, 3)},
            "The motion has 13 frames, but 14 frames from frame 0",
        ),
        ({"person": 3}, "people"),
        ({"close_up": 36}, "must be a multiple of"),
    ],
)
def test_what_cannot_be_refined_is_told(
    host: InProcessHost, kmc: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    assert message in refined(host, changes.pop("images", animation()), kmc, **changes)


def test_a_motion_without_hands_has_none_to_refine(host: InProcessHost, kmc: dict[str, Any]) -> None:
    from dataclasses import replace

    bare = replace(FITTED, tracks=(replace(FITTED.tracks[0], hands=None),))
    error = refined(host, animation(), kmc, motion=bare, parts="hands")
    assert "No left hand and no right hand is shown both by the motion and by a picture" in error


def conditioned(host: InProcessHost, given: dict[str, Any], **changes: Any) -> tuple[Any, ...]:
    inputs = {
        "motion": FITTED, "identity": IDENTITY, "width": SIZE[0], "height": SIZE[1], "start_frame": 0,
        "length": 9, "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0, "person": 0,
        **given, **changes,
    }  # fmt: skip
    return host.call("KMC_AnimateConditioning", **inputs)


def test_a_draft_is_the_latent_that_the_sampling_starts_from(
    host: InProcessHost, wan: dict[str, Any], kmc: dict[str, Any]
) -> None:
    draft = torch.rand(9, SIZE[1], SIZE[0], 3, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        plain, drafted = conditioned(host, wan), conditioned(host, wan, draft=draft)
        expected = wan["vae"].encode((draft * 255).round() / 255)
    assert plain[2]["samples"].abs().max() == 0
    latent = drafted[2]["samples"]
    torch.testing.assert_close(latent[:, :, 1:], expected, atol=1e-3, rtol=1e-3)
    assert torch.equal(latent[:, :, :1], plain[0][0][1]["concat_latent_image"][:, :, :1])  # the reference
    with pytest.raises(Exception, match="The draft has 4 frames, 9 are to be made"):
        conditioned(host, wan, draft=draft[:4])
    pixels = torch.rand(9, 40, 32, 3, generator=torch.Generator().manual_seed(6))
    own = conditioned(host, kmc, width=32, height=40, draft=pixels)[2]["samples"]
    torch.testing.assert_close(own[0].permute(1, 2, 3, 0) / 2 + 0.5, pixels, atol=3e-3, rtol=0)
    with pytest.raises(Exception, match="A draft is connected, but the VAE that reads it is not"):
        conditioned(host, {**kmc, "vae": None}, width=32, height=40, draft=pixels)


def test_scail2_keeps_its_carried_frames_before_a_draft(host: InProcessHost, wan: dict[str, Any]) -> None:
    asked = wan | {
        "model": load_tiny(host.base, "scail2"),
        "face_strength": 1.0,
        "start_frame": 8,
        "length": 4,
    }
    before = torch.rand(6, SIZE[1], SIZE[0], 3, generator=torch.Generator().manual_seed(4))
    plain = conditioned(host, asked, continue_motion=before)[2]
    drafted = conditioned(host, asked, continue_motion=before, draft=torch.ones(4, 96, 64, 3))[2]
    assert torch.equal(drafted["samples"][:, :, :2], plain["samples"][:, :, :2])
    assert drafted["samples"][:, :, 2:].abs().max() > 0
    assert torch.equal(drafted["noise_mask"], plain["noise_mask"])


def test_a_long_video_stays_the_nearer_to_its_draft_the_less_noise_there_is(
    host: InProcessHost, kmc: dict[str, Any]
) -> None:
    import av

    draft = torch.full((FRAMES, 40, 32, 3), 0.2)
    path = write_mirror_animator(host.base)
    model, _, _ = host.call("KMC_LoadAnimator", checkpoint=MIRROR)
    path.unlink()

    def away(denoise: float) -> float:
        mirror = {**kmc, "model": model}
        asked = long_prompt(host, None, FITTED, identity=IDENTITY, draft=draft, denoise=denoise, **mirror)
        with av.open(str(made(host.run(asked)))) as file:
            frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        assert len(frames) == FRAMES
        return float(sum(abs(frame / 255.0 - 0.2).mean() for frame in frames))

    assert away(0.2) < 0.5 * away(0.9)
    for changes, message in (
        ({"draft": draft, "denoise": 1.0}, "denoise is 1, but a draft is connected"),
        ({"denoise": 0.5}, "denoise is 0.5, but no draft is connected"),
        ({"draft": draft[:5], "denoise": 0.5}, "The draft has 5 frames, 13 are to be made"),
    ):
        error = host.run(long_prompt(host, None, FITTED, identity=IDENTITY, **kmc, **changes)).error or ""
        assert message in error


def test_windows_are_deleted_when_they_are_not_to_be_kept(host: InProcessHost, kmc: dict[str, Any]) -> None:
    folder = host.output / "kmc_windows"
    kept = made(host.run(long_prompt(host, None, FITTED, identity=IDENTITY, seed=91, **kmc))).read_bytes()
    before = {path.name for path in folder.glob("*")}
    host.forget()
    asked = long_prompt(host, None, FITTED, identity=IDENTITY, seed=91, keep_windows=False, **kmc)
    result = host.run(asked)
    assert made(result).read_bytes() == kept
    after = {path.name for path in folder.glob("*")}
    assert after < before and len(before - after) == 1
    assert f"{len(after)} finished windows of this and other videos" in result.output("long", 2)


def test_colors_of_every_window_are_held_to_the_picture(host: InProcessHost, wan: dict[str, Any]) -> None:
    import av

    def video(anchor: bool) -> Any:
        asked = long_prompt(
            host, None, FITTED, identity=IDENTITY, width=64, height=64, anchor_colors=anchor, **wan
        )
        with av.open(str(made(host.run(asked)))) as file:
            return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]

    plain, held = video(False), video(True)
    grey = [abs(float(sum(frame.mean() for frame in each)) / FRAMES - 127.5) for each in (plain, held)]
    assert grey[1] < grey[0], "the picture of this person is grey"


def test_wan_animate_looks_at_the_drivers_face_in_a_close_up(
    host: InProcessHost, wan: dict[str, Any]
) -> None:
    changes = {"face_strength": 1.0, "video": VIDEO, "video_motion": DRIVER}
    outcome = refined(host, animation(1), wan | changes, close_up=32, steps=1)
    assert not isinstance(outcome, str), outcome
    assert "connect video" in refined(host, animation(1), wan | {"face_strength": 1.0}, close_up=32)
