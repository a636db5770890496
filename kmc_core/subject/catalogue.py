"""The subject library: a folder of subject files that is listed, added to, renamed and thinned out safely."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..errors import KMCError
from ..motion.files import LENGTH_BYTES
from .library import SUBJECT_FILE, SUFFIX, load_subject, save_subject, subject_file
from .types import Subject

COLOUR: Final = re.compile("#[0-9a-f]{6}")
LONGEST_HEAD: Final = 100_000_000  # bytes, the limit of the safetensors format


@dataclass(frozen=True)
class ViewEntry:
    """What a list shows of a view."""

    yaw: float  # radians
    kind: str
    thumbnail: str  # JPEG in base64; "" where the file brings none
    stranger: bool = False  # its face looks like another person's


@dataclass(frozen=True)
class Entry:
    """What a list shows of a subject, read from the head of its file alone."""

    name: str  # of the file, by which it is loaded
    description: str = ""
    views: tuple[ViewEntry, ...] = ()
    palette: tuple[str, ...] = ()  # "#rrggbb"
    problem: str = ""  # why it cannot be loaded, "" where it can


def list_subjects(folders: Sequence[Path]) -> list[Entry]:
    """Every subject file in the folders and below by name; of two of one name the first folder's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.rglob(f"*{SUFFIX}"):
            if not path.name.startswith("."):
                found.setdefault(path.relative_to(folder).as_posix().removesuffix(SUFFIX), path)
    return [read_entry(name, found[name]) for name in sorted(found, key=str.casefold)]


def read_entry(name: str, path: Path) -> Entry:
    """A subject's entry from its file's head; a file that is none is told by its `problem`."""
    try:
        about = json.loads(_head(path)["__metadata__"][SUBJECT_FILE.fields_key])
        views = tuple(_view_entry(view) for view in about["views"])
        palette = tuple(each for each in map(str, about.get("palette", ())) if COLOUR.fullmatch(each))
        return Entry(name, str(about.get("description", "")), views, palette)
    except KeyError:
        return Entry(name, problem="This is not a subject file.")
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return Entry(name, problem="The file is damaged.")


def _head(path: Path) -> Any:
    """The JSON head of a safetensors file, without the tensors behind it. ValueError where there is none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > LONGEST_HEAD:
            raise ValueError("no safetensors file has such a head")
        return json.loads(file.read(length))


def _view_entry(view: Any) -> ViewEntry:
    yaw, thumbnail = float(view["yaw"]), str(view.get("thumbnail", ""))
    if not math.isfinite(yaw):
        raise ValueError("a head is turned by a number of radians")  # and JSON has no other numbers
    return ViewEntry(yaw, str(view["kind"]), thumbnail, bool(view.get("stranger")))


def add_subject(subject: Subject, folder: Path, *, overwrite: bool = False) -> Path:
    """Keep a subject in a folder; whoever else saves at the same time, no other file is lost.

    Raises KMCError for a name that is no file name, and without `overwrite` for one that is taken.
    """
    path = subject_file(folder, subject.name)
    try:
        save_subject(subject, path, new=not overwrite)
    except FileExistsError as error:
        raise KMCError(
            f"The library has a subject '{subject.name}' already; rename this one or switch 'overwrite' on."
        ) from error
    return path


def rename_subject(path: Path, name: str) -> Path:
    """Give a subject's file, and the subject in it, another name in its folder.

    Raises KMCError where that is taken or no name, and where the file was written to meanwhile.
    """
    if path.name == subject_file(path.parent, name).name:
        return path
    before = path.stat()
    renamed = add_subject(replace(load_subject(path), name=name.strip()), path.parent)
    now = path.stat()
    if (before.st_ino, before.st_mtime_ns, before.st_size) != (now.st_ino, now.st_mtime_ns, now.st_size):
        raise KMCError(f"'{path.stem}' was saved anew while it was renamed; both are kept.")
    path.unlink()
    return renamed


def delete_subject(path: Path) -> None:
    """Delete a subject's file. KMCError for a file that is no whole subject: it may be anything."""
    if problem := read_entry(path.stem, path).problem:
        raise KMCError(f"'{path.name}' is kept: {problem} Delete it by hand if nothing else needs it.")
    path.unlink()


def merge_subjects(first: Subject, second: Subject, *, name: str = "") -> Subject:
    """One subject with the views of both, the first one's in front, and its name and description."""
    views = first.views + second.views
    description, consent = first.description or second.description, first.consent or second.consent
    return Subject(name.strip() or first.name, views, description, consent)
