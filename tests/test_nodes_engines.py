"""The engines on the real host: its own classes, loaders and nodes judge every tensor."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from by_hand import (
    CARRIED,
    DRIVER,
    FITTED,
    FRAMES,
    IDENTITY,
    LENGTH,
    SIZE,
    SUBJECT,
    VIDEO,
    assert_same,
    core_request,
    scail_by_hand,
    wan_by_hand,
)
from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.engines.identity import shown_subject
from kmc_core.engines.kmc import no_check
from kmc_core.engines.request import Driver
from kmc_core.engines.wan_animate import wan_animate_inputs
from kmc_core.motion.retarget import retarget
from kmc_core.perception.clips import TensorClip
from kmc_core.subject.identity import Identity
from moving_person import HEIGHT, WIDTH, person
from tiny_wan import load_tiny, load_tiny_vae, tiny_clip_vision, tiny_text


@pytest.fixture(scope="module")
def vae(host: InProcessHost) -> Any:
    return load_tiny_vae(host.base)


@pytest.fixture(scope="module")
def clip_vision(host: InProcessHost) -> Any:
    return tiny_clip_vision()


@pytest.fixture(scope="module")
def models(host: InProcessHost) -> dict[str, Any]:
    return {kind: load_tiny(host.base, kind) for kind in ("animate", "scail", "scail2", "t2v")}


@pytest.fixture()
def inputs(models: dict[str, Any], vae: Any, clip_vision: Any) -> dict[str, Any]:
    """Everything that Animate Conditioning takes, for Wan-Animate."""
    return {
        "model": models["animate"], "positive": tiny_text(0), "negative": tiny_text(1), "motion": FITTED,
        "identity": IDENTITY, "width": SIZE[0], "height": SIZE[1], "start_frame": 0, "length": LENGTH,
        "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0, "person": 0, "vae": vae,
        "clip_vision": clip_vision, "video": VIDEO, "video_motion": DRIVER,
    }  # fmt: skip


def test_wan_animate_gets_what_the_hosts_own_node_gives(host: InProcessHost, inputs: dict[str, Any]) -> None:
    positive, negative, latent, fps, trim_latent, trim_image, length = host.call(
        "KMC_AnimateConditioning", **inputs
    )
    theirs = wan_by_hand(host, inputs)
    assert_same(positive, theirs[0])
    assert_same(negative, theirs[1])
    assert torch.equal(latent["samples"], theirs[2]["samples"])
    assert (fps, trim_latent, trim_image, length) == (25.0, *theirs[3:5], LENGTH)
    values = positive[0][1]
    assert values["pose_video_latent"].shape == (1, 16, 3, 12, 8)
    assert values["face_video_pixels"].shape == (1, 3, LENGTH, 512, 512)
    assert latent["samples"].shape == (1, 16, 4, 12, 8)


def test_wan_animate_goes_on_from_given_frames(host: InProcessHost, inputs: dict[str, Any]) -> None:
    before = torch.rand(8, SIZE[1], SIZE[0], 3, generator=torch.Generator().manual_seed(4))
    ours = host.call(
        "KMC_AnimateConditioning", **inputs | {"start_frame": 8, "length": 4, "continue_motion": before}
    )
    theirs = wan_by_hand(host, inputs, start=3, continue_motion=before[-5:], video_frame_offset=CARRIED)
    assert_same(ours[0], theirs[0])
    assert ours[5] == theirs[4] == CARRIED and ours[6] == 4
    assert theirs[5] == LENGTH  # the host, too, counts from the first carried frame
    assert ours[0][0][1]["concat_mask"][:, :, 1:3].max() == 0


def test_replacement_differs_from_the_host_in_the_rows_of_the_mask_alone(
    host: InProcessHost, inputs: dict[str, Any]
) -> None:
    masks = torch.zeros(FRAMES, HEIGHT, WIDTH)
    for frame in range(FRAMES):  # a person who comes in from below
        masks[frame, HEIGHT - 50 * (frame + 1) :] = 1
    changes = {"motion": retarget(DRIVER, SUBJECT, placement="match video"), "replace_person": True}
    ours = host.call("KMC_AnimateConditioning", **inputs | changes | {"mask": masks})
    changes["driver"] = Driver(TensorClip(VIDEO.permute(0, 3, 1, 2), 25.0), DRIVER, masks)
    theirs = wan_by_hand(host, inputs, request=changes)
    mask = ours[0][0][1]["concat_mask"]
    hosts = theirs[0][0][1]["concat_mask"]
    made = wan_animate_inputs(core_request(**changes), 0, LENGTH, no_check).masks["character_mask"]
    small = torch.nn.functional.interpolate(made[:, None], size=(12, 8), mode="nearest-exact")[:, 0]
    rows = mask[0, :, 1:].transpose(0, 1).flatten(0, 1)
    assert torch.equal(mask[:, :, 0], torch.zeros(1, 4, 12, 8))
    for row in range(4):
        assert torch.equal(rows[row], small[0])
    for frame in range(1, LENGTH):
        assert torch.equal(rows[frame + 3], small[frame])
    assert not torch.equal(mask, hosts)  # when this fails the host has mended its rows: drop ours
    for entries in (ours[0], ours[1]):
        entries[0][1]["concat_mask"] = hosts
    assert_same(ours[0], theirs[0])
    assert_same(ours[1], theirs[1])


def test_pose_strength_is_taken_around_the_empty_pose(
    host: InProcessHost, inputs: dict[str, Any], vae: Any
) -> None:
    poses = {
        strength: host.call("KMC_AnimateConditioning", **inputs | {"body_strength": strength})[0][0][1]
        for strength in (0.0, 0.5, 1.0)
    }
    empty = vae.encode(torch.zeros(LENGTH, SIZE[1], SIZE[0], 3))
    whole = poses[1.0]["pose_video_latent"]
    assert torch.equal(poses[0.0]["pose_video_latent"], empty)
    torch.testing.assert_close(poses[0.5]["pose_video_latent"], (empty + whole) / 2)
    assert torch.equal(whole, wan_by_hand(host, inputs)[0][0][1]["pose_video_latent"])


def test_face_strength_fades_to_the_calm_face_and_leaves_the_negative(
    host: InProcessHost, inputs: dict[str, Any]
) -> None:
    faces = {}
    for strength in (0.0, 0.5, 1.0):
        ours = host.call("KMC_AnimateConditioning", **inputs | {"face_strength": strength})
        faces[strength] = ours[0][0][1]["face_video_pixels"]
        assert (ours[1][0][1]["face_video_pixels"] == -1).all()
    assert (faces[0.0] == faces[0.0][:, :, :1]).all()
    torch.testing.assert_close(faces[0.5], (faces[0.0] + faces[1.0]) / 2)


def test_outside_its_part_of_the_sampling_nothing_is_driven(
    host: InProcessHost, inputs: dict[str, Any], vae: Any
) -> None:
    ours = host.call("KMC_AnimateConditioning", **inputs | {"guide_start": 0.25, "guide_end": 0.75})
    plain = host.call("KMC_AnimateConditioning", **inputs)
    empty = vae.encode(torch.zeros(LENGTH, SIZE[1], SIZE[0], 3))
    for entries, whole in ((ours[0], plain[0][0][1]), (ours[1], plain[1][0][1])):
        spans = [(values["start_percent"], values["end_percent"]) for _, values in entries]
        assert [round(low, 3) for low, _ in spans] == [0, 0.25, 0.75]
        assert [high for _, high in spans] == [0.25, 0.75, 1.0]
        before, meanwhile, after = (values for _, values in entries)
        assert torch.equal(before["pose_video_latent"], empty)
        assert torch.equal(after["pose_video_latent"], empty)
        assert torch.equal(meanwhile["pose_video_latent"], whole["pose_video_latent"])
    still = ours[0][0][1]["face_video_pixels"]
    assert (still == still[:, :, :1]).all() and not (still == -1).all()
    assert (ours[1][0][1]["face_video_pixels"] == -1).all()


@pytest.mark.parametrize("name", ["scail", "scail2"])
def test_scail_gets_what_the_hosts_own_node_gives(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any], name: Any
) -> None:
    ours = host.call("KMC_AnimateConditioning", **inputs | {"model": models[name]})
    theirs = scail_by_hand(host, inputs, name)
    assert_same(ours[0], theirs[0])
    assert_same(ours[1], theirs[1])
    assert torch.equal(ours[2]["samples"], theirs[2]["samples"])
    assert ours[4:] == (0, 0, LENGTH)
    assert ours[0][0][1]["pose_video_latent"].shape == (1, 16, 3, 6, 4)
    assert ("driving_mask_28ch" in ours[0][0][1]) == (name == "scail2")


def test_scail2_goes_on_from_given_frames_and_shows_all_views(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any]
) -> None:
    both = Identity(replace(SUBJECT, views=SUBJECT.views * 2), 1.0)
    before = torch.rand(6, SIZE[1], SIZE[0], 3, generator=torch.Generator().manual_seed(4))
    changes = {"model": models["scail2"], "identity": both, "start_frame": 8, "length": 4}
    ours = host.call("KMC_AnimateConditioning", **inputs | changes | {"continue_motion": before})
    theirs = scail_by_hand(
        host, inputs, "scail2", start=3, request={"identity": both}, previous_frames=before[-5:],
        video_frame_offset=CARRIED,
    )  # fmt: skip
    assert_same(ours[0], theirs[0])
    assert len(ours[0][0][1]["reference_latents"]) == 2
    assert torch.equal(ours[2]["samples"], theirs[2]["samples"])
    assert torch.equal(ours[2]["noise_mask"], theirs[2]["noise_mask"])
    assert ours[2]["noise_mask"][0, 0, :, 0, 0].tolist() == [0, 0, 1]
    assert ours[5] == CARRIED


def test_only_the_part_and_views_of_an_identity_are_shown(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any]
) -> None:
    view = SUBJECT.views[0]
    painted = replace(view, image=torch.rand(view.image.shape, generator=torch.Generator().manual_seed(5)))
    subject = replace(SUBJECT, views=(painted,) * 3)
    asked = inputs | {"model": models["scail2"]}
    whole, one, face, shown = (
        host.call("KMC_AnimateConditioning", **asked | {"identity": identity})[0][0][1]["reference_latents"]
        for identity in (
            Identity(subject), Identity(subject, most=1), Identity(subject, part="face only"),
            Identity(shown_subject(Identity(subject, part="face only"), FITTED)),
        )
    )  # fmt: skip
    assert len(whole) == 3 and len(one) == 1 and torch.equal(one[0], whole[0])
    assert torch.equal(face[0], shown[0]) and not torch.equal(face[0], whole[0])


def test_scail_pose_strength_is_taken_around_the_empty_pose(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any], vae: Any
) -> None:
    ours = host.call("KMC_AnimateConditioning", **inputs | {"model": models["scail2"], "body_strength": 0.0})
    assert torch.equal(
        ours[0][0][1]["pose_video_latent"], vae.encode(torch.zeros(LENGTH, SIZE[1] // 2, SIZE[0] // 2, 3))
    )


def without(inputs: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "t2v"}, "This MODEL (WAN21) cannot be driven by a motion. Load one of these with Load "
                           "Animator or Load Diffusion Model:\n- KMC animator: kmc_mini.safetensors in "
                           "models/kmc (comes with this pack)\n- Wan-Animate: "
                           "Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors in models/diffusion_models "
                           "(18.4 GB), ComfyUI 0.3.60 or later"),
        ({"vae": None}, "Wan-Animate needs its VAE; connect Load VAE with wan_2.1_vae.safetensors in "
                        "models/vae (0.25 GB)."),
        ({"vae": "pixels"}, "Wan-Animate works with the VAE of Wan 2.1 (16 channels, 8 pixels, 4 frames), "
                            "got one of 3 channels, 1 pixels and"),
        ({"clip_vision": None}, "connect Load CLIP Vision with clip_vision_h.safetensors in "
                                "models/clip_vision"),
        ({"width": 72}, "Wan-Animate takes widths and heights that are multiples of 16, got 72 x 96. Use "
                        "64 x 96"),
        ({"length": 14}, "The motion has 13 frames, but 14 frames from frame 0 were asked for"),
        ({"video": None}, "video_motion and mask belong to a video; connect video"),
        ({"motion": "raw"}, "Fit it to the subject with Retarget Motion first"),
        ({"identity": Identity(SUBJECT, 0.5)}, "got identity strength 0.5; set strength to 1"),
        ({"identity": Identity(SUBJECT, start=0.5)}, "of the sampling, got 0.5 to 1.0; set start to 0"),
        ({"start_frame": 13}, "The motion has 13 frames, but start_frame is 13; frames count from 0"),
        ({"length": 78}, "makes at most 77 frames in a run, 78 were asked for; use Animate Long Video"),
        ({"video": VIDEO[:12]}, "The motion has 13 frames, the video has 12; use the video"),
        ({"video_motion": replace(DRIVER, fps=30.0)}, "The motion has 25 frames a second, video_motion has"),
        ({"video_motion": person(12)}, "The motion has 13 frames, video_motion has 12"),
        ({"video_motion": replace(DRIVER, size=(100, 100))}, "video_motion is in pixels of 100 x 100"),
        ({"mask": torch.ones(5, HEIGHT, WIDTH)}, "The motion has 13 frames, there are 5 masks"),
        ({"mask": torch.ones(1, 8, 16)}, "The masks have 16 x 8 pixels"),
        ({"continue_motion": 8}, "but 14 frames from frame -5 were asked for"),
    ],
)  # fmt: skip
def test_what_an_engine_lacks_is_told_before_anything_is_sampled(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any], change: Any, message: str
) -> None:
    from kmc_core.host.animator import PixelVAE

    ((name, value),) = change.items()
    made = {
        "t2v": models["t2v"], "pixels": PixelVAE(), "raw": replace(DRIVER, size=(100, 100)),
        8: torch.rand(8, 96, 64, 3),
    }  # fmt: skip
    with pytest.raises(Exception) as error:
        host.call("KMC_AnimateConditioning", **inputs | {name: made.get(value, value)})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hand_strength": 0.5}, "got hand strength 0.5 and face strength 1.0; set hand strength to 0 or 1"),
        ({"face_strength": 0.5}, "and face strength to 1"),
        ({"continue_motion": torch.rand(8, 96, 64, 3), "start_frame": 8, "length": 4},
         "SCAIL cannot go on from given frames; disconnect continue_motion"),
    ],
)  # fmt: skip
def test_scail_refuses_what_it_cannot_follow(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any], change: Any, message: str
) -> None:
    with pytest.raises(Exception, match=message):
        host.call("KMC_AnimateConditioning", **inputs | {"model": models["scail"]} | change)


def test_the_kmc_animator_refuses_a_part_of_the_sampling(host: InProcessHost, inputs: dict[str, Any]) -> None:
    path = write_tiny_animator(host.base)
    model, _, _ = host.call("KMC_LoadAnimator", checkpoint=TINY)
    with pytest.raises(Exception, match="got guide_start 0.25 and guide_end 1.0; set them to 0 and 1"):
        host.call("KMC_AnimateConditioning", **inputs | {"model": model, "guide_start": 0.25})
    path.unlink()


def test_an_old_host_is_told_which_release_has_the_node(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any]
) -> None:
    known = host.nodes.NODE_CLASS_MAPPINGS
    node = known.pop("WanSCAILToVideo")
    try:
        with pytest.raises(Exception, match="SCAIL-2 needs ComfyUI 0.25 or later, which brings the node"):
            host.call("KMC_AnimateConditioning", **inputs | {"model": models["scail2"]})
    finally:
        known["WanSCAILToVideo"] = node


def sampled(host: InProcessHost, inputs: dict[str, Any], made: Any, steps: int, custom: bool) -> torch.Tensor:
    positive, negative, latent, *_ = made
    if not custom:
        return host.call(
            "KSampler", model=inputs["model"], seed=1, steps=steps, cfg=1.0, sampler_name="euler",
            scheduler="simple", positive=positive, negative=negative, latent_image=latent, denoise=1.0,
        )[0]["samples"]  # fmt: skip
    (guider,) = host.call("BasicGuider", model=inputs["model"], conditioning=positive)
    (sigmas,) = host.call(
        "BasicScheduler", model=inputs["model"], scheduler="simple", steps=steps, denoise=1.0
    )
    (noise,) = host.call("RandomNoise", noise_seed=1)
    (sampler,) = host.call("KSamplerSelect", sampler_name="euler")
    return host.call(
        "SamplerCustomAdvanced", noise=noise, guider=guider, sampler=sampler, sigmas=sigmas,
        latent_image=latent,
    )[0]["samples"]  # fmt: skip


@pytest.mark.parametrize("name", ["animate", "scail", "scail2"])
def test_sampling_follows_the_motion_as_strongly_as_asked(
    host: InProcessHost, inputs: dict[str, Any], models: dict[str, Any], name: str
) -> None:
    """Faces are left out here: a face takes seconds a frame on a CPU."""
    asked = inputs | {"model": models[name], "length": 5}
    if name == "animate":
        asked = without(asked, "video", "video_motion") | {"face_strength": 0.0}
    results = {
        strength: sampled(
            host, asked, host.call("KMC_AnimateConditioning", **asked | {"body_strength": strength}), 1, False
        )
        for strength in (0.0, 0.5, 1.0)
    }
    assert all(result.isfinite().all() for result in results.values())
    half, whole = ((results[s] - results[0.0]).abs().mean() for s in (0.5, 1.0))
    assert 0 < half < whole
    made = host.call("KMC_AnimateConditioning", **asked)
    torch.testing.assert_close(sampled(host, asked, made, 1, True), results[1.0], atol=1e-5, rtol=1e-5)
    for steps in (4, 6):
        plain = sampled(host, asked, made, steps, False)
        assert plain.isfinite().all() and not torch.allclose(plain, results[1.0])
        torch.testing.assert_close(sampled(host, asked, made, steps, True), plain, atol=1e-4, rtol=1e-4)


def test_faces_reach_the_sampler(host: InProcessHost, inputs: dict[str, Any]) -> None:
    grey = torch.linspace(0, 1, FRAMES)[:, None, None, None].expand(-1, HEIGHT, WIDTH, 3)
    asked = inputs | {"length": 1, "start_frame": 6, "video": grey}  # away from the calm frame
    results = [
        sampled(host, asked, host.call("KMC_AnimateConditioning", **asked | {"face_strength": s}), 1, False)
        for s in (0.0, 0.5, 1.0)
    ]
    half, whole = ((result - results[0]).abs().mean() for result in results[1:])
    assert 0 < half < whole
