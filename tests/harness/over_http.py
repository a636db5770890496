"""A client of a running host: queues prompts and listens to the messages that the page would get."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp

from harness.results import Prompt, RunResult, refused
from host import RunningHost

PREVIEW_KINDS = (1, 4)  # the host's numbers for a picture, and for a picture with metadata
END_EVENTS = ("execution_success", "execution_error", "execution_interrupted")
OnEvent = Callable[[str, Any], None]


class HttpHost:
    """Every method waits for the host's answer; `queue` waits for the end of the run."""

    def __init__(self, running: RunningHost) -> None:
        self.url, self.base, self.version = running.url, running.base, running.version
        self.pid, self.log = running.pid, running.log
        self.input, self.output, self.temp = (running.base / name for name in ("input", "output", "temp"))

    def queue(self, prompt: Prompt, on_event: OnEvent | None = None, timeout: float = 300.0) -> RunResult:
        """Queue a prompt and wait for its end. on_event: called with (event, data) of each message."""
        return asyncio.run(asyncio.wait_for(self._queue(prompt, on_event), timeout))

    def get(self, path: str) -> Any:
        """The JSON at a path such as /object_info."""
        return asyncio.run(self._request("GET", path, None))

    def post(self, path: str, body: Any) -> Any:
        """Send JSON to a path; the answer's JSON, or None when it is empty."""
        return asyncio.run(self._request("POST", path, body))

    def interrupt(self) -> None:
        """What the page's cancel button does. Usable inside `on_event`, which runs in a thread of its own."""
        self.post("/interrupt", {})

    def is_idle(self) -> bool:
        """Whether nothing runs or waits."""
        queue = self.get("/queue")
        return not queue["queue_running"] and not queue["queue_pending"]

    async def _request(self, verb: str, path: str, body: Any) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(verb, self.url + path, json=body) as answer,
        ):
            answer.raise_for_status()
            text = await answer.text()
            return json.loads(text) if text else None

    async def _queue(self, prompt: Prompt, on_event: OnEvent | None) -> RunResult:
        client = uuid.uuid4().hex
        address = f"{self.url}/ws?clientId={client}"
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            body = {"prompt": prompt, "client_id": client}
            async with session.post(f"{self.url}/prompt", json=body) as answer:
                queued = await answer.json()
            if "prompt_id" not in queued or queued["node_errors"]:
                return refused(queued.get("error"), queued.get("node_errors", {}))
            events, previews = await _listen(socket, queued["prompt_id"], on_event)
        history = await self._history(queued["prompt_id"])
        found = dict(events)
        failure = found.get("execution_error", {})
        return RunResult(
            success="execution_success" in found,
            error=failure.get("exception_message"),
            error_node=failure.get("node_id"),
            interrupted="execution_interrupted" in found,
            ui=history["outputs"],
            cached=frozenset(found.get("execution_cached", {}).get("nodes", ())),
            events=tuple(events),
            previews=previews,
        )

    async def _history(self, prompt_id: str) -> dict[str, Any]:
        """The record of a run, which the host writes a moment after it told of the run's end."""
        while True:
            history = await self._request("GET", f"/history/{prompt_id}", None)
            if prompt_id in history:
                return history[prompt_id]
            await asyncio.sleep(0.05)


async def _listen(
    socket: aiohttp.ClientWebSocketResponse, prompt_id: str, on_event: OnEvent | None
) -> tuple[list[tuple[str, Any]], int]:
    """All messages up to the end of one run, and the number of pictures among them."""
    events: list[tuple[str, Any]] = []
    previews = 0
    async for message in socket:
        if message.type == aiohttp.WSMsgType.BINARY:
            previews += int.from_bytes(message.data[:4], "big") in PREVIEW_KINDS
            continue
        content = json.loads(message.data)
        event, data = content["type"], content["data"]
        events.append((event, data))
        if on_event is not None:
            await asyncio.to_thread(on_event, event, data)
        if event in END_EVENTS and data["prompt_id"] == prompt_id:
            return events, previews
    raise ConnectionError(f"the host closed the connection while {prompt_id} ran")
