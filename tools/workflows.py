"""Writes the pack's workflows: the graphs that users open, and the same in the API format that tests queue.

    python tools/workflows.py            write workflows/*.json and tests/workflows/*.json
    python tools/workflows.py --check    tell whether they are what this file describes, change nothing

Both come from one description (tools/workflow_plan.py, tools/workflow_engines.py) and from the schemas of the
running host, so input orders, default values and socket types are never written by hand and cannot drift.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from host import PACK_FOLDER, ROOT, running_host
from host_install import HostError
from workflow_engines import ALL_PLANS
from workflow_layout import place_groups
from workflow_plan import Link, Plan, Step

Schema = Mapping[str, Any]  # one node of the host's /object_info
GRAPHS, PROMPTS = ROOT / "workflows", ROOT / "tests" / "workflows"
WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COMFY_DYNAMICCOMBO_V3")
NOTE = "MarkdownNote"  # exists in the page only
GRAPH_VERSION = 0.4  # of the page's file format


def files_of(schemas: Mapping[str, Schema]) -> dict[Path, str]:
    """Text of every file that this tool writes."""
    files: dict[Path, str] = {}
    for plan in ALL_PLANS:
        files[GRAPHS / f"{plan.name}.json"] = _text(graph(plan, schemas))
        files[PROMPTS / f"{plan.name}.json"] = _text(prompt(plan, schemas))
    return files


def prompt(plan: Plan, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The plan in the format of POST /prompt; notes are left out."""
    ids, steps = _ids(plan), _steps(plan)
    entries: dict[str, Any] = {}
    for key, step in steps.items():
        if step.type == NOTE:
            continue
        inputs: dict[str, Any] = {}
        for name, kind, options in _inputs(schemas[step.type]):
            value = step.inputs.get(name)
            if isinstance(value, Link):
                inputs[name] = [str(ids[value.key]), _slot(schemas[steps[value.key].type], value.output)]
            elif _is_widget(kind):
                inputs[name] = _default(kind, options) if value is None else value
        entries[str(ids[key])] = {"class_type": step.type, "inputs": inputs}
    return entries


def graph(plan: Plan, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The plan in the page's own format: placed nodes, links and groups."""
    ids, steps = _ids(plan), _steps(plan)
    links = _links(plan, schemas)
    nodes, groups = place_groups(
        plan, {key: _page_node(ids[key], steps[key], schemas, links) for key in steps}
    )
    return {
        "id": plan.id,
        "revision": 0,
        "last_node_id": max(ids.values()),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": groups,
        "config": {},
        "extra": {"ds": {"scale": 0.5, "offset": [150, 120]}},
        "version": GRAPH_VERSION,
    }


def _page_node(
    number: int, step: Step, schemas: Mapping[str, Schema], links: list[list[Any]]
) -> dict[str, Any]:
    if step.type == NOTE:
        note = {"inputs": [], "outputs": [], "properties": {}, "widgets_values": [step.inputs["text"]]}
        return {"id": number, "type": NOTE, "title": step.title, "color": "#432", "bgcolor": "#653", **note}
    schema = schemas[step.type]
    arriving = {slot: link for link, _, _, target, slot, _ in links if target == number}
    inputs = [
        {
            "name": name,
            "type": kind,
            **({"widget": {"name": name}} if _is_widget(kind) else {}),
            "link": arriving.get(slot),
        }
        for slot, (name, kind, _) in enumerate(_page_inputs(schema))
    ]
    leaving = [(link, slot) for link, source, slot, *_ in links if source == number]
    outputs = [
        {"name": name, "type": kind, "links": [link for link, source in leaving if source == slot]}
        for slot, (name, kind) in enumerate(zip(schema["output_name"], schema["output"], strict=True))
    ]
    ours = {"cnr_id": PACK_FOLDER} if step.type.startswith("KMC_") else {"cnr_id": "comfy-core"}
    files = [{"name": each.name, "url": each.url, "directory": each.folder} for each in step.models]
    properties = ours | {"Node name for S&R": step.type} | ({"models": files} if files else {})
    node = {"inputs": inputs, "outputs": outputs, "properties": properties}
    title = {"title": step.title} if step.title else {}
    return {"id": number, "type": step.type, **title, **node, "widgets_values": _widget_values(step, schema)}


def _widget_values(step: Step, schema: Schema) -> list[Any]:
    """Values in the page's order; a seed is followed by what happens to it after a run."""
    values: list[Any] = []
    for name, kind, options in _inputs(schema):
        if not _is_widget(kind):
            continue
        value = step.inputs.get(name)
        values.append(_default(kind, options) if value is None or isinstance(value, Link) else value)
        if options.get("control_after_generate"):
            values.append("fixed")
    return values


def _links(plan: Plan, schemas: Mapping[str, Schema]) -> list[list[Any]]:
    """Rows [link, source node, source slot, target node, target slot, type]."""
    ids, steps = _ids(plan), _steps(plan)
    links: list[list[Any]] = []
    for key, step in steps.items():
        if step.type == NOTE:
            continue
        for slot, (name, _, _) in enumerate(_page_inputs(schemas[step.type])):
            value = step.inputs.get(name)
            if isinstance(value, Link):
                source = schemas[steps[value.key].type]
                output = _slot(source, value.output)
                row = [len(links) + 1, ids[value.key], output, ids[key], slot, source["output"][output]]
                links.append(row)
    return links


def _inputs(schema: Schema) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, type and options of each input in the order of the schema."""
    for part in ("required", "optional"):
        for name in schema["input_order"].get(part, ()):
            kind, *options = schema["input"][part][name]
            old_combo = {"options": kind} if isinstance(kind, list) else {}
            merged = old_combo | (options[0] if options else {})
            yield name, "COMBO" if isinstance(kind, list) else kind, merged


def _page_inputs(schema: Schema) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Inputs as the page saves them: sockets first, then those that are widgets."""
    return sorted(_inputs(schema), key=lambda each: _is_widget(each[1]))


def _is_widget(kind: str) -> bool:
    return kind in WIDGET_TYPES


def _default(kind: str, options: Mapping[str, Any]) -> Any:
    if "default" in options:
        return options["default"]
    if kind == "COMFY_DYNAMICCOMBO_V3":
        return options["options"][0]["key"]
    if kind == "COMBO":
        return next(iter(options["options"]), None)
    return {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}[kind]


def _slot(schema: Schema, output: str) -> int:
    return list(schema["output_name"]).index(output)


def _steps(plan: Plan) -> dict[str, Step]:
    return {key: step for group in plan.groups for key, step in group.steps.items()}


def _ids(plan: Plan) -> dict[str, int]:
    return {key: number for number, key in enumerate(_steps(plan), start=1)}


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    try:
        with running_host(device="cpu") as host, urllib.request.urlopen(f"{host.url}/object_info") as answer:
            files = files_of(json.load(answer))
    except HostError as error:
        print(f"workflows: {error}", file=sys.stderr)
        return 1
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{'out of date' if arguments.check else 'written'}: {path.relative_to(ROOT)}")
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
