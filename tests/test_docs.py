"""The pages that come with the pack lead nowhere that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGET = re.compile(r"""\]\(\s*<?([^)>\s]+)|(?:src|href)=["']([^"']+)""")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def leading_nowhere(page: Path) -> list[str]:
    """Relative links and pictures of a page without a file, or without the heading that they name."""
    missing = []
    for link in (first or second for first, second in TARGET.findall(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (heading and heading not in headings(file)):
            missing.append(link)
    return missing


def headings(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    return {
        re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        for text in HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    assert not leading_nowhere(page)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The prior\n[a](page.md) [b](gone.md) ![c](gone.png 'd') <img src=\"gone.jpg\"> "
        "[e](#the-prior) [f](#gone) [g](https://example.org/page)"
    )
    assert leading_nowhere(page) == ["gone.md", "gone.png", "gone.jpg", "#gone"]
