"""What made a video, written into its file, and read back.

The record is one JSON tag of the file's container, beside those that the host writes: engine, weights and
their SHA-256, seeds, subject with its consent, motion. It says in IPTC's vocabulary that a model made it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import comfy.model_management as mm
import folder_paths
from av.error import FFmpegError
from comfy_api.latest import Input

from ..engines.catalog import ENGINES
from ..errors import KMCError
from ..motion.types import Motion
from ..subject.types import Subject
from .engines import engine_of
from .fingerprint import named
from .folders import WEIGHTS

TAG = "kmc_provenance"
MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"  # IPTC's term for such media
MODEL_FILES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")
SEEDS = ("seed", "noise_seed")
BLOCK = 1 << 22  # bytes of a file that are read at a time


class MarkedVideo(Input.Video):
    """Another video whose file carries a record; all else is the video's own."""

    def __init__(self, video: Any, record: Mapping[str, Any]) -> None:
        self.video, self.record = video, dict(record)

    def get_components(self) -> Any:
        return self.video.get_components()

    def save_to(self, path: Any, *args: Any, metadata: dict | None = None, **kwargs: Any) -> None:
        self.video.save_to(path, *args, metadata={**(metadata or {}), TAG: self.record}, **kwargs)

    def as_trimmed(self, *args: Any, **kwargs: Any) -> Any:
        trimmed = self.video.as_trimmed(*args, **kwargs)
        return None if trimmed is None else MarkedVideo(trimmed, self.record)

    def get_dimensions(self) -> tuple[int, int]:
        return self.video.get_dimensions()

    def get_duration(self) -> float:
        return self.video.get_duration()

    def get_frame_count(self) -> int:
        return self.video.get_frame_count()

    def get_frame_rate(self) -> Any:
        return self.video.get_frame_rate()

    def get_bit_depth(self) -> int:
        return self.video.get_bit_depth()


def record_of(
    graph: Any,
    node_id: str,
    *,
    model: Any | None,
    motion: Motion | None,
    subject: Subject | None,
) -> dict[str, Any]:
    """What made the video that comes into a node of the graph (the host's DYNPROMPT), as plain data.

    Weights and seeds are those of all nodes that lead there. Its `id` names the rest.
    """
    nodes = list(_before(graph, node_id))
    record: dict[str, Any] = {
        "made_with": "KMC Motion Control",
        "digital_source_type": MADE,
        "weights": [
            {"file": path.name, "sha256": file_hash(path, *_version(path))} for path in _weights(nodes)
        ],
        "seeds": [
            {"node": node["class_type"], "seed": seed} for node in nodes for seed in _seeds(graph, node)
        ],
    }
    if model is not None:
        record["engine"] = ENGINES[engine_of(model)].label
    if motion is not None:
        record["motion"] = {"sha256": named(motion), "frames": motion.frames, "fps": float(motion.fps)}
    if subject is not None:
        record["subject"] = {"name": subject.name, "views": len(subject.views), "sha256": named(subject)}
        record["subject"]["consent"] = subject.consent
    return record | {"id": named(json.dumps(record, sort_keys=True))[:10]}


def read_record(video: Any) -> dict[str, Any] | None:
    """The record that a video's file carries, None without one. KMCError for a file that is no video."""
    if isinstance(video, MarkedVideo):
        return video.record
    try:
        with av.open(video.get_stream_source()) as file:
            text = file.metadata.get(TAG)
    except FFmpegError as error:
        raise KMCError(f"The video cannot be read ({error.strerror}); load another file.") from error
    try:
        record = json.loads(text) if text else None
    except json.JSONDecodeError:
        record = None
    return record if isinstance(record, dict) else None


@lru_cache(maxsize=64)
def file_hash(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file of that size and time of change; read once as long as both stay."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            mm.throw_exception_if_processing_interrupted()
            digest.update(block)
    return digest.hexdigest()


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _before(graph: Any, node_id: str) -> Iterator[Mapping[str, Any]]:
    """All nodes that lead to one, each once, the nearest first."""
    waiting, met = [node_id], {node_id}
    while waiting:
        node = graph.get_node(waiting.pop(0))
        yield node
        for value in node["inputs"].values():
            if _is_link(value) and value[0] not in met:
                met.add(value[0])
                waiting.append(value[0])


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _seeds(graph: Any, node: Mapping[str, Any]) -> Iterator[int]:
    """Its seeds; those that another node's widget `value` gives, too."""
    for name in SEEDS:
        seed = node["inputs"].get(name)
        if _is_link(seed):
            seed = graph.get_node(seed[0])["inputs"].get("value")
        if isinstance(seed, int):
            yield seed


def _weights(nodes: list[Mapping[str, Any]]) -> list[Path]:
    """The model files that the nodes name, in the host's model folders or bundled."""
    names = sorted(
        {
            value
            for node in nodes
            for value in node["inputs"].values()
            if isinstance(value, str) and value.lower().endswith(MODEL_FILES)
        }
    )
    folders = [folder for group, _ in folder_paths.folder_names_and_paths.values() for folder in group]
    found = []
    for name in names:
        paths = [Path(folder) / name for folder in (*folders, WEIGHTS / "animator") if _inside(name)]
        found += [path for path in dict.fromkeys(paths) if path.is_file()][:1]
    return found


def _inside(name: str) -> bool:
    """Whether a name stays in the folder that it is looked for in."""
    return not os.path.isabs(name) and ".." not in Path(name).parts
