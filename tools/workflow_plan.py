"""What the pack's workflows are: their steps, values and notes, free of any file format or coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelFile:
    """A file that a loader loads; the page offers to download it where it is missing."""

    name: str
    folder: str
    url: str


@dataclass(frozen=True)
class Link:
    """The output of another step, by the step's key and the output's name."""

    key: str
    output: str


@dataclass(frozen=True)
class Step:
    """One node. `inputs` holds links and the values that differ from the node's defaults."""

    type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    models: tuple[ModelFile, ...] = ()


@dataclass(frozen=True)
class Group:
    """Steps of one stage, drawn below each other in a frame; so are the groups of a column."""

    title: str
    column: int
    color: str
    steps: Mapping[str, Step]


@dataclass(frozen=True)
class Plan:
    """A workflow. `id` is what the page knows it by; it never changes."""

    name: str
    id: str
    groups: tuple[Group, ...]

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """Files that do not come with the pack; without any the workflow runs as it is."""
        return tuple(model for group in self.groups for step in group.steps.values() for model in step.models)


@dataclass(frozen=True)
class Case:
    """What the workflows differ in."""

    about: str
    driver: str  # bundled clip
    character: str  # bundled picture
    subject: str
    description: str
    wish: str
    from_clip: bool = False  # the character comes from the clip itself, by way of the library
    filmed: bool = False  # the camera of the wish moves


# A line of a note is a paragraph: the page wraps it.
YOUR_FILES = "\n".join(
    (
        "## {about}",
        "Press **Run**: the bundled video moves the bundled character.",
        "",
        "**Your own files:** put *Load Video* in the place of *Example Video* and *Load Image* in that of "
        "*Example Image*, with the same connections.",
        "",
        "- Picture and video should frame the person alike: a bust for a bust, a full body for a full body.",
        "- One person, well lit, hands in sight.",
        "- The result has the frames, the frame rate and the sound of the video.",
    )
)
ABOUT_MOTION = (
    "Each node adds its part to the motion. Bypass *Encode Face Motion* or *Encode Hand Motion* (Ctrl+B) "
    "when you do not need that part. *Save Motion* keeps the result as a file."
)
ABOUT_SAMPLING = "\n".join(
    (
        "**length** 0 animates the whole video; 16 is a quick try.",
        "",
        "**body / hand / face strength** below 1 follow that part less closely.",
        "",
        "**preset** plain suits the bundled model; **steps** 0 are its own 4. A **cfg** above 1 takes twice "
        "as long.",
    )
)

ABOUT_LIBRARY = "\n".join(
    (
        "Sharp frames of different sides become the views; *Create Subject* shows their numbers. "
        "Write the ones that you want into **choice**, such as `3, 1, 5`, and run again.",
        "",
        "*Save Subject* keeps the character. The panel *Subjects* at the page's side lists the library: use, "
        "rename and delete there, or drop pictures of a new character.",
    )
)
ABOUT_WORDS = (
    "Write what you want to see into **wish**. Where words and motion disagree, the motion is kept, and the "
    "notes of *Enhance Prompt* say so. Words of the camera (pan, tilt, zoom, dolly) move the "
    "finished animation in *Apply Camera*."
)

GREY, BLUE, GREEN, PURPLE, ORANGE = "#444", "#3f789e", "#3f7a4b", "#6b4f8a", "#9a6a35"


def animation(case: Case) -> tuple[Group, ...]:
    """The one graph of the pack: video and picture in, animated video with the original sound out."""
    video = Link("driver", "video")
    return (
        *_motion_groups(case, video),
        *_character_groups(case, video),
        *_word_groups(case),
        *_result_groups(case, video),
    )


def _motion_groups(case: Case, video: Link) -> tuple[Group, ...]:
    """Video and picture, and what the video shows."""
    return (
        Group("1  Video and picture", 0, GREY, {
            "about": Step("MarkdownNote", {"text": YOUR_FILES.format(about=case.about)}, "Start here"),
            "driver": Step("KMC_ExampleVideo", {"name": case.driver}),
            **({} if case.from_clip else {
                "character": Step("KMC_ExampleImage", {"name": case.character}),
            }),
        }),
        Group("2  Motion of the video", 1, BLUE, {
            "body": Step("KMC_EncodeBodyMotion", {"video": video}),
            "face": Step("KMC_EncodeFaceMotion", {"video": video, "motion": Link("body", "motion")}),
            "hands": Step("KMC_EncodeHandMotion", {"video": video, "motion": Link("face", "motion")}),
            "about_motion": Step("MarkdownNote", {"text": ABOUT_MOTION}, "Parts of the motion"),
        }),
    )  # fmt: skip


def _character_groups(case: Case, video: Link) -> tuple[Group, ...]:
    """The character, and the motion on it."""
    source = {"clip": video, "most": 6} if case.from_clip else {"images": Link("character", "image")}
    return (
        Group("3  Character", 2, GREEN, {
            "subject": Step("KMC_CreateSubject", {
                **source, "name": case.subject, "description": case.description,
            }),
            **({
                "keep": Step("KMC_SaveSubject", {"subject": Link("subject", "subject"), "overwrite": True}),
                "about_library": Step("MarkdownNote", {"text": ABOUT_LIBRARY}, "The library"),
            } if case.from_clip else {}),
            "identity": Step("KMC_InjectIdentity", {
                "subject": Link("subject", "subject"), **({"views": "matching"} if case.from_clip else {}),
            }),
        }),
        Group("4  Fit the motion to the character", 2, BLUE, {
            "fit": Step("KMC_RetargetMotion", {
                "motion": Link("hands", "motion"), "subject": Link("subject", "subject"),
            }),
            "preview": Step("KMC_PreviewMotion", {
                "motion": Link("fit", "motion"), "compare": Link("hands", "motion"),
            }),
        }),
    )  # fmt: skip


def _word_groups(case: Case) -> tuple[Group, ...]:
    """Prompts."""
    return (
        Group("5  Words", 3, PURPLE, {
            "words": Step("KMC_EnhancePrompt", {
                "wish": case.wish, "motion": Link("hands", "motion"), "subject": Link("subject", "subject"),
            }),
            "positive": Step("CLIPTextEncode", {
                "text": Link("words", "positive"), "clip": Link("animator", "clip"),
            }, "Positive prompt"),
            "negative": Step("CLIPTextEncode", {
                "text": Link("words", "negative"), "clip": Link("animator", "clip"),
            }, "Negative prompt"),
            **({
                "about_words": Step("MarkdownNote", {"text": ABOUT_WORDS}, "Words and camera"),
            } if case.filmed else {}),
        }),
    )  # fmt: skip


def _result_groups(case: Case, video: Link) -> tuple[Group, ...]:
    """The animation, the camera that films it, and its video."""
    fitted, still = Link("fit", "motion"), Link("detail", "images")
    return (
        Group("6  Animate", 4, ORANGE, {
            "animator": Step("KMC_LoadAnimator", {"checkpoint": "kmc_mini.safetensors"}),
            "conditions": Step("KMC_AnimateConditioning", {
                "model": Link("animator", "model"),
                "positive": Link("positive", "CONDITIONING"),
                "negative": Link("negative", "CONDITIONING"),
                "motion": fitted,
                "identity": Link("identity", "identity"),
            }),
            "sampler": Step("KMC_DistilledSampler", {
                "model": Link("animator", "model"),
                "positive": Link("conditions", "positive"),
                "negative": Link("conditions", "negative"),
                "latent": Link("conditions", "latent"),
            }),
            "about_sampling": Step("MarkdownNote", {"text": ABOUT_SAMPLING}, "What to change"),
        }),
        Group("7  Video", 5, GREY, {
            "pictures": Step("VAEDecode", {
                "samples": Link("sampler", "latent"), "vae": Link("animator", "vae"),
            }),
            "detail": Step("KMC_RestoreDetail", {
                "images": Link("pictures", "IMAGE"),
                "motion": fitted,
                "identity": Link("identity", "identity"),
                "longest_side": 512,
            }),
            **({
                "camera": Step("KMC_ApplyCamera", {
                    "motion": fitted, "camera": Link("words", "camera"), "images": still,
                }),
            } if case.filmed else {}),
            "sound": Step("KMC_VideoInfo", {"video": video}),
            "video": Step("CreateVideo", {
                "images": Link("camera", "images") if case.filmed else still, "audio": Link("sound", "audio"),
                "fps": Link("conditions", "fps"),
            }),
            "provenance": Step("KMC_AddProvenance", {
                "video": Link("video", "VIDEO"), "model": Link("animator", "model"),
                "motion": fitted, "identity": Link("identity", "identity"),
            }),
            "save": Step("SaveVideo", {
                "video": Link("provenance", "video"), "filename_prefix": "video/KMC",
            }),
        }),
    )  # fmt: skip


PLANS = (
    Plan(
        "01_portrait",
        "6c1f5f6e-2f0b-4a52-9a0a-5b6a6f0c0a01",
        animation(
            Case(
                about="A portrait that talks",
                driver="portrait.mp4",
                character="portrait.png",
                subject="Mira",
                description="a woman with long brown hair in a teal sweater",
                wish="talking, plain background",
            )
        ),
    ),
    Plan(
        "02_full_body",
        "6c1f5f6e-2f0b-4a52-9a0a-5b6a6f0c0a02",
        animation(
            Case(
                about="A full body that moves",
                driver="full_body.mp4",
                character="full_body.png",
                subject="Noa",
                description="a woman in a red striped shirt and blue trousers",
                wish="waving, plain background",
            )
        ),
    ),
    Plan(
        "03_subject_library",
        "6c1f5f6e-2f0b-4a52-9a0a-5b6a6f0c0a03",
        animation(
            Case(
                about="A character from a clip, kept in the library",
                driver="full_body.mp4",
                character="",
                subject="From a clip",
                description="",
                wish="waving, plain background",
                from_clip=True,
            )
        ),
    ),
    Plan(
        "04_prompt_and_camera",
        "6c1f5f6e-2f0b-4a52-9a0a-5b6a6f0c0a04",
        animation(
            Case(
                about="Words and camera",
                driver="full_body.mp4",
                character="full_body_2.png",
                subject="Iva",
                description="",
                wish="she waves at a sunset beach, no hat, slow zoom in",
                filmed=True,
            )
        ),
    ),
)
