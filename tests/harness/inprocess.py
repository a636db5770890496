"""The real host inside the test's own process: its validation, its executor and its caches, no port."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import host as host_tool
from harness.results import Prompt, RunResult, refused

VALUE_NODE = "KMCTest_Value"
OnEvent = Callable[[str, Any], None]


class InProcessHost:
    """The host's own modules, with the pack loaded. One a process: the host keeps its state in modules."""

    def __init__(self, comfyui: Path, base: Path) -> None:
        self.base = base
        self.input, self.output, self.temp = (base / name for name in ("input", "output", "temp"))
        host_tool.prepare_base(base)
        self.loop = asyncio.new_event_loop()
        _import_host(comfyui, base)
        import execution
        import server

        import nodes

        self.nodes = nodes
        self._execution = execution
        self.server = self.loop.run_until_complete(_make_server(server, self.loop))
        self.loop.run_until_complete(nodes.init_extra_nodes(init_custom_nodes=True, init_api_nodes=False))
        nodes.NODE_CLASS_MAPPINGS[VALUE_NODE] = _ValueNode
        self.server.client_id, self.server.last_node_id = "test", None
        self._on_event: OnEvent | None = None
        self._events: list[tuple[str, Any]] = []
        self.server.send_sync = self._record
        self._report_progress()
        self.forget()

    def forget(self) -> None:
        """Empty the host's caches, as if it had just been started."""
        arguments = {"lru": 0, "ram": 0, "ram_inactive": 0}
        classic = self._execution.CacheType.CLASSIC
        self._executor = self._execution.PromptExecutor(self.server, cache_type=classic, cache_args=arguments)

    def value(self, value: Any) -> dict[str, Any]:
        """A prompt entry whose output 0 is any Python object: `{"1": host.value(images), ...["1", 0]}`."""
        key = uuid.uuid4().hex
        _ValueNode.values[key] = value
        return {"class_type": VALUE_NODE, "inputs": {"key": key}}

    def run(self, prompt: Prompt, on_event: OnEvent | None = None) -> RunResult:
        """Queue a prompt in the host's API format and wait for its end.

        on_event: called with (event, data) of each message, such as to interrupt at the first "progress".
        """
        return self.loop.run_until_complete(self._run(dict(prompt), on_event))

    def interrupt(self) -> None:
        """What the page's cancel button does."""
        self.nodes.interrupt_processing(True)

    def call(self, node_id: str, /, **inputs: Any) -> tuple[Any, ...]:
        """Run one node class directly, without validation or cache, and return its outputs."""
        node = self.nodes.NODE_CLASS_MAPPINGS[node_id]
        if hasattr(node, "EXECUTE_NORMALIZED"):
            hidden: dict[str, Any] = {"hidden_inputs": {}}
            clone = node.PREPARE_CLASS_CLONE(hidden)
            return tuple(_wait(self.loop, getattr(clone, clone.FUNCTION)(**inputs)).args or ())
        outcome = _wait(self.loop, getattr(node(), node.FUNCTION)(**inputs))
        return tuple(outcome["result"] if isinstance(outcome, dict) else outcome)

    def ids(self, prefix: str = "KMC_") -> list[str]:
        """Ids of the registered nodes that start with `prefix`."""
        return sorted(name for name in self.nodes.NODE_CLASS_MAPPINGS if name.startswith(prefix))

    def close(self) -> None:
        """Unload models and end the loop."""
        import comfy.model_management as memory

        memory.unload_all_models()
        self.loop.close()

    def _record(self, event: str, data: Any, sid: str | None = None) -> None:
        self._events.append((event, data))
        if self._on_event is not None:
            self._on_event(event, data)

    def _report_progress(self) -> None:
        """Connect the nodes' progress bars with our events, as the host's main program does with the page."""
        import comfy.model_management as memory
        import comfy.utils

        def hook(
            value: float, total: float, preview: Any, prompt_id: str | None = None, node_id: str | None = None
        ):
            memory.throw_exception_if_processing_interrupted()
            node = node_id or self.server.last_node_id
            self._record("progress", {"value": value, "max": total, "node": node})
            if preview is not None:
                self._record("preview", preview)

        comfy.utils.set_progress_bar_global_hook(hook)

    async def _run(self, prompt: dict[str, Any], on_event: OnEvent | None) -> RunResult:
        prompt_id = uuid.uuid4().hex
        valid, error, targets, node_errors = await self._execution.validate_prompt(prompt_id, prompt, None)
        if not valid or node_errors:
            return refused(error, node_errors)
        self._events, self._on_event = [], on_event
        executor = self._executor
        await executor.execute_async(prompt, prompt_id, {"client_id": "test"}, targets)
        self._on_event = None
        messages = dict(executor.status_messages)
        failure = messages.get("execution_error", {})
        return RunResult(
            success="execution_success" in messages,
            error=failure.get("exception_message"),
            error_node=failure.get("node_id"),
            interrupted="execution_interrupted" in messages,
            ui=executor.history_result["outputs"] if "execution_success" in messages else {},
            outputs=await self._outputs(prompt),
            cached=frozenset(messages["execution_cached"]["nodes"]),
            events=tuple(self._events),
            previews=sum(event == "preview" for event, _ in self._events),
        )

    async def _outputs(self, prompt: dict[str, Any]) -> dict[str, list[list[Any]]]:
        found = {}
        for node_id in prompt:
            entry = self._executor.caches.outputs.get(node_id)
            entry = await entry if inspect.isawaitable(entry) else entry
            if entry is not None:
                found[node_id] = entry.outputs
        return found


class _ValueNode:
    """A source of any Python object, for tests."""

    values: dict[str, Any] = {}
    CATEGORY, FUNCTION, RETURN_TYPES = "KMC/test", "execute", ("*",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"key": ("STRING", {})}}

    def execute(self, key: str) -> tuple[Any]:
        return (self.values[key],)


def _import_host(comfyui: Path, base: Path) -> None:
    sys.path.insert(0, str(comfyui))
    import comfy.options

    comfy.options.enable_args_parsing(False)  # else the host reads pytest's command line
    from comfy.cli_args import LatentPreviewMethod, args

    args.cpu = args.disable_api_nodes = True
    args.base_directory = str(base)
    args.preview_method = LatentPreviewMethod.Latent2RGB
    # After the arguments, because it imports folder_paths, which reads them; before nodes, which puts comfy/
    # and its utils.py first.
    importlib.import_module("utils.extra_config")


async def _make_server(server: Any, loop: asyncio.AbstractEventLoop) -> Any:
    return server.PromptServer(loop)


def _wait(loop: asyncio.AbstractEventLoop, outcome: Any) -> Any:
    return loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome
