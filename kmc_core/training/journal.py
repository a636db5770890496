"""What a run tells while it goes on: figures as JSON lines and in TensorBoard, sheets of what it makes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from . import processes
from .batch import Batch
from .state import TrainState

ROWS: Final = 4  # clips of a sheet
FLUSHED_EVERY: Final = 20  # steps


class Journal:
    """The files metrics.jsonl, events.* and samples/*.png of a run; only the first process writes them."""

    def __init__(self, out: Path, examples: Batch) -> None:
        self.out = out
        self.examples = examples.part(0, max(1, len(examples.x0) // ROWS))
        self.writes = processes.rank() == 0
        if self.writes:
            (out / "samples").mkdir(parents=True, exist_ok=True)
            self.lines = (out / "metrics.jsonl").open("a")
            self.board = SummaryWriter(str(out))

    def figures(self, step: int, seconds: float, logs: dict[str, float]) -> None:
        """Losses of a step, and the seconds since this process went on."""
        if not self.writes:
            return
        self.lines.write(json.dumps({"step": step, "seconds": round(seconds, 1)} | logs) + "\n")
        for name, value in logs.items():
            self.board.add_scalar(name, value, step)
        if step % FLUSHED_EVERY == 0:
            self.lines.flush()

    def sheet(self, state: TrainState) -> None:
        """Show what the averaged weights make of the same clips each time."""
        sheet = sample_sheet(state, self.examples)
        if not self.writes:
            return
        Image.fromarray(sheet.numpy()).save(self.out / "samples" / f"{state.step:06d}.png")
        self.board.add_image("samples", sheet, state.step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the files."""
        if self.writes:
            self.lines.close()
            self.board.close()


@torch.no_grad()
def sample_sheet(state: TrainState, examples: Batch) -> Tensor:
    """uint8 [rows * H, 4 * W, 3], a clip a row: its picture, the prior, what the averaged weights make from
    noise in one step, and the truth, at the clip's middle frame.
    """
    model, batch = state.model, examples.to(next(state.model.parameters()).device)
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state.average)
    conditions = replace(batch.conditions, text=model["text"](batch.tokens))
    noise = torch.randn(batch.x0.shape, generator=torch.Generator().manual_seed(0)).to(batch.x0)
    made = model["animator"](noise, noise.new_ones(len(noise)), conditions)
    model.load_state_dict(current)
    middle = made.shape[2] // 2
    columns = (
        batch.conditions.references[:, 0, :3], *(x[:, :3, middle] for x in (conditions.moved, made, batch.x0))
    )  # fmt: skip
    rows = torch.cat([column.float().cpu() for column in columns], -1)  # [B, 3, H, 4 W]
    return ((torch.cat(list(rows), 1).clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0)
