"""A language model may rephrase a scene; what its answer gets wrong is not taken, and the notes say why."""

import pytest

from kmc_core.errors import KMCError
from kmc_core.prompt.enhance import enhance
from kmc_core.prompt.formats import Scene
from kmc_core.prompt.language_model import instruction

WISH = "a woman in a red dress waves on a beach, no hat, pan left"
GOOD = """<think>The user wants
who: a dog</think>
**who:** a tall woman with a calm face
clothes: a flowing red dress of silk.
- background: a wide sandy beach with soft waves of foam
action: waving slowly with one hand"""


def test_a_good_answer_is_written_in_the_engines_format() -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return GOOD

    prompts = enhance(WISH, "wan_animate2", generate=answer)
    assert prompts.positive == (
        "a tall woman with a calm face in a flowing red dress of silk, "
        "a wide sandy beach with soft waves of foam"
    )
    assert prompts.motion == "waving slowly with one hand, camera pans left"
    assert prompts.negative.startswith("hat, ") and prompts.camera == "camera pans left"
    assert len(asked) == 1 and "Never mention: hat." in asked[0] and "background: on a beach" in asked[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "got none for who, clothes, background, action"),
        ("I cannot help with that.", "got none for who"),
        (GOOD + "\ncamera: zoom in", "got one for camera too"),
        (GOOD + "\nlight: dawn", "got one for light too"),
        (GOOD.replace("calm face", "straw hat"), "It mentions what is not wanted: hat"),
    ],
)
def test_an_answer_of_the_wrong_structure_falls_back_and_says_why(answer: str, reason: str) -> None:
    plain = enhance(WISH, "scail2")
    prompts = enhance(WISH, "scail2", generate=lambda _: answer)
    assert prompts.positive == plain.positive and prompts.motion == plain.motion
    assert any(
        note.startswith("The language model's answer was not used: ") and reason in note
        for note in prompts.notes
    )


def test_a_part_that_lost_a_word_stays_ours() -> None:
    prompts = enhance(WISH, "wan_animate2", generate=lambda _: GOOD.replace("red ", ""))
    assert prompts.positive.startswith("a tall woman with a calm face in a red dress, a wide sandy beach")
    assert "The language model's clothes was not used, it lacks: red." in prompts.notes


def test_a_movement_that_nobody_asked_for_is_not_taken() -> None:
    prompts = enhance(WISH, "wan_animate2", generate=lambda _: GOOD.replace("waving", "sitting and waving"))
    assert prompts.motion == "waving, camera pans left"
    assert "The language model's action was not used, it adds: sit." in prompts.notes


def test_an_answer_that_breaks_the_engines_format_falls_back() -> None:
    moving = GOOD.replace("a wide sandy beach", "a beach, , where")
    prompts = enhance(WISH, "kmc", generate=lambda _: moving)
    assert prompts.positive == enhance(WISH, "kmc").positive
    assert any("badly punctuated" in note for note in prompts.notes)


def test_a_model_that_cannot_write_falls_back() -> None:
    def refuse(_: str) -> str:
        raise KMCError("This model cannot write.")

    prompts = enhance(WISH, "kmc", generate=refuse)
    assert prompts.positive == enhance(WISH, "kmc").positive
    assert "The language model's answer was not used: This model cannot write." in prompts.notes


def test_an_empty_wish_asks_nobody() -> None:
    prompts = enhance("", "kmc", generate=lambda _: pytest.fail("asked"))
    assert prompts.positive == enhance("", "kmc").positive


def test_words_of_other_languages_may_be_translated() -> None:
    answer = "who: a woman\naction: holding a gugu, dancing"
    prompts = enhance("一个女人拿着咕噜跳舞", "wan_animate", generate=lambda _: answer)
    assert prompts.motion == "holding a gugu, dancing"


def test_the_instruction_asks_for_the_parts_that_there_are() -> None:
    asked = instruction(Scene(who=("a man",), style=("anime",)), "scail2")
    assert asked.endswith("who: a man\nstyle: anime") and "Never mention" not in asked
