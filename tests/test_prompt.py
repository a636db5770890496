"""Prompt enhancement: every engine gets its own format, and no word of the user is lost."""

import re
from dataclasses import replace

import pytest
import torch

from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import EXPRESSIONS, JOINT
from kmc_core.motion.types import FaceMotion, Motion, Track
from kmc_core.prompt.describe import describe_motion
from kmc_core.prompt.enhance import enhance
from kmc_core.prompt.formats import ENGINES, NEGATIVE
from kmc_core.prompt.read import read
from kmc_core.subject.types import Subject, View

WISHES = [
    "a woman in a red dress dancing on a beach at sunset, no hat, camera pans left, close-up",
    "Knight in silver armour with a huge xyzzy; plugh! Slow zoom. cartoon style",
    "She waves both hands at the crowd while laughing, without glasses",
    "ein Mann läuft durch den Wald",
    "dancing",
    "",
]
FRAMES, FPS = 24, 24.0


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w'-]+", text.lower()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wish", WISHES)
def test_every_word_of_the_wish_is_in_some_prompt(wish: str, engine: str) -> None:
    prompts = enhance(wish, engine)
    texts = (prompts.positive, prompts.negative, prompts.motion, prompts.camera)
    everything = " ".join((*texts, *prompts.notes))
    assert words(wish) - {"no", "without"} <= words(everything)


def test_unwanted_things_go_to_the_negative_and_nowhere_else() -> None:
    prompts = enhance("a man in a suit, no hat", "kmc")
    assert prompts.negative.startswith("hat, ")
    assert "hat" not in words(prompts.positive)


def test_kmc_positive_follows_the_grammar_of_its_training_captions() -> None:
    prompts = enhance("close-up, dancing, on a beach, a woman in a red dress, camera pans left", "kmc")
    assert prompts.positive == "a woman in a red dress, on a beach, dancing, camera pans left, close-up"


@pytest.mark.parametrize("engine", ["wan_animate", "wan_animate2"])
def test_pose_driven_engines_get_motion_words_only_in_the_motion_prompt(engine: str) -> None:
    prompts = enhance("a woman dancing on a beach", engine)
    assert "dancing" not in prompts.positive and "dancing" in prompts.motion
    assert "beach" in prompts.positive


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_its_own_negative(engine: str) -> None:
    assert enhance("a man", engine).negative == NEGATIVE[engine]


def test_subject_fills_what_the_wish_leaves_open_and_never_overrides_it() -> None:
    view = View(torch.zeros(3, 8, 8), torch.ones(1, 8, 8), Track(), 0.0, "full")
    subject = Subject("Ada", (view,), "a young woman in a green coat")
    filled = enhance("dancing on a beach", "kmc", subject=subject).positive
    assert filled.startswith("a young woman in a green coat, on a beach, dancing")
    overridden = enhance("a robot in a red cape", "kmc", subject=subject).positive
    assert "woman" not in overridden and "green" not in overridden


def test_what_the_description_excludes_goes_to_the_negative() -> None:
    view = View(torch.zeros(3, 8, 8), torch.ones(1, 8, 8), Track(), 0.0, "full")
    subject = Subject("Ada", (view,), "a young woman, no glasses, no hat")
    negative = enhance("dancing, no hat", "kmc", subject=subject).negative
    assert negative.startswith("hat, glasses, ") and negative.count("hat") == 1


def still_body() -> torch.Tensor:
    """A standing person, 100 pixels from neck to pelvis, every joint seen."""
    places = {"nose": (100, 60), "neck": (100, 100), "pelvis": (100, 200)}
    places |= {"l_shoulder": (140, 100), "r_shoulder": (60, 100), "l_wrist": (150, 220), "r_wrist": (50, 220)}
    places |= {"l_hip": (120, 200), "r_hip": (80, 200), "l_ankle": (120, 400), "r_ankle": (80, 400)}
    body = torch.zeros(FRAMES, 25, 4)
    body[..., 3] = 1
    for name, (x, y) in places.items():
        body[:, JOINT[name], :2] = torch.tensor((float(x), float(y)))
    return body


def motion_of(body: torch.Tensor | None = None, face: FaceMotion | None = None) -> Motion:
    return Motion(FPS, (200, 450), (Track(body=body, face=face),))


def test_a_still_person_stands_and_the_frame_is_full_body() -> None:
    told = describe_motion(motion_of(still_body()))
    assert (told.action, told.shot, told.camera) == ("standing still", "full body", "fixed camera")


def test_unseen_legs_make_a_half_body_and_an_unseen_trunk_a_close_up() -> None:
    body = still_body()
    body[:, [JOINT["l_ankle"], JOINT["r_ankle"]], 3] = 0
    assert describe_motion(motion_of(body)).shot == "half body"
    hidden = ("l_hip", "r_hip", "pelvis", "l_elbow", "r_elbow")
    body[:, [JOINT[name] for name in hidden], 3] = 0
    assert describe_motion(motion_of(body)).shot == "close-up"


@pytest.mark.parametrize(("joint", "side"), [("l_wrist", "left"), ("r_wrist", "right")])
def test_a_raised_fast_hand_waves(joint: str, side: str) -> None:
    body = still_body()
    time = torch.arange(FRAMES) / FPS
    body[:, JOINT[joint], 0] += 60 * torch.sin(2 * torch.pi * 2 * time)
    body[:, JOINT[joint], 1] = 40
    assert describe_motion(motion_of(body)).action == f"waving the {side} hand"


def test_a_travelling_person_moves_across_the_picture() -> None:
    body = still_body()
    body[..., 0] += torch.linspace(0, 300, FRAMES)[:, None]
    assert "moving across the picture" in describe_motion(motion_of(body)).action


def test_face_words_come_from_jaw_smile_and_head() -> None:
    expression = torch.zeros(FRAMES, len(EXPRESSIONS))
    turn = torch.eye(3).repeat(FRAMES, 1, 1)
    face = FaceMotion(
        torch.zeros(FRAMES, 478, 3), expression, turn, torch.zeros(FRAMES, 3), torch.ones(FRAMES)
    )
    assert describe_motion(motion_of(face=face)).action == ""
    talking = expression.clone()
    talking[::2, EXPRESSIONS.index("jawOpen")] = 0.5
    talking[:, [EXPRESSIONS.index("mouthSmileLeft"), EXPRESSIONS.index("mouthSmileRight")]] = 0.7
    yaw = torch.linspace(-0.4, 0.4, FRAMES)
    turn = turn.clone()
    turn[:, 0, 0], turn[:, 0, 2], turn[:, 2, 0], turn[:, 2, 2] = yaw.cos(), -yaw.sin(), yaw.sin(), yaw.cos()
    told = describe_motion(motion_of(face=replace(face, expression=talking, rotation=turn)))
    assert told.action == "speaking and smiling and turning the head" and told.shot == "close-up"


def test_the_motion_names_action_and_shot_where_the_wish_does_not() -> None:
    prompts = enhance("a woman in red", "kmc", motion=motion_of(still_body()))
    assert prompts.positive.endswith("standing still, fixed camera, full body")


def test_wishes_are_sorted_by_phrase() -> None:
    wish = read("a woman in a red dress dancing on a beach")
    assert wish.slots["who"] == ("a woman",) and wish.slots["clothes"] == ("in a red dress",)
    assert wish.slots["action"] == ("dancing",) and wish.slots["background"] == ("on a beach",)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(KMCError, match=r"Expected an engine out of kmc, .*, got 'sora'"):
        enhance("a man", "sora")  # type: ignore[arg-type]
