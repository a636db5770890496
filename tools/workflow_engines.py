"""The workflows that make long videos and drive the engines that people have, beside the bundled ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workflow_plan import (
    ABOUT_MOTION,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PLANS,
    PURPLE,
    Group,
    Link,
    ModelFile,
    Plan,
    Step,
)

COMFY = "https://huggingface.co/Comfy-Org"
KIJAI = "https://huggingface.co/Kijai"
WAN_21, WAN_22 = (f"{COMFY}/Wan_{version}_ComfyUI_{name}/resolve/main/split_files"
                  for version, name in (("2.1", "repackaged"), ("2.2", "Repackaged")))  # fmt: skip
TEXT = ModelFile(
    "umt5_xxl_fp8_e4m3fn_scaled.safetensors", "text_encoders",
    f"{WAN_21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
)  # fmt: skip
CLIP_VISION = ModelFile(
    "clip_vision_h.safetensors", "clip_vision", f"{WAN_21}/clip_vision/clip_vision_h.safetensors"
)
VAE = ModelFile("wan_2.1_vae.safetensors", "vae", f"{WAN_22}/vae/wan_2.1_vae.safetensors")
VAE_BF16 = ModelFile(
    "Wan2_1_VAE_bf16.safetensors", "vae", f"{KIJAI}/WanVideo_comfy/resolve/main/Wan2_1_VAE_bf16.safetensors"
)
FEW_STEPS = ModelFile(
    "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors", "loras",
    f"{KIJAI}/WanVideo_comfy/resolve/main/Lightx2v/"
    "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors",
)  # fmt: skip
RELIGHT = ModelFile(
    "WanAnimate_relight_lora_fp16.safetensors", "loras",
    f"{KIJAI}/WanVideo_comfy/resolve/main/LoRAs/Wan22_relight/WanAnimate_relight_lora_fp16.safetensors",
)  # fmt: skip
DPO = ModelFile(
    "wan2.1_SCAIL_2_DPO_lora_bf16.safetensors", "loras",
    f"{COMFY}/SCAIL-2/resolve/main/loras/wan2.1_SCAIL_2_DPO_lora_bf16.safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """An engine with the few-step settings of the field."""

    label: str
    prompts: Literal["kmc", "wan_animate", "wan_animate2", "scail2"]  # format of Enhance Prompt
    model: ModelFile
    vae: ModelFile
    loras: tuple[tuple[ModelFile, float], ...]
    shift: float
    steps: int
    sampler: str
    about: str


WAN_ANIMATE = Setting(
    "Wan-Animate", "wan_animate",
    ModelFile(
        "Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors", "diffusion_models",
        f"{KIJAI}/WanVideo_comfy_fp8_scaled/resolve/main/Wan22Animate/"
        "Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors",
    ),
    VAE, ((FEW_STEPS, 1.0), (RELIGHT, 1.0)), 8.0, 6, "euler",
    "It is shown the fitted skeleton and the driver's face. **body / hand / face strength** below 1 follow "
    "that part less closely; **face_strength** 0 keeps the driver's calm face.",
)  # fmt: skip
WAN_ANIMATE_2 = Setting(
    "Wan-Animate-2", "wan_animate2",
    ModelFile(
        "wan_animate_2_distill_int8_convrot.safetensors", "diffusion_models",
        f"{COMFY}/Wan-Animate-2/resolve/main/diffusion_models/wan_animate_2_distill_int8_convrot.safetensors",
    ),
    VAE_BF16, (), 5.0, 10, "lcm",
    "It needs ComfyUI 0.31 or later. It is shown the video itself, moved and scaled so that its person lies "
    "on the character. The prompt tells looks and background, the motion prompt what is done.",
)  # fmt: skip
SCAIL_2 = Setting(
    "SCAIL-2", "scail2",
    ModelFile(
        "wan2.1_14B_SCAIL_2_fp8_scaled.safetensors", "diffusion_models",
        f"{COMFY}/SCAIL-2/resolve/main/diffusion_models/wan2.1_14B_SCAIL_2_fp8_scaled.safetensors",
    ),
    VAE_BF16, ((DPO, 1.0), (FEW_STEPS, 0.8)), 5.0, 6, "euler",
    "It is shown the video itself, moved and scaled so that its person lies on the character, and masks in "
    "colours. All views of the subject are references. Disconnect **video** and it follows the drawn motion, "
    "mended or mixed as you like.",
)  # fmt: skip

YOUR_FILES = "\n".join(
    (
        "## {about}",
        "{first}",
        "",
        "**Your own files:** put *Load Video* in the place of *Example Video* and *Load Image* in that of "
        "*Example Image*, with the same connections.",
        "",
        "- Any length: the result has the frames, the frame rate and the sound of the video.",
        "- Cancel at any time: queue again and it goes on where it was.",
    )
)
ABOUT_LONG = "\n".join(
    (
        "**length** 0 animates the whole video; one window is a quick try.",
        "",
        "{about}",
        "",
        "Finished windows lie in *output/kmc_windows*; delete that folder whenever you like.",
    )
)

ABOUT_DRAFT = "\n".join(
    (
        "The KMC animator makes the animation small and quickly; look at it before the heavy run, and cancel "
        "when the motion is not what you want.",
        "",
        "The engine starts from the draft at **denoise** 0.8: lower keeps more of it, its softness, too. "
        "Set denoise to 1 and disconnect **draft** to start from noise.",
    )
)


@dataclass(frozen=True)
class Case:
    """What the workflows differ in."""

    about: str
    driver: str
    character: str
    subject: str
    description: str
    wish: str
    setting: Setting | None = None  # None: the bundled animator
    replace_person: bool = False
    draft: bool = False  # the bundled animator first, the engine from its result on


def long_animation(case: Case) -> tuple[Group, ...]:
    """Video and picture in, an animated video of the same length out, on any engine."""
    video, picture = Link("driver", "video"), Link("character", "image")
    setting = case.setting
    first = "Press **Run**: the bundled video moves the bundled character."
    if setting is not None:
        first = f"Load the files that the loaders name, then press **Run**. {setting.label} needs a GPU."
    placement = {"placement": "match video"} if case.replace_person else {}
    return (
        Group("1  Video and picture", 0, GREY, {
            "about": Step("MarkdownNote", {"text": YOUR_FILES.format(about=case.about, first=first)},
                          "Start here"),
            "driver": Step("KMC_ExampleVideo", {"name": case.driver}),
            "character": Step("KMC_ExampleImage", {"name": case.character}),
        }),
        Group("2  Motion of the video", 1, BLUE, {
            "body": Step("KMC_EncodeBodyMotion", {"video": video}),
            "face": Step("KMC_EncodeFaceMotion", {"video": video, "motion": Link("body", "motion")}),
            "hands": Step("KMC_EncodeHandMotion", {"video": video, "motion": Link("face", "motion")}),
            "about_motion": Step("MarkdownNote", {"text": ABOUT_MOTION}, "Parts of the motion"),
        }),
        Group("3  Character", 2, GREEN, {
            "subject": Step("KMC_CreateSubject", {
                "images": picture, "name": case.subject, "description": case.description,
            }),
            "identity": Step("KMC_InjectIdentity", {"subject": Link("subject", "subject")}),
        }),
        Group("4  Fit the motion to the character", 2, BLUE, {
            "fit": Step("KMC_RetargetMotion", {
                "motion": Link("hands", "motion"), "subject": Link("subject", "subject"), **placement,
            }),
            "preview": Step("KMC_PreviewMotion", {
                "motion": Link("fit", "motion"), "compare": Link("hands", "motion"),
            }),
        }),
        Group("5  Words", 3, PURPLE, _words(case)),
        Group("6  Engine", 4, ORANGE, _engine(setting)),
        *((Group("Draft by the KMC animator", 4, ORANGE, _draft()),) if case.draft else ()),
        Group("7  Animate", 5, ORANGE, _animate(case)),
        Group("8  Video", 6, GREY, {
            "provenance": Step("KMC_AddProvenance", {
                "video": Link("long", "video"), "model": _model(setting),
                "motion": Link("fit", "motion"), "identity": Link("identity", "identity"),
            }),
            "save": Step("SaveVideo", {
                "video": Link("provenance", "video"), "filename_prefix": "video/KMC",
            }),
        }),
    )  # fmt: skip


def _words(case: Case) -> dict[str, Step]:
    setting = case.setting
    format_of = {} if setting is None else {"engine": setting.prompts}
    clip = Link("animator", "clip") if setting is None else Link("text_encoder", "CLIP")

    def encoded(output: str, title: str) -> Step:
        return Step("CLIPTextEncode", {"text": Link("words", output), "clip": clip}, title)

    words = {
        "words": Step("KMC_EnhancePrompt", {
            "wish": case.wish, "motion": Link("hands", "motion"), "subject": Link("subject", "subject"),
            **format_of,
        }),
        "positive": encoded("positive", "Positive prompt"),
        "negative": encoded("negative", "Negative prompt"),
    }  # fmt: skip
    if setting is WAN_ANIMATE_2:
        words["motion_words"] = encoded("motion_prompt", "Motion prompt")
    return words


def _engine(setting: Setting | None) -> dict[str, Step]:
    """Loaders, LoRAs and shift; the last step that makes a MODEL is called "engine"."""
    if setting is None:
        return {"animator": Step("KMC_LoadAnimator", {"checkpoint": "kmc_mini.safetensors"})}
    steps = {"weights": Step("UNETLoader", {"unet_name": setting.model.name}, models=(setting.model,))}
    model = Link("weights", "MODEL")
    for number, (lora, strength) in enumerate(setting.loras, start=1):
        steps[f"lora_{number}"] = Step(
            "LoraLoaderModelOnly",
            {"model": model, "lora_name": lora.name, "strength_model": strength},
            models=(lora,),
        )
        model = Link(f"lora_{number}", "MODEL")
    return steps | {
        "engine": Step("ModelSamplingSD3", {"model": model, "shift": setting.shift}),
        "text_encoder": Step("CLIPLoader", {"clip_name": TEXT.name, "type": "wan"}, models=(TEXT,)),
        "vae": Step("VAELoader", {"vae_name": setting.vae.name}, models=(setting.vae,)),
        "clip_vision": Step("CLIPVisionLoader", {"clip_name": CLIP_VISION.name}, models=(CLIP_VISION,)),
    }


def _model(setting: Setting | None) -> Link:
    return Link("animator", "model") if setting is None else Link("engine", "MODEL")


def _draft() -> dict[str, Step]:
    """The bundled animator's animation of the same frames, shown as soon as it is made."""
    clip = Link("animator", "clip")
    prompts = {
        f"draft_{name}": Step(
            "CLIPTextEncode", {"text": Link("words", name), "clip": clip}, f"Draft's {name}"
        )
        for name in ("positive", "negative")
    }
    return {
        "animator": Step("KMC_LoadAnimator", {"checkpoint": "kmc_mini.safetensors"}),
        **prompts,
        "draft": Step("KMC_AnimateLongVideo", {
            "model": Link("animator", "model"), "vae": Link("animator", "vae"),
            "positive": Link("draft_positive", "CONDITIONING"),
            "negative": Link("draft_negative", "CONDITIONING"),
            "motion": Link("fit", "motion"), "identity": Link("identity", "identity"),
        }, "Draft"),
        "show_draft": Step("SaveVideo", {
            "video": Link("draft", "video"), "filename_prefix": "video/KMC_draft",
        }, "Look at the draft"),
        "about_draft": Step("MarkdownNote", {"text": ABOUT_DRAFT}, "Draft first"),
    }  # fmt: skip


def _animate(case: Case) -> dict[str, Step]:
    setting, video = case.setting, Link("driver", "video")
    inputs: dict[str, Any] = {
        "positive": Link("positive", "CONDITIONING"),
        "negative": Link("negative", "CONDITIONING"),
        "motion": Link("fit", "motion"),
        "identity": Link("identity", "identity"),
        "audio": Link("sound", "audio"),
    }
    about = (
        "**steps** 4 and **cfg** 1 suit the bundled model. It makes 48 frames at a time and mixes 8 of them."
    )
    if setting is None:
        inputs |= {"model": _model(setting), "vae": Link("animator", "vae")}
    else:
        about = setting.about
        inputs |= {
            "model": _model(setting), "vae": Link("vae", "VAE"),
            "clip_vision": Link("clip_vision", "CLIP_VISION"), "video": video,
            "video_motion": Link("hands", "motion"), "steps": setting.steps,
            "sampler": Link("method", "SAMPLER"), "replace_person": case.replace_person,
        }  # fmt: skip
    if case.draft:
        inputs |= {"draft": Link("draft", "video"), "denoise": 0.8, "steps": 5}
    if setting is WAN_ANIMATE_2:
        inputs["motion_prompt"] = Link("motion_words", "CONDITIONING")
    method = {} if setting is None else {"method": Step("KSamplerSelect", {"sampler_name": setting.sampler})}
    return {
        "sound": Step("KMC_VideoInfo", {"video": video}),
        **method,
        "long": Step("KMC_AnimateLongVideo", inputs),
        "about_long": Step("MarkdownNote", {"text": ABOUT_LONG.format(about=about)}, "What to change"),
    }


DANCER = {
    "driver": "full_body.mp4", "character": "full_body.png", "subject": "Noa",
    "description": "a woman in a red striped shirt and blue trousers", "wish": "waving, plain background",
}  # fmt: skip
CASES = {
    "05_wan_animate": ("05", Case(about="Wan-Animate, any length", setting=WAN_ANIMATE, **DANCER)),
    "06_wan_animate_2": ("06", Case(about="Wan-Animate-2, any length", setting=WAN_ANIMATE_2, **DANCER)),
    "07_scail2": ("07", Case(about="SCAIL-2, any length", setting=SCAIL_2, **DANCER)),
    "08_long_video": ("08", Case(about="A long video, without a GPU", **DANCER)),
    "09_replace_character": (
        "09",
        Case(about="Another person in the same video", setting=WAN_ANIMATE, replace_person=True, **DANCER),
    ),
    "10_draft_first": (
        "10",
        Case(about="A draft first, then Wan-Animate", setting=WAN_ANIMATE, draft=True, **DANCER),
    ),
}
ALL_PLANS = PLANS + tuple(
    Plan(name, f"6c1f5f6e-2f0b-4a52-9a0a-5b6a6f0c0a{number}", long_animation(case))
    for name, (number, case) in CASES.items()
)
