"""The benchmark's two loops, and what it makes of them."""

import copy
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import floor, gpu, pages, quality, reference, tools, writers
from benchmarks.speed import Comparison, Trial
from stages.gan.core import params
from stages.gan.core.params import Experiment
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.mlp import Dropout
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from tests import calls


@pytest.fixture
def experiments() -> dict[str, Experiment]:
    return params.load(calls.PARAMS).experiments


class Replayed(nn.Module):
    """Dropout with masks from a list, the first one first."""

    def __init__(self, masks: list[Tensor]) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, x: Tensor) -> Tensor:
        return x * self.masks.pop(0)


@pytest.mark.parametrize(
    ("name", "shape"), [("sine", (2,)), ("digits_classic", (1, 8, 8)), ("mnist", (1, 28, 28))]
)
def test_our_step_is_the_references_to_float_rounding(name, shape, experiments):
    """From the same weights, batches, latent points and dropout masks, both loops go to the same weights."""
    experiment = experiments[name]
    size, steps, latent = experiment.train.batch_size, 3, experiment.generator.latent
    real = torch.randn(size * steps, *shape, generator=torch.Generator().manual_seed(1)).tanh()
    train = experiment.train.model_copy(update={"epochs": 1})
    gan = Training(experiment.model_copy(update={"train": train}), shape, seed=7, device=torch.device("cpu"))
    ours = (gan.generator, gan.discriminator)
    theirs = reference.networks(experiment, shape)
    for a, b in zip(ours, theirs, strict=True):
        for source, target in zip(a.parameters(), b.parameters(), strict=True):
            target.data.copy_(source.data)
    start = copy.deepcopy(ours)

    masks: dict[int, list[Tensor]] = {}
    for layer in ours[1].layers:
        if isinstance(layer, Dropout):
            kept = masks.setdefault(len(masks), [])
            layer.register_forward_hook(lambda module, _, __, kept=kept: kept.append(module.mask.clone()))
    list(gan.epochs(Real(real), torch.zeros(1, latent)))

    replayed = iter(masks.values())
    for index, layer in enumerate(theirs[1]):
        if isinstance(layer, nn.Dropout):
            theirs[1][index] = Replayed(next(replayed))
    adams = [
        torch.optim.Adam(network.parameters(), lr=train.lr, betas=tuple(train.betas)) for network in theirs
    ]
    order = torch.randperm(len(real), generator=random_generator(7, "order", 1))
    latents = torch.randn(steps, 2, size, latent, generator=random_generator(7, "latent", 1))
    for batch, points in zip(order.split(size), latents, strict=True):
        reference.step(*theirs, *adams, real[batch], points[0], points[1])

    for network, other, before in zip(ours, theirs, start, strict=True):
        for a, b, c in zip(network.parameters(), other.parameters(), before.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-6)
            assert not torch.equal(a, c)


@pytest.mark.parametrize("trained_by", ["ours", "reference"])
def test_a_worker_times_every_step(trained_by, root, tmp_path, experiments):
    folder = tmp_path / "data" / "digits"
    experiments["digits"].source.load(Path("unused")).save(folder / "dataset.safetensors")
    (tmp_path / "params.yaml").write_text(calls.PARAMS.read_text())
    sizes = ("--epochs", "2", "--limit", "100")
    command = [sys.executable, "-m", "benchmarks.worker", trained_by, "digits_classic", *sizes]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True
    )
    trial = json.loads(done.stdout)
    assert len(trial["times"]) == 2 * (100 // 32) + 1
    assert trial["times"] == sorted(trial["times"])
    assert trial["times"][0] == 0
    assert 50e6 < trial["memory"] < 5e9


def test_ratios_are_of_steps_per_second_within_a_round():
    slow, fast = Trial([0.0, 0.2, 0.4, 0.8], 1), Trial([0.0, 0.1, 0.2, 0.3], 1)
    comparison = Comparison("sine", {"reference": [slow, fast], "ours": [fast, fast]})
    assert comparison.ratios() == pytest.approx([0.8 / 0.3, 1])
    assert comparison.ratios(2) == pytest.approx([2, 1])
    assert comparison.milliseconds("ours") == pytest.approx(100)


def test_the_floor_counts_what_a_step_must_compute_and_move(experiments):
    mnist = experiments["mnist"]
    g, d = 100 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784, 784 * 1024 + 1024 * 512 + 512 * 256 + 256
    forth = 2 * 32 * (g + 2 * d + g + d)
    back = 2 * 32 * (2 * d + 2 * (d - 784 * 1024) + d + g + g - 100 * 256)
    flops = floor.step_seconds(mnist, 784, flops=1, bandwidth=float("inf"))
    assert flops == forth + back
    assert flops == pytest.approx(1.0e9, rel=0.03)
    moved = floor.step_seconds(mnist, 784, flops=float("inf"), bandwidth=1)
    assert moved == pytest.approx(7 * 4 * 2.95e6, rel=0.01)


@pytest.mark.slow
def test_what_is_measured_on_a_gpu_can_be_measured_on_a_cpu():
    text = gpu.table("cpu", ["mnist"], at_once=[2], steps=10)
    table, several = (part.splitlines()[2:] for part in text.split("\n\n")[1:])
    for row, recipe in zip(table, ("mnist",), strict=True):
        _, name, step, _, plain, times, again, after_a_kill, _ = (cell.strip() for cell in row.split("|"))
        assert (name, again, after_a_kill) == (recipe, "yes", "yes")
        assert float(times) == pytest.approx(float(plain) / float(step), rel=0.1)
    assert [row.split("|")[1].strip() for row in several] == ["2"]


def test_the_record_of_quality_keeps_one_training_of_a_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "RECORD", tmp_path / "quality.csv")
    first = quality.Score("mnist", 1, 10, 60.0, 0)
    other = quality.Score("mnist_fast", 1, 1, 50.0, 0)
    quality.add([first, quality.Score("mnist", 1, 20, 55.0, 0)])
    quality.add([other])
    quality.add([first])
    assert quality.load() == [first, other]


def test_writers_at_once_lose_nothing_and_what_is_lost_is_counted(tmp_path):
    (folder := tmp_path / "store").mkdir()
    store = writers.sqlite(folder)
    measured = writers.measure(store, tmp_path, [1, 2], rounds=1)
    assert {count: tally.runs for count, tally in measured.tallies.items()} == {1: 1, 2: 2}
    assert measured.well
    assert measured.database > 30 * writers.POINTS
    assert measured.artifacts > 3 * 173_000
    text = writers.table({"file": measured})
    assert text.count("| file |") == 3
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("DELETE FROM metrics WHERE step = 7 AND key = 'loss_d'")
    writers.count_lost(store, [(1, "0 1 0"), (2, "0 2 0"), (2, "0 2 1"), (2, "none")], measured.tallies)
    assert [tally.lost for tally in measured.tallies.values()] == [1, 2 + writers.POINTS]
    assert not measured.well


def test_what_is_made_goes_between_its_marks():
    page = "before\n<!-- a -->\nold\n<!-- b -->\nafter\n"
    new = pages.insert(page, "<!-- a -->", "<!-- b -->", "| new |")
    assert new == "before\n<!-- a -->\n\n| new |\n\n<!-- b -->\nafter\n"
    assert pages.insert(new, "<!-- a -->", "<!-- b -->", "| new |") == new


def test_a_section_of_one_machine_is_replaced_and_others_stay():
    first = pages.replace_section("## Speed", "An Intel, 2 cores", "| 1 |")
    assert first == "## Speed\n\n### An Intel, 2 cores\n\n| 1 |\n"
    both = pages.replace_section(first, "An AMD, 2 cores", "| 2 |\n\nMore.")
    assert both == f"{first}\n### An AMD, 2 cores\n\n| 2 |\n\nMore.\n"
    assert pages.replace_section(both, "An Intel, 2 cores", "| 3 |") == both.replace("| 1 |", "| 3 |")


def test_the_tools_are_measured_and_the_page_is_written(workplace, monkeypatch):
    page = workplace / "tools.md"
    page.write_text(f"{tools.NEAREST}\n{tools.END}\nand\n{tools.CLASSIFIED}\n{tools.END}\n")
    values = {"SEED": calls.SEED, "KNOWN": 20, "PICTURES": 2, "STARTS": 4, "STEPS": 20, "HELD_OUT": 30}
    for name, value in values.items():
        monkeypatch.setattr(tools, name, value)
    monkeypatch.setattr(tools, "PAGE", page)
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("sys.argv", ["tools"])
    tools.main()
    text = page.read_text()
    (own,) = re.findall(r"one of its samples \| ([0-9.]+) grey levels \| ([0-9.]+)", text)
    assert float(own[0]) < 60
    (right,) = re.findall(r"`digits` \(8x8\) \| ([0-9.]+)% \| ([0-9.]+)%", text)
    assert float(right[1]) > float(right[0]) - 30
    assert "Of 20 printed digits" in text
