"""Written wishes are understood, every engine gets its format, and no word is lost."""

import random
import re
from dataclasses import replace

import pytest
import torch

from benchmarks.enhancer import format_failures, motion_of, score, slots, wishes
from kmc_core.motion.types import Action, Intent, Motion, Track
from kmc_core.prompt.enhance import Prompts, enhance
from kmc_core.prompt.formats import ENGINES, NEGATIVE, SCAIL2_WORDS, Scene, problems, write
from kmc_core.prompt.lexicon import FUNCTION_WORDS, NOUNS, SMALL_WORDS, VERBS, content_words
from kmc_core.prompt.read import read
from kmc_core.prompt.tokens import tokens
from kmc_core.subject.types import Subject, View

SILENT = FUNCTION_WORDS | set(SMALL_WORDS["not"].replace("_", " ").split())


def everything(prompts: Prompts) -> str:
    texts = (prompts.positive, prompts.negative, prompts.motion, prompts.camera)
    return " ".join((*texts, *prompts.notes)).lower()


def lost(wish: str, prompts: Prompts) -> set[str]:
    """Words of the wish that carry meaning and are in no output; Chinese ones in English or as written."""
    said = everything(prompts)
    said_words = set(re.findall(r"[^\W_]+(?:['\-.][^\W_]+)*", said))
    missing = {word for word in content_words(wish) - SILENT if word.isascii() and word not in said_words}
    silent = ("article", "preposition", "and", "filler", "close", "not", "wear", "pronoun", "stop")
    for token in tokens(wish):
        if token.chinese and not token.is_a(*silent) and token.source.lower() not in said:
            missing |= set() if token.text.lower() in said else {token.source}
    return missing


@pytest.mark.parametrize("held_out", [False, True])
def test_at_least_95_percent_of_the_slots_of_written_wishes_are_right(held_out: bool) -> None:
    share, table = score(wishes(held_out))
    assert share >= 0.95, table


def test_an_expectation_that_differs_counts_as_wrong() -> None:
    case = {"wish": "a woman in a red dress", "expect": {"who": "woman", "clothes": "blue dress"}}
    assert dict(slots(case)) == {"who": True, "clothes": False}


def test_every_engine_gets_its_format_for_every_wish() -> None:
    assert format_failures(wishes() + wishes(held_out=True)) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_no_word_of_any_written_wish_is_lost(engine: str) -> None:
    for case in wishes() + wishes(held_out=True):
        prompts = enhance(case["wish"], engine, motion=motion_of(case))
        assert lost(case["wish"], prompts) == set(), case["wish"]


def test_no_word_of_random_words_is_lost_and_the_format_holds() -> None:
    rng = random.Random(7)
    tables = " ".join((*NOUNS.values(), *SMALL_WORDS.values(), VERBS))
    unknown = ("xyzzy", "plugh", "Quux", "läuft", "7", "女人", "跳舞", "咕噜", "紅色")
    known = [*(word.replace("_", " ") for word in tables.split()), *unknown]
    for _ in range(300):
        words = rng.choices(known, k=rng.randint(1, 14))
        wish = "".join(word + rng.choice([" ", " ", " ", ", ", ". "]) for word in words)
        prompts = enhance(wish, rng.choice(ENGINES))
        assert lost(wish, prompts) == set(), wish
        assert "\n" not in prompts.positive and prompts.positive and prompts.motion


@pytest.mark.parametrize(
    "wish", ["", " \n", ",,,", "no", "不", "的", "a", "in", "wearing", "not not no", "(:1.2)"]
)
def test_a_wish_that_says_nothing_asks_for_nothing(wish: str) -> None:
    prompts = enhance(wish, "kmc")
    assert prompts.positive == "a person, plain background, fixed camera"
    assert (prompts.negative, prompts.motion) == (NEGATIVE["kmc"], "moving naturally")


@pytest.mark.parametrize("wish", ["🎈🎈 party 🎉", "7", "两", "bir kadın İstanbul'da", "--", "女", "２个人"])
def test_whatever_is_written_is_kept(wish: str) -> None:
    prompts = enhance(wish, "kmc")
    assert all(part in everything(prompts) for part in wish.lower().split() if part != "２个人")


def test_the_same_wish_gives_the_same_prompts() -> None:
    wish = "a witch raises her arms, full moon, no broom, pan left"
    assert enhance(wish, "scail2") == enhance(wish, "scail2")


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        (
            "一个穿红裙子的女人在海边跳舞，没有戴眼镜，镜头慢慢推近",
            "一個穿紅裙子的女人在海邊跳舞，沒有戴眼鏡，鏡頭慢慢推近",
        ),
        ("两个学生在图书馆里读书，灯光柔和", "兩個學生在圖書館裡讀書，燈光柔和"),
    ],
)
def test_traditional_and_simplified_chinese_read_the_same(simplified: str, traditional: str) -> None:
    first, second = read(simplified), read(traditional)
    assert replace(first, read_as=()) == replace(second, read_as=())
    assert not re.search(r"[\u4e00-\u9fff]", enhance(traditional, "scail2").positive)


def test_unknown_chinese_is_kept_as_written_and_said_so() -> None:
    prompts = enhance("一个女人拿着咕噜，海边", "kmc")
    assert "咕噜" in prompts.positive + prompts.motion
    assert any("kept as written" in note and "咕噜" in note for note in prompts.notes)


@pytest.mark.parametrize(
    ("wish", "avoid"),
    [
        ("a man, no hat or glasses", ("hat", "glasses")),
        ("a man without a hat and without a beard", ("hat", "beard")),
        ("she is not smiling but waving", ("smiling",)),
        ("she doesn't wear glasses and dances", ("glasses",)),
        ("no people in the background, a beach", ("people in the background",)),
        ("a woman, never looks at the camera", ("looking at the camera",)),
    ],
)
def test_negations_reach_as_far_as_they_are_meant(wish: str, avoid: tuple[str, ...]) -> None:
    found = read(wish)
    assert found.avoid == avoid
    positive = enhance(wish, "kmc").positive
    assert not any(content_words(phrase) <= content_words(positive) for phrase in avoid)


def acting(*names: str, people: int = 1) -> Motion:
    actions = tuple(Action(name, 0, 8, 1.0) for name in names)
    return Motion(24.0, (64, 64), (Track(hands=torch.zeros(8, 2, 21, 4), intent=Intent(actions)),) * people)


@pytest.mark.parametrize(
    ("wish", "names", "conflicts"),
    [
        ("a man sits on a chair", ("walk",), ("sitting",)),
        ("a man is walking", ("walk", "wave"), ()),
        ("a man strolls and waves", ("walk",), ()),
        ("a man claps", ("wave",), ("clapping",)),
        ("a woman dances", ("idle",), ("dancing",)),
        ("a woman dances", ("jump",), ()),
        ("a man with crossed arms", ("cross arms",), ()),
        ("a man, arms crossed", ("hands on hips",), ("arms crossed",)),
    ],
)
def test_where_wish_and_motion_disagree_the_motion_is_kept_and_said_so(
    wish: str, names: tuple[str, ...], conflicts: tuple[str, ...]
) -> None:
    prompts = enhance(wish, "kmc", motion=acting(*names))
    assert prompts.conflicts == conflicts
    assert bool(conflicts) == any("the motion is kept" in note for note in prompts.notes)
    for word in conflicts:
        assert word not in prompts.motion
    assert lost(wish, prompts) == set()


def test_what_the_motion_does_joins_what_the_wish_says() -> None:
    assert enhance("she smiles", "kmc", motion=acting("walk", "idle")).motion == "smiling, walking"
    assert enhance("a woman", "kmc", motion=acting("facepalm")).motion == "covering the face with a hand"


def test_a_refused_action_that_the_motion_shows_is_no_negative() -> None:
    prompts = enhance("a man, not waving", "kmc", motion=acting("wave"))
    assert prompts.negative == NEGATIVE["kmc"] and prompts.conflicts == ("not waving",)


def test_the_motion_decides_how_many_people_move() -> None:
    one = enhance("three young women with long hair clapping", "kmc", motion=acting("clap"))
    assert one.positive.startswith("a young woman with long hair, ")
    two = enhance("three dancers", "kmc", motion=acting("dance", people=2))
    assert two.positive.startswith("2 dancers, ") and two.conflicts == ("three dancers",)
    assert enhance("two dancers", "kmc", motion=acting("dance", people=2)).conflicts == ()


def test_she_is_the_subject() -> None:
    view = View(torch.zeros(3, 8, 8), torch.ones(1, 8, 8), Track(), 0.0, "face")
    subject = Subject("Ada", (view,), "a young woman in a green coat")
    prompts = enhance("she waves on a beach", "kmc", subject=subject)
    assert prompts.positive == "a young woman in a green coat, on a beach, waving, fixed camera, close-up"
    assert "'she' is Ada: a young woman." in prompts.notes


@pytest.mark.parametrize(
    ("wish", "who"),
    [
        ("she has freckles, red hat", "a young woman with freckles in a red hat"),
        ("barefoot, dancing", "a young woman, barefoot in a green coat"),
        ("long black hair, beach", "a young woman with long black hair in a green coat"),
        ("Zorble dancing", "Zorble in a green coat"),
    ],
)
def test_looks_join_the_subject_and_names_replace_it(wish: str, who: str) -> None:
    view = View(torch.zeros(3, 8, 8), torch.ones(1, 8, 8), Track(), 0.0, "face")
    prompts = enhance(wish, "scail2", subject=Subject("Ada", (view,), "a young woman in a green coat"))
    assert f" of {who}. " in prompts.positive


def test_the_picture_tells_the_colour_of_clothes_that_nobody_names() -> None:
    body = torch.zeros(1, 25, 4)
    for joint, (x, y) in {2: (20, 20), 5: (44, 20), 8: (24, 60), 11: (40, 60)}.items():
        body[0, joint] = torch.tensor((x, y, 0.0, 1.0))
    picture = torch.tensor((0.1, 0.45, 0.5))[:, None, None].expand(3, 80, 64)
    view = View(picture, torch.ones(1, 80, 64), Track(body=body), 0.0, "half")
    assert enhance("a man", "kmc", subject=Subject("Bo", (view,))).positive.startswith(
        "a man in teal clothes, "
    )
    assert "teal" not in enhance("a man in red", "kmc", subject=Subject("Bo", (view,))).positive


def test_kmc_words_are_those_of_the_training_captions_and_the_notes_say_so() -> None:
    prompts = enhance("a lady in a crimson hoodie and jeans, portrait", "kmc")
    assert prompts.positive == "a woman in a red shirt and trousers, plain background, fixed camera, close-up"
    assert any("hoodie -> shirt" in note for note in prompts.notes)
    assert "hoodie" in enhance("a lady in a crimson hoodie", "scail2").positive


def test_wan_animate_2_gets_movement_and_camera_in_the_motion_prompt_alone() -> None:
    prompts = enhance("a man in a suit walks in a park, slow zoom in", "wan_animate2")
    assert prompts.positive == "a man in a suit, in a park"
    assert prompts.motion == "walking, camera slowly zooms in"


def test_scail_2_gets_long_sentences() -> None:
    prompts = enhance("two dancers, neon lights, pan left", "scail2")
    assert len(prompts.positive.split()) >= SCAIL2_WORDS
    assert prompts.positive.startswith("A video of two dancers. Two dancers are moving naturally")
    assert "The camera pans left." in prompts.positive and "The light: neon lights." in prompts.positive


@pytest.mark.parametrize("engine", ENGINES)
def test_format_checks_find_what_is_wrong(engine: str) -> None:
    scene = Scene(who=("a man",), action=("walking",), background=("beach",), avoid=("hat",))
    texts = write(scene, engine)
    assert problems(texts, scene, engine) == ()
    for broken in (
        replace(texts, positive=f"hat, {texts.positive}"),
        replace(texts, positive=""),
        replace(texts, negative="hat"),
        replace(texts, motion="a,, b"),
    ):
        assert problems(broken, scene, engine) != ()


def test_format_checks_know_each_engine() -> None:
    scene = Scene(who=("a man",), action=("walking",), background=("beach",))
    for engine in ("wan_animate", "wan_animate2"):
        moving = replace(write(scene, engine), positive="a man walking, beach")
        assert "movement in the positive: walking" in problems(moving, scene, engine)
    turned = replace(write(scene, "kmc"), positive="beach, a man, walking, fixed camera")
    assert problems(turned, scene, "kmc") == ("the parts are not in the order of the training captions",)
    short = replace(write(scene, "scail2"), positive="A man is walking on a beach.")
    assert problems(short, scene, "scail2") == (f"fewer than {SCAIL2_WORDS} words",)
