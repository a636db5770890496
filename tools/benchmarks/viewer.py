"""The motion viewer in Chromium, in both renderers of the page: make -s benchmark NAME=viewer [QUICK=1]

Three people (QUICK: one) over 1,500 frames and a clip. Scrubbing is a real drag of the pointer across the
slider; a drawing counts when the viewer draws, so the page's own rate at rest (page_fps) is the ceiling;
draw_ms is the script's share of one drawing. Loading is counted from the host's word that the node has run to
the first drawing. Chromium draws without a GPU, on cores that should be idle. Medians of three; the last line
is one JSON object.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [
    str(ROOT / "tools"),
    str(ROOT / "tests"),
    *(p for p in sys.path if Path(p or ".").resolve() != ROOT),
]

from harness.browser import RENDERERS, open_page  # noqa: E402
from host import running_host  # noqa: E402
from kmc_core.motion.files import save_motion  # noqa: E402
from kmc_core.motion.types import Action, Contact, Intent, Motion  # noqa: E402
from moving_person import Shot, person  # noqa: E402

FRAMES = 1500
DRIVE = ROOT / "tests/browser/viewer_speed.mjs"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one person instead of three")
    people = 1 if parser.parse_args().quick else 3
    figures: dict[str, Any] = {"frames": FRAMES, "people": people}
    with tempfile.TemporaryDirectory() as folder, running_host(Path(folder) / "host", device="cpu") as host:
        save_motion(crowd(people), host.base / "input/crowd.safetensors")
        for renderer in RENDERERS:
            print(f"{renderer}: the node draws {FRAMES} frames, then the page is measured", file=sys.stderr)
            seen = open_page(host.url, Path(folder) / "page.png", workflow(Path(folder)), renderer=renderer,
                             drive=DRIVE, seconds=600)  # fmt: skip
            if not seen.success:
                raise SystemExit(f"The page failed: {seen.error or seen.page_errors or seen.queued}")
            figures[renderer] = summary(seen.answers)
    print(json.dumps(figures))


def crowd(people: int) -> Motion:
    """People side by side with all parts, who act and touch."""
    intent = Intent(
        tuple(Action("wave", start, start + 60, 0.9) for start in range(0, FRAMES - 60, 100)),
        tuple(Contact("hand-face", "left", start, start + 30) for start in range(20, FRAMES - 30, 100)),
    )
    tracks = (
        person(FRAMES, shot=Shot(centre=(320.0 + 640 * each, 380.0))).tracks[0] for each in range(people)
    )
    return Motion(25.0, (640 * people, 720), tuple(replace(track, intent=intent) for track in tracks))


def workflow(folder: Path) -> Path:
    """The motion over a clip of its length, drawn small: the drawing of the node is not what is measured."""
    grey = {"width": 96, "height": 54, "batch_size": FRAMES, "color": 0x606060}
    inputs = {"motion": ["1", 0], "video": ["2", 0], "longest_side": 96}
    path = folder / "viewer.json"
    path.write_text(json.dumps({
        "1": {"class_type": "KMC_LoadMotion", "inputs": {"file": "crowd.safetensors"}},
        "2": {"class_type": "EmptyImage", "inputs": grey},
        "3": {"class_type": "KMC_PreviewMotion", "inputs": inputs},
    }))  # fmt: skip
    return path


def summary(runs: dict[str, Any]) -> dict[str, float]:
    """Medians of the runs on one page."""
    loads, scrubs = runs["loads"], runs["scrubs"]
    figures = {
        "scrub_fps": median(each["fps"] for each in scrubs),
        "scrub_slowest_5_percent_ms": median(each["slowest_ms"] for each in scrubs),
        "draw_ms": median(each["draw_ms"] for each in scrubs),
        "page_fps": median(each["still"] for each in scrubs),
        "load_ms": median(each["ms"] for each in loads),
        "megabytes": loads[0]["bytes"] / 1e6,
    }
    return {name: round(value, 2) for name, value in figures.items()}


if __name__ == "__main__":
    main()
