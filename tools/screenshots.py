"""Pictures of the pack in ComfyUI's page, with both of its renderers, for the docs.

    python tools/screenshots.py [--out out/screenshots] [--frames 24]

Opens and runs the workflows of the library and of words and camera in a headless Chromium on the real
ComfyUI, and writes docs/images/<workflow>_<renderer>.jpg. The browser comes with
`python tools/system_install.py browser`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from host import ROOT, running_host
from host_install import HostError

sys.path.insert(0, str(ROOT / "tests"))  # the driver of the page that the tests use too
from PIL import Image

from harness.browser import RENDERERS, open_page, why_not
from harness.graphs import short_graph
from harness.over_http import HttpHost

WORKFLOWS = ("03_subject_library", "04_prompt_and_camera")
PICTURES = ROOT / "docs" / "images"
SHOW = ROOT / "tests" / "browser" / "show.mjs"
WIDTH, QUALITY = 1280, 80
SECONDS = 900.0  # for a run on a busy machine


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "screenshots", help="folder of the host")
    parser.add_argument(
        "--frames", type=int, default=24, help="frames of the bundled video that are animated"
    )
    arguments = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"screenshots: {reason}", file=sys.stderr)
        return 1
    out: Path = arguments.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with running_host(out / "host", device="cpu") as running:
            take(HttpHost(running), out, arguments.frames)
    except (HostError, RuntimeError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def take(host: HttpHost, out: Path, frames: int) -> None:
    """Run every workflow in every renderer, and write the pictures. HostError where the page fails."""
    for name in WORKFLOWS:
        graph = short_graph(host, name, out, frames)
        for renderer in RENDERERS:
            shot = out / f"{name}_{renderer}.png"
            report = open_page(host.url, shot, graph, renderer=renderer, seconds=SECONDS, drive=SHOW)
            if not report.success:
                raise HostError(f"{name} in the {renderer} renderer: {report.error or report.page_errors}")
            picture = Image.open(shot).convert("RGB")
            picture = picture.resize(
                (WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS
            )
            written = PICTURES / f"{name}_{renderer}.jpg"
            picture.save(written, quality=QUALITY, optimize=True)
            print(f"{written.relative_to(ROOT)}: {written.stat().st_size // 1024} KB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
