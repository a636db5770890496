"""Where files live on the host: weights, motions, subjects. Names that users type are checked, never used as
paths.
"""

from collections.abc import Sequence
from pathlib import Path

import folder_paths

from ..errors import KMCError

WEIGHTS = Path(__file__).parents[2] / "weights"
ANIMATORS, SUBJECTS, DETECTION = "kmc", "kmc_subjects", "detection"  # the host's model folders
AUX_FILES = "comfyui_controlnet_aux/ckpts"  # where that pack puts what it downloads
MOTIONS = "motions"  # folder inside the host's output folder
SUFFIX = ".safetensors"
SAVED = " [output]"  # the host's own mark for files of the output folder


def perception_weights() -> Path:
    """Folder of the bundled perception nets."""
    return WEIGHTS / "perception"


def animator_names() -> list[str]:
    """Checkpoints that come with the pack, then those in models/kmc."""
    bundled = sorted(path.name for path in (WEIGHTS / "animator").glob(f"*{SUFFIX}"))
    return list(dict.fromkeys(bundled + _model_files(ANIMATORS)))


def animator_path(name: str) -> Path:
    """A checkpoint by its name; a file in models/kmc takes precedence over the bundled one."""
    return _model_path(ANIMATORS, name) or WEIGHTS / "animator" / name


def subject_names() -> list[str]:
    """Subjects in the library folder, without the ending."""
    return [name.removesuffix(SUFFIX) for name in _model_files(SUBJECTS)]


def subject_path(name: str) -> Path:
    """File of a subject in the library; KMCError when the library has none of that name."""
    path = _model_path(SUBJECTS, f"{name}{SUFFIX}")
    if path is None:
        raise KMCError(
            f"The subject library has no '{name}'; there are {', '.join(subject_names()) or 'none yet'}."
        )
    return path


def subject_folders() -> list[Path]:
    """All folders of the library, the one that is written to in front."""
    return [Path(folder) for folder in _model_folders(SUBJECTS)]


def subject_folder() -> Path:
    """The library folder that new subjects are written to; made when it is missing."""
    folder = subject_folders()[0]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def motion_names() -> list[str]:
    """Motion files in the input folder, then those that Save Motion wrote, annotated as the host does."""
    written = Path(folder_paths.get_output_directory())
    saved = sorted((written / MOTIONS).rglob(f"*{SUFFIX}"))
    given = sorted(path.name for path in Path(folder_paths.get_input_directory()).glob(f"*{SUFFIX}"))
    return given + [f"{path.relative_to(written).as_posix()}{SAVED}" for path in saved]


def motion_path(name: str) -> Path:
    """File of an entry of `motion_names`; KMCError when it lies outside the host's folders or is missing."""
    saved = name.endswith(SAVED)
    root = folder_paths.get_output_directory() if saved else folder_paths.get_input_directory()
    root = Path(root).resolve()
    path = (root / name.removesuffix(SAVED)).resolve()
    if not path.is_relative_to(root):
        raise KMCError(f"'{name}' lies outside the host's folders; choose a motion from the list.")
    if not path.is_file():
        raise KMCError(f"The motion '{name}' does not exist any more; refresh the page and choose another.")
    return path


def new_motion_path(prefix: str) -> Path:
    """A new numbered file for a prefix such as 'motions/dance'; KMCError when it would leave the output
    folder.
    """
    output = Path(folder_paths.get_output_directory()).resolve()
    wanted = output / prefix
    if not prefix.strip() or prefix.endswith(("/", "\\")) or not wanted.resolve().is_relative_to(output):
        raise KMCError(
            f"The name '{prefix}' is empty or leaves the output folder; use one such as 'motions/dance'."
        )
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, str(output))
    return Path(folder) / f"{name}_{counter:05}_{SUFFIX}"


def _model_folders(kind: str) -> list[str]:
    folder_paths.add_model_folder_path(kind, str(Path(folder_paths.models_dir) / kind))
    return folder_paths.get_folder_paths(kind)


def _model_files(kind: str) -> list[str]:
    _model_folders(kind)
    return [name for name in folder_paths.get_filename_list(kind) if name.endswith(SUFFIX)]


def _model_path(kind: str, name: str) -> Path | None:
    _model_folders(kind)
    found = folder_paths.get_full_path(kind, name)
    return Path(found) if found else None


def onnx_names(known: Sequence[str]) -> list[str]:
    """The well-known files, there or not, so that workflows fit every machine, then all others."""
    found = {path.name for folder in _onnx_folders() for path in folder.rglob("*.onnx")}
    return [*known, *sorted(found - set(known))]


def onnx_path(name: str) -> Path:
    """An .onnx file by its name. KMCError, with the folder that it belongs in, when it is missing."""
    folders = _onnx_folders()
    found = [path for folder in folders for path in sorted(folder.rglob("*.onnx")) if path.name == name]
    if not found:
        raise KMCError(
            f"The file {name} is missing; put it into {folders[0]}, or name the folder that holds it as "
            "'detection' in ComfyUI's extra_model_paths.yaml."
        )
    return found[0]


def _onnx_folders() -> list[Path]:
    """models/detection, where the Wan-Animate preprocessing keeps its files, and that of controlnet-aux."""
    others = [Path(root) / AUX_FILES for root in folder_paths.get_folder_paths("custom_nodes")]
    return [*map(Path, _model_folders(DETECTION)), *others]


def result_folders(names: str) -> list[Path]:
    """Folders of the output folder, one name a line; KMCError for one that lies outside it or is missing."""
    output = Path(folder_paths.get_output_directory()).resolve()
    folders = [(output / name.strip()).resolve() for name in names.splitlines() if name.strip()]
    for folder in folders:
        if not folder.is_relative_to(output) or not folder.is_dir():
            raise KMCError(
                f"'{folder.name}' is no folder inside the host's output folder; save the results of each "
                "model under a prefix such as 'ours/case'."
            )
    return folders


def new_sheet_path(prefix: str) -> Path:
    """A new numbered HTML file in the output folder, as `new_motion_path`."""
    return new_motion_path(prefix).with_suffix(".html")
