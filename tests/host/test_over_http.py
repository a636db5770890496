"""The host as a process of its own: started, asked, and stopped by the tool that the demo uses."""

import os

from harness.inprocess import InProcessHost
from harness.over_http import HttpHost
from harness.results import PICTURE
from host import PACK_FOLDER


def test_it_is_the_asked_version(http_host: HttpHost, host_version: str) -> None:
    if "COMFYUI_PATH" not in os.environ:
        assert http_host.version == host_version


def test_the_hosts_own_graph_runs_and_shows_its_pictures(http_host: HttpHost) -> None:
    result = http_host.queue(PICTURE)
    assert result.success and result.error is None
    assert [(http_host.temp / image["filename"]).is_file() for image in result.ui["2"]["images"]] == [
        True,
        True,
    ]
    assert http_host.is_idle()


def test_a_refused_prompt_tells_why(http_host: HttpHost) -> None:
    wrong = {**PICTURE, "1": {"class_type": "EmptyImage", "inputs": {**PICTURE["1"]["inputs"], "width": 0}}}
    assert "EmptyImage: Value 0 smaller than min of 1: width" in (http_host.queue(wrong).error or "")


def test_all_our_nodes_are_known(http_host: HttpHost, host: InProcessHost) -> None:
    """One bad schema loses its node and every later one, with no more than a line in the log."""
    blamed = [line for line in http_host.log.read_text(errors="replace").splitlines() if PACK_FOLDER in line]
    assert not [line for line in blamed if "FAILED" in line or "Error" in line or "Cannot" in line]
    known = [name for name in http_host.get("/object_info") if name.startswith("KMC_")]
    assert known and sorted(known) == host.ids("KMC_")
