"""Evaluation on rendered truth: floors, ceiling and what is kept between runs."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("anny", reason="needs the train extra")
pytest.importorskip("moderngl", reason="needs the train extra")

from checkpoints import write_tiny_animator
from kmc_core.errors import KMCError
from kmc_core.evaluate.report import summarize
from kmc_core.training.mocap import DEFAULT_FOLDER
from kmc_core.training.studio import Studio
from kmc_core.training.truth import render_split
from kmc_core.training.validate import ANIMATOR, COPY, METHODS, TRUTH, evaluate
from media import perception

if not (DEFAULT_FOLDER / "01_01.bvh").is_file():
    pytest.skip("needs Debian's assimp-testmodels", allow_module_level=True)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("truth")
    studio = Studio()
    for driver in (False, True):
        render_split(studio, folder, "val", 2, 2, 1, 128, driver=driver)
    return folder / "val"


def test_floors_and_ceiling_stand_beside_the_animator_and_a_second_run_is_the_same(
    truth: Path, tmp_path: Path
):
    weights = write_tiny_animator(tmp_path)
    first = evaluate(weights, [truth], perception(), steps=1, clips=2, sheet=tmp_path / "sheet.png")
    figures = summarize(first)["all"]
    assert set(figures) == set(METHODS)
    assert figures[TRUTH]["ssim"].value == pytest.approx(1) and figures[TRUTH]["body_pck"].value > 0.8
    assert figures[ANIMATOR]["ssim"].value < figures[COPY]["ssim"].value < 1  # weights are random
    assert (tmp_path / "sheet.png").is_file()
    kept = sorted((truth.parent / "readings").glob("*.safetensors"))
    assert kept
    assert evaluate(weights, [truth], perception(), steps=1, clips=2) == first
    assert sorted((truth.parent / "readings").glob("*.safetensors")) == kept


def test_drivers_of_other_clips_are_refused(truth: Path, tmp_path: Path):
    (tmp_path / "val_drivers").symlink_to(truth)
    (tmp_path / "val").symlink_to(truth)
    with pytest.raises(KMCError, match=r"The driver of val-1-0 .* is val-1-0"):
        evaluate(write_tiny_animator(tmp_path), [tmp_path / "val"], perception(), steps=1, clips=1)
