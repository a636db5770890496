"""Record what the reference runtime answers, for the parity tests: `tests/golden/perception/<net>.json`.

    pip install ai-edge-litert numpy && python tools/record_perception.py

Runs the source .tflite nets in ai-edge-litert on seeded coloured squares, which the file holds too.
`face_identity` has no such file: `tools/record_identity.mjs` records it with face-api itself.
"""

import importlib.metadata
import json
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from convert_perception import ROOT, SOURCES, fetch

SQUARE = 16  # pixels; divides every net's input size
SAMPLES = 128  # values kept of each output, evenly spread
SEED = 20240229


def main() -> None:
    """Record every net that has a .tflite file."""
    folder = ROOT / "tests/golden/perception"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in SOURCES.items():
        if source.file.endswith(".tflite"):
            record = record_net(fetch(source, ROOT / ".host/packages"), source.signed)
            path = folder / f"{name}.json"
            path.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
            print(f"{path.name:24s} {path.stat().st_size} bytes")


def record_net(data: bytes, signed: bool) -> dict:
    """Run one net on its seeded input and keep samples of every output."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(data)
        net = Interpreter(str(path))
    net.allocate_tensors()
    entry = net.get_input_details()[0]
    rng = np.random.default_rng(SEED)
    if len(entry["shape"]) == 4:
        squares = rng.integers(0, 256, (*(entry["shape"][1:3] // SQUARE), 3))
        x = np.repeat(np.repeat(squares, SQUARE, 0), SQUARE, 1)[None].astype(np.float32) / 255
    else:
        squares = rng.integers(0, 256, entry["shape"][1:])
        x = squares[None].astype(np.float32)
    net.set_tensor(entry["index"], x * 2 - 1 if signed else x)
    net.invoke()
    outputs = [net.get_tensor(output["index"]) for output in net.get_output_details()]
    return {
        "recorded_by": "python tools/record_perception.py",
        "runtime": f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}",
        "square": SQUARE,
        "input": squares.tolist(),
        "outputs": [sample(output) for output in outputs],
    }


def sample(output: np.ndarray) -> dict:
    """Shape, largest magnitude and evenly spread values of an output."""
    flat = output.reshape(-1)
    at = np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).round().astype(int)
    values = [float(f"{value:.6g}") for value in flat[at]]
    return {"shape": list(output.shape), "largest": float(np.abs(flat).max()), "values": values}


if __name__ == "__main__":
    main()
