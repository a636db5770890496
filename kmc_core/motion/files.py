"""Motion files: one safetensors file with JSON metadata, written whole or not at all, bit-exact both ways.

The functions over `FileKind` are the format that every file of ours shares (motions, subjects): top-level
metadata `kmc_<kind>_version`, `kmc_<kind>` (JSON fields) and `kmc_checksum` (CRC-32 of the tensor bytes).
Equal content gives equal bytes. docs/formats.md describes the keys.
"""

import json
import math
import os
import threading
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, get_args

import safetensors
import safetensors.torch
from torch import Tensor

from ..errors import KMCError
from .types import Action, Contact, ContactKind, FaceMotion, Intent, Motion, Track

CHECKSUM_KEY: Final = "kmc_checksum"
LENGTH_BYTES: Final = (
    8  # a safetensors file starts with the header's length, little-endian, then the JSON header
)


@dataclass(frozen=True)
class FileKind:
    """What a file holds, and the newest version of its format that this code writes and reads."""

    name: str
    version: int = 1

    @property
    def version_key(self) -> str:
        """Metadata key that marks the kind and carries the version."""
        return f"kmc_{self.name}_version"

    @property
    def fields_key(self) -> str:
        """Metadata key of the JSON object with everything that is no tensor."""
        return f"kmc_{self.name}"


MOTION_FILE: Final = FileKind("motion")
PARTS: Final = ("body", "world", "hands")


def save_motion(motion: Motion, path: Path | str) -> None:
    """Write a Motion; `load_motion` gives every tensor back bit for bit.

    Raises KMCError when the file cannot be written; a file that was there before is then unchanged.
    """
    tensors: dict[str, Tensor] = {}
    for index, track in enumerate(motion.tracks):
        tensors |= track_tensors(track, _track_prefix(index))
    about = {"fps": motion.fps, "size": list(motion.size), "tracks": len(motion.tracks)}
    if any(track.name for track in motion.tracks):
        about["names"] = [track.name for track in motion.tracks]
    if any(track.intent for track in motion.tracks):
        about["intents"] = [track.intent and asdict(track.intent) for track in motion.tracks]
    save_tensors(path, MOTION_FILE, tensors, about)


def load_motion(path: Path | str) -> Motion:
    """Read a Motion. Raises KMCError for a missing, damaged, foreign or newer file."""
    tensors, about = load_tensors(path, MOTION_FILE)
    try:
        fps, size, count = (
            float(about["fps"]),
            tuple(int(side) for side in about["size"]),
            int(about["tracks"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"its description lacks a valid {error}") from error
    if not (math.isfinite(fps) and fps > 0 and len(size) == 2 and min(size) > 0 and count >= 0):
        raise _damaged(path, f"it claims {fps} frames a second, size {size} and {count} tracks")
    if count > max(1, len(tensors)):  # each of several tracks has at least one part
        raise _damaged(path, f"it claims {count} tracks and holds {len(tensors)} tensors")
    tracks = tuple(track_from(tensors, _track_prefix(index)) for index in range(count))
    known = {
        name for index, track in enumerate(tracks) for name in track_tensors(track, _track_prefix(index))
    }
    if unknown := sorted(set(tensors) - known):
        raise _damaged(path, f"it holds tensors that no motion has: {', '.join(unknown[:3])}")
    return Motion(fps=fps, size=(size[0], size[1]), tracks=_described(path, tracks, about))


def _described(path: Path | str, tracks: tuple[Track, ...], about: Mapping[str, Any]) -> tuple[Track, ...]:
    """The tracks with the names and intents that the file's description gives them."""
    names, intents = about.get("names", [""] * len(tracks)), about.get("intents", [None] * len(tracks))
    try:
        return tuple(
            replace(track, name=str(name), intent=None if intent is None else _intent_from(intent))
            for track, name, intent in zip(tracks, names, intents, strict=True)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"its names or intents cannot be read ({error})") from error


def _intent_from(about: Mapping[str, Any]) -> Intent:
    """The Intent that `dataclasses.asdict` took apart. KeyError, TypeError or ValueError where it is none."""
    actions = tuple(
        Action(str(a["name"]), int(a["start"]), int(a["end"]), float(a["confidence"]))
        for a in about["actions"]
    )
    contacts = tuple(Contact(c["kind"], c["side"], int(c["start"]), int(c["end"])) for c in about["contacts"])
    if unknown := {contact.kind for contact in contacts} - set(get_args(ContactKind)):
        raise ValueError(f"contacts of the kind {', '.join(sorted(map(str, unknown)))}")
    return Intent(actions, contacts)


def track_tensors(track: Track, prefix: str) -> dict[str, Tensor]:
    """The tensors of a Track by name, each name starting with `prefix`; absent parts have no entry."""
    parts = {name: getattr(track, name) for name in PARTS}
    if track.face is not None:
        parts |= {f"face.{field.name}": getattr(track.face, field.name) for field in fields(FaceMotion)}
    return {prefix + name: tensor for name, tensor in parts.items() if tensor is not None}


def track_from(tensors: Mapping[str, Tensor], prefix: str) -> Track:
    """The Track that `track_tensors(track, prefix)` took apart. Raises KMCError for an incomplete face."""
    face = {field.name: tensors.get(f"{prefix}face.{field.name}") for field in fields(FaceMotion)}
    present = {name: tensor for name, tensor in face.items() if tensor is not None}
    if present and len(present) < len(face):
        missing = ", ".join(name for name in face if name not in present)
        raise KMCError(
            f"The face of '{prefix}' is incomplete: {missing} missing. The file is damaged; save it again."
        )
    parts = {name: tensors.get(prefix + name) for name in PARTS}
    return replace(Track(), **parts, face=FaceMotion(**present) if present else None)


def save_tensors(
    path: Path | str,
    kind: FileKind,
    tensors: Mapping[str, Tensor],
    about: Mapping[str, Any],
    *,
    new: bool = False,
) -> None:
    """Write tensors and the JSON-able mapping `about` as a file of this kind, atomically.

    Raises KMCError for values that are no finite numbers and when the disk refuses the file; FileExistsError
    where it is to be `new` and is not.
    """
    _write_whole(Path(path), pack_tensors(kind, tensors, about), new)


def pack_tensors(kind: FileKind, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """The bytes of the file that `save_tensors` writes. KMCError for values that are no finite numbers."""
    # Copies, because safetensors refuses tensors that share memory, which views of one batch do.
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    if broken := [name for name, tensor in owned.items() if not bool(tensor.isfinite().all())]:
        raise KMCError(
            f"The {kind.name}'s {', '.join(broken)} hold values that are no finite numbers; such a "
            f"file could not be loaded again. Make the {kind.name} again from its video or pictures."
        )
    metadata = {
        kind.version_key: str(kind.version),
        kind.fields_key: json.dumps(dict(about), sort_keys=True),
    }
    header, payload = _split(safetensors.torch.save(owned))
    header["__metadata__"] = metadata | {CHECKSUM_KEY: _checksum(payload)}
    return _join(header, payload)


def load_tensors(path: Path | str, kind: FileKind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and description of a file of this kind. KMCError: missing, damaged, foreign or newer file.

    A file with values that are no finite numbers is damaged.
    """
    raw, metadata, payload = _open(path, kind)
    if metadata.get(CHECKSUM_KEY) != _checksum(payload):
        raise _damaged(path, "its content does not match its checksum")
    try:
        about = json.loads(metadata[kind.fields_key])
        tensors = safetensors.torch.load(raw)
    except (KeyError, json.JSONDecodeError, safetensors.SafetensorError) as error:
        raise _damaged(path, f"it cannot be decoded ({error})") from error
    if not isinstance(about, dict):
        raise _damaged(path, "its description is not a JSON object")
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise _damaged(path, f"the tensor '{name}' holds values that are no finite numbers")
    return tensors, about


def _open(path: Path | str, kind: FileKind) -> tuple[bytes, dict[str, str], bytes]:
    """All bytes, the metadata and the tensor bytes of a file of this kind, no newer than this code."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise KMCError(
            f"Cannot read the {kind.name} file '{Path(path).name}': {error.strerror}. Check where it is."
        ) from error
    try:
        header, payload = _split(raw)
    except ValueError as error:
        raise _damaged(path, "it is not a whole safetensors file") from error
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or kind.version_key not in metadata:
        raise KMCError(
            f"'{Path(path).name}' is not a {kind.name} file. Choose a file that was saved as a {kind.name}."
        )
    version = metadata[kind.version_key]
    if not version.isdecimal():
        raise _damaged(path, f"its version is '{version}'")
    if int(version) > kind.version:
        raise KMCError(
            f"'{Path(path).name}' has {kind.name} format {version}; this version reads up to {kind.version}. "
            "Update the node pack."
        )
    return raw, metadata, payload


def _split(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensor bytes of a safetensors file. ValueError where it is not one."""
    end = LENGTH_BYTES + int.from_bytes(raw[:LENGTH_BYTES], "little")
    if len(raw) < LENGTH_BYTES or end > len(raw):
        raise ValueError("truncated header")
    header = json.loads(raw[LENGTH_BYTES:end].decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    return header, raw[end:]


def _join(header: Mapping[str, Any], payload: bytes) -> bytes:
    """The file's bytes with the header's keys sorted: the library itself writes metadata in random order."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % LENGTH_BYTES)  # the format wants the tensor bytes aligned
    return len(text).to_bytes(LENGTH_BYTES, "little") + text + payload


def _write_whole(path: Path, content: bytes, new: bool) -> None:
    """Write beside the target, then rename, so that a full disk or a crash leaves the old file whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _claim(temporary, path)
        else:
            os.replace(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise KMCError(
            f"Cannot write '{path.name}': {error.strerror}. "
            "Free space or choose another folder; no file was changed."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _claim(whole: Path, path: Path) -> None:
    """Give a whole file a name that no other has, in one step. FileExistsError where one has it."""
    try:
        os.link(whole, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network drives know no links; there it takes two steps
        path.open("xb").close()
        try:
            os.replace(whole, path)
        except OSError:
            path.unlink()
            raise


def _checksum(payload: bytes) -> str:
    return f"{zlib.crc32(payload):08x}"


def _damaged(path: Path | str, reason: str) -> KMCError:
    return KMCError(f"'{Path(path).name}' is damaged: {reason}. Copy or save it again.")


def _track_prefix(index: int) -> str:
    return f"tracks.{index}."
