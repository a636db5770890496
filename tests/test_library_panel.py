"""The subject library in the host's page and by its routes."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.browser import RENDERERS, PageReport, Renderer
from harness.over_http import HttpHost
from kmc_core.subject.catalogue import add_subject
from kmc_core.subject.library import load_subject
from test_subject import subject, view

DRIVE = Path(__file__).with_name("browser") / "library.mjs"


@pytest.fixture()
def library(http_host: HttpHost) -> Iterator[Path]:
    """The host's library with Ada and Grace, one of whose views shows somebody else."""
    folder = http_host.base / "models" / "kmc_subjects"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    known = view()
    assert known.embedding is not None
    stranger = replace(known, embedding=known.embedding + 1)
    add_subject(subject(), folder)
    add_subject(replace(subject(), name="Grace", views=(known, stranger)), folder)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_library_is_browsed_used_renamed_thinned_out_and_added_to(
    page: Callable[..., PageReport], library: Path, renderer: Renderer
) -> None:
    report = page(None, renderer=renderer, drive=DRIVE)
    assert (report.page_errors, report.failed_requests) == ([], [])
    seen = report.answers
    assert seen["first"] == ["Ada", "Grace"] and seen["pictures"] == [72, 72]
    assert seen["strangers"] == 1 and seen["sides"] == 2
    assert seen["used"] == ["Ada"] and seen["used_again"] == ["Hopper"]
    assert "The library has a subject 'Ada' already" in seen["taken"]
    assert seen["kept"] == ["Ada", "Hopper"], "one click deletes nothing"
    assert seen["views"] == 2 and "The library has a subject 'Mira' already" in seen["twice"]
    assert seen["gone"] == "It was taken from the queue." and "cannot be read" in seen["unreadable"]
    assert sorted(path.name for path in library.iterdir()) == ["Ada.safetensors", "Mira.safetensors"]


def test_the_routes_tell_what_is_wrong(http_host: HttpHost, library: Path) -> None:
    import json
    import urllib.error
    import urllib.request

    def refusal(path: str, body: bytes) -> str:
        request = urllib.request.Request(http_host.url + path, body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 400
        return json.loads(caught.value.read())["error"]

    assert [entry["name"] for entry in http_host.get("/kmc/subjects")] == ["Ada", "Grace"]
    assert "has no '../../x'" in refusal("/kmc/subjects/delete", b'{"name": "../../x"}')
    assert "cannot be a file's name" in refusal("/kmc/subjects/rename", b'{"name": "Ada", "to": "../x"}')
    for body in (b"", b"[]", b"{}", b"nonsense"):
        assert refusal("/kmc/subjects/delete", body).startswith("The library could not do this")
    assert len(list(library.iterdir())) == 2


def test_a_subject_in_a_folder_is_renamed_inside_it(http_host: HttpHost, library: Path) -> None:
    (library / "sub").mkdir()
    (library / "Ada.safetensors").rename(library / "sub" / "Ada.safetensors")
    http_host.post("/kmc/subjects/rename", {"name": "sub/Ada", "to": "sub/Eva"})
    assert [entry["name"] for entry in http_host.get("/kmc/subjects")] == ["Grace", "sub/Eva"]
    assert load_subject(library / "sub" / "Eva.safetensors").name == "Eva"


def test_a_page_of_another_site_cannot_delete(http_host: HttpHost, library: Path) -> None:
    import urllib.error
    import urllib.request

    for kind in ("text/plain", "application/x-www-form-urlencoded"):  # what a browser sends unasked
        request = urllib.request.Request(
            f"{http_host.url}/kmc/subjects/delete", b'{"name": "Ada"}', {"Content-Type": kind}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 415
    assert len(list(library.iterdir())) == 2
