"""The word nodes on the real host: notes, a language model as clip, and camera moves."""

from typing import Any

import pytest
import torch

from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.engines.filmed import film
from kmc_core.motion.camera import Camera, CameraMove, apply_camera
from moving_person import person

WISH = "she sits on a beach at sunset, no hat, slow pan left"


class Writer:
    """What the host's CLIP offers for writing, with a ready answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def tokenize(self, text: str, **options: Any) -> str:
        return text

    def generate(self, tokens: str, **options: Any) -> str:
        return tokens

    def decode(self, written: str) -> str:
        return self.answer


def enhancing(host: InProcessHost, clip: Any = None, **more: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = {"wish": WISH, "engine": "wan_animate2"} | more
    prompt: dict[str, Any] = {"words": {"class_type": "KMC_EnhancePrompt", "inputs": inputs}}
    if clip is not None:
        prompt |= {"clip": host.value(clip)}
        inputs["clip"] = ["clip", 0]
    for slot in range(5):
        prompt[f"show{slot}"] = {"class_type": "PreviewAny", "inputs": {"source": ["words", slot]}}
    return prompt


def texts(host: InProcessHost, prompt: dict[str, Any]) -> list[str]:
    result = host.run(prompt)
    assert result.success, result.error
    return [result.output("words", slot) for slot in range(5)]


def test_the_node_gives_five_texts_and_notes(host: InProcessHost) -> None:
    positive, negative, motion, camera, notes = texts(host, enhancing(host))
    assert positive == "a woman, on a beach, at sunset" and negative.startswith("hat, ")
    assert motion == "sitting, camera slowly pans left"
    assert camera == "camera slowly pans left"
    assert "she -> a woman" in notes and "sits -> sitting" in notes


def test_the_notes_say_where_the_motion_is_kept(host: InProcessHost) -> None:
    prompt = enhancing(host, wish="a man, close-up") | {"motion": host.value(person(9))}
    prompt["words"]["inputs"]["motion"] = ["motion", 0]
    positive, *_, notes = texts(host, prompt)
    assert positive.endswith("full body")
    assert "The wish says 'close-up', the motion is framed as full body: the motion is kept." in notes


def test_a_language_model_as_clip_writes_what_is_checked(host: InProcessHost) -> None:
    answer = "who: a woman\nbackground: a beach of white sand\nlight: a warm sunset\naction: sitting quietly"
    positive, _, motion, *_ = texts(host, enhancing(host, Writer(answer)))
    assert positive == "a woman, a beach of white sand, a warm sunset"
    assert motion == "sitting quietly, camera slowly pans left"


def small_language_model(host: InProcessHost) -> Any:
    """The host's own Qwen 3 class at a tiny size, with random weights."""
    import comfy.sd
    import comfy.supported_models_base
    from comfy.text_encoders import z_image

    sizes = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 1,
        "num_key_value_heads": 1,
    }  # fmt: skip
    target = comfy.supported_models_base.ClipTarget(z_image.ZImageTokenizer, z_image.te())
    options = {"qwen3_4b_model_config": sizes, "dtype": torch.float32}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        clip = comfy.sd.CLIP(target, model_options=options)
        for parameter in clip.cond_stage_model.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    return clip


def test_the_hosts_language_model_runs_and_nonsense_falls_back(host: InProcessHost) -> None:
    plain = texts(host, enhancing(host))
    written = texts(host, enhancing(host, small_language_model(host)))
    assert written[:4] == plain[:4]
    assert "The language model's answer was not used: Expected a line for each of who" in written[4]


def test_a_text_encoder_that_cannot_write_falls_back(host: InProcessHost) -> None:
    path = write_tiny_animator(host.base)
    prompt = enhancing(host)
    prompt["load"] = {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": TINY}}
    prompt["words"]["inputs"]["clip"] = ["load", 1]
    written = texts(host, prompt)
    path.unlink()
    assert written[:4] == texts(host, enhancing(host))[:4]
    assert "got a text encoder that cannot write" in written[4]


def filming(host: InProcessHost, motion: Any, camera: Any, strength: float = 1.0) -> dict[str, Any]:
    inputs = {"motion": ["motion", 0], "camera": camera, "strength": strength}
    return {
        "motion": host.value(motion),
        "film": {"class_type": "KMC_ApplyCamera", "inputs": inputs},
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["film", 1]}},
    }


def test_apply_camera_takes_the_camera_of_enhance_prompt(host: InProcessHost) -> None:
    motion = person(9)
    result = host.run(enhancing(host) | filming(host, motion, ["words", 3]))
    assert result.success, result.error
    expected = apply_camera(motion, Camera((CameraMove("pan", "left", "slow"),)))
    assert torch.equal(result.output("film").tracks[0].body, expected.tracks[0].body)
    assert result.output("film", 1) == "Applied: camera slowly pans left."


def test_apply_camera_films_a_finished_animation_with_its_background(host: InProcessHost) -> None:
    motion = person(9)
    images = torch.rand(9, 36, 32, 3, generator=torch.Generator().manual_seed(0))
    prompt = filming(host, motion, "camera pans left")
    blocked = host.run(prompt | {"see": {"class_type": "PreviewAny", "inputs": {"source": ["film", 2]}}})
    assert "show" in blocked.ui and "see" not in blocked.ui, "what follows does not run"
    for edges in ("stay inside", "mirror"):
        prompt["film"]["inputs"] |= {"images": ["images", 0], "edges": edges}
        result = host.run(prompt | {"images": host.value(images)})
        assert result.success, result.error
        camera = Camera((CameraMove("pan", "left"),))
        frames, filmed = film(images.movedim(-1, 1), motion, camera, edges=edges)  # type: ignore[arg-type]
        assert torch.allclose(result.output("film", 2), frames.movedim(1, -1), atol=1e-6)
        assert torch.equal(result.output("film").tracks[0].body, filmed.tracks[0].body)


def test_apply_camera_knows_how_the_picture_lies_in_the_animation(host: InProcessHost) -> None:
    motion, camera = person(9), Camera((CameraMove("pan", "left"),))
    images = torch.zeros(9, 32, 64, 3)
    bodies = []
    for framing, filled in (("whole picture", False), ("cut to fill", True)):
        prompt = filming(host, motion, "camera pans left") | {"images": host.value(images)}
        prompt["film"]["inputs"] |= {"images": ["images", 0], "framing": framing}
        result = host.run(prompt)
        assert result.success, result.error
        _, filmed = film(images.movedim(-1, 1), motion, camera, filled=filled)
        bodies.append(result.output("film").tracks[0].body)
        assert torch.equal(bodies[-1], filmed.tracks[0].body)
    assert not torch.equal(*bodies)


@pytest.mark.parametrize("camera", ["", "static camera"])
def test_a_camera_that_stands_still_changes_nothing(host: InProcessHost, camera: str) -> None:
    motion = person(9)
    result = host.run(filming(host, motion, camera))
    assert torch.equal(result.output("film").tracks[0].body, motion.tracks[0].body)


def test_words_that_name_no_move_are_refused(host: InProcessHost) -> None:
    result = host.run(filming(host, person(9), "make it nice"))
    assert not result.success and "Expected camera words such as" in (result.error or "")
