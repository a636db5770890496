"""The host inside this process: prompts are validated, run, cached and interrupted by the host's own code."""

from harness.inprocess import InProcessHost
from harness.results import PICTURE


def test_the_hosts_own_graph_runs_and_shows_its_pictures(host: InProcessHost) -> None:
    result = host.run(PICTURE)
    assert result.success and result.error is None
    assert tuple(result.output("1").shape) == (2, 16, 32, 3)
    assert [(host.temp / image["filename"]).is_file() for image in result.ui["2"]["images"]] == [True, True]


def test_a_second_run_takes_everything_from_the_cache(host: InProcessHost) -> None:
    host.run(PICTURE)
    assert host.run(PICTURE).cached == {"1", "2"}
    host.forget()
    assert host.run(PICTURE).cached == frozenset()


def test_a_refused_prompt_tells_why(host: InProcessHost) -> None:
    wrong = {**PICTURE, "1": {"class_type": "EmptyImage", "inputs": {**PICTURE["1"]["inputs"], "width": 0}}}
    result = host.run(wrong)
    assert not result.success
    assert "EmptyImage: Value 0 smaller than min of 1: width" in result.error


def test_any_object_can_be_fed_to_a_socket(host: InProcessHost) -> None:
    picture = host.call("EmptyImage", width=8, height=8, batch_size=1, color=0x0000FF)[0]
    result = host.run(
        {"1": host.value(picture), "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    )
    assert result.success and result.output("1") is picture


def test_an_interrupt_ends_the_run_and_the_next_one_works(host: InProcessHost) -> None:
    host.forget()
    result = host.run(
        PICTURE, on_event=lambda event, data: host.interrupt() if event == "execution_start" else None
    )
    assert result.interrupted and not result.success
    assert host.run(PICTURE).success
