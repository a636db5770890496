"""Subject files: one safetensors file for a whole character, pictures as 8 bit, written whole or not.

The file's head carries small pictures of the views, so that a library is listed without reading the files.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.files import FileKind, load_tensors, save_tensors, track_from, track_tensors
from ..motion.types import Motion
from .facing import strangers
from .thumbnail import as_jpeg, palette, thumbnail
from .types import Subject, View, ViewKind

SUBJECT_FILE: Final = FileKind("subject")
SUFFIX: Final = ".safetensors"
THUMBNAIL: Final = 72  # pixels of its longer side
LONGEST_NAME: Final = 100  # leaves room for folder and ending in the 255 bytes that file systems allow
FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"/\\|?*]')  # controls and separators
# Names that Windows keeps for devices, whatever their ending.
DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)


def save_subject(subject: Subject, path: Path, *, new: bool = False) -> None:
    """Write a subject; `load_subject` gives pictures and masks back in 8 bit, all else bit for bit.

    Raises KMCError when the disk refuses the file; FileExistsError where it is to be `new` and is not.
    """
    odd = strangers(subject.views)
    views = [
        {
            "yaw": view.yaw, "kind": view.kind, "thumbnail": as_jpeg(thumbnail(view, THUMBNAIL)),
            "stranger": index in odd,
        }
        for index, view in enumerate(subject.views)
    ]  # fmt: skip
    about = {
        "name": subject.name, "description": subject.description, "views": views,
        "palette": palette(subject.views[0]), "consent": subject.consent,
    }  # fmt: skip
    save_tensors(path, SUBJECT_FILE, _tensors(subject), about, new=new)


def load_subject(path: Path) -> Subject:
    """Read a subject. Raises KMCError for a missing, damaged, foreign or newer file."""
    tensors, about = load_tensors(path, SUBJECT_FILE)
    views, name = about.get("views"), about.get("name")
    if not isinstance(views, list) or not views or not isinstance(name, str):
        raise _damaged(path, "its description lacks a name or views")
    loaded = tuple(_view(path, tensors, index, entry) for index, entry in enumerate(views))
    words = (str(about.get(key, "")) for key in ("description", "consent"))
    subject = Subject(name, loaded, *words)
    if unknown := sorted(set(tensors) - set(_tensors(subject))):
        raise _damaged(path, f"it holds tensors that no subject has: {', '.join(unknown[:3])}")
    return subject


def subject_file(folder: Path, name: str) -> Path:
    """Where the subject `name` lies in a library folder. KMCError for a name that is no plain file name."""
    return folder / f"{checked_name(name)}{SUFFIX}"


def checked_name(name: str) -> str:
    """The name itself when every file system takes it as a file's name, else KMCError."""
    plain = name.strip()
    odd = FORBIDDEN.search(plain)
    if not plain or odd or plain[0] == "." or plain[-1] == "." or plain.split(".")[0].lower() in DEVICES:
        raise KMCError(
            f"{name!r} cannot be a file's name; use letters, digits, spaces, '-' and '_', no dot at an end."
        )
    if len(plain.encode()) > LONGEST_NAME:
        raise KMCError(f"The name '{plain[:20]}...' is too long; use at most {LONGEST_NAME} letters.")
    return plain


def _tensors(subject: Subject) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for index, view in enumerate(subject.views):
        prefix = _prefix(index)
        tensors |= {f"{prefix}image": _to_bytes(view.image), f"{prefix}mask": _to_bytes(view.mask)}
        tensors |= track_tensors(view.pose, f"{prefix}pose.")
        if view.embedding is not None:
            tensors[f"{prefix}embedding"] = view.embedding
    return tensors


def _view(path: Path, tensors: Mapping[str, Tensor], index: int, entry: Any) -> View:
    prefix = _prefix(index)
    image, mask = tensors.get(f"{prefix}image"), tensors.get(f"{prefix}mask")
    if image is None or mask is None or image.ndim != 3 or tuple(mask.shape) != (1, *image.shape[1:]):
        raise _damaged(path, f"view {index + 1} lacks a picture with a mask of its size")
    yaw, kind = (entry.get("yaw"), entry.get("kind")) if isinstance(entry, dict) else (None, None)
    if not isinstance(yaw, (int, float)) or not math.isfinite(yaw) or kind not in get_args(ViewKind):
        raise _damaged(path, f"view {index + 1} has yaw {yaw} and kind {kind}")
    pose = track_from(tensors, f"{prefix}pose.")
    try:
        Motion(1.0, (1, 1), (pose,))  # checks the shapes
    except KMCError as error:
        raise _damaged(path, f"in the pose of view {index + 1}: {error}") from error
    if pose.frames != 1:
        raise _damaged(path, f"the pose of view {index + 1} has {pose.frames} frames, expected 1")
    embedding = tensors.get(f"{prefix}embedding")
    return View(_from_bytes(image), _from_bytes(mask), pose, float(yaw), cast(ViewKind, kind), embedding)


def _to_bytes(picture: Tensor) -> Tensor:
    return (picture.float() * 255).round().clamp(0, 255).to(torch.uint8)


def _from_bytes(picture: Tensor) -> Tensor:
    return picture.float() / 255


def _prefix(index: int) -> str:
    return f"views.{index}."


def _damaged(path: Path, reason: str) -> KMCError:
    return KMCError(f"'{path.name}' is damaged: {reason}. Copy or save it again.")
