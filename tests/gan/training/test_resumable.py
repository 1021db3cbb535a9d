from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from stages.gan.core import params
from stages.gan.training import loop
from stages.gan.training.checkpoints import CheckpointStore
from stages.gan.training.loop import Training
from stages.gan.training.resumable import ResumableTraining, checkpoint_store

CPU = torch.device("cpu")
EPOCHS, STEPS = 3, 4
REAL = torch.randn(35, 2, generator=torch.Generator().manual_seed(0))
PREVIEW = torch.zeros(4, 2)


@pytest.fixture
def experiment(root) -> params.Experiment:
    """Of sine, with three epochs of four steps, and all that has a state of its own."""
    block = yaml.safe_load((root / "params.yaml").read_text())["sine"]
    block["data"]["points"] = 35
    block["train"] |= {"epochs": EPOCHS, "batch_size": 8, "ema": 0.9}
    return params.experiment_schema().model_validate(block)


class Trained:
    """A training in a folder of checkpoints, as far as it comes."""

    def __init__(self, experiment: params.Experiment, folder: Path, stop_after: int | None = None) -> None:
        self.gan = Training(experiment, (2,), seed=7, device=CPU)
        self.steps = 0
        self.flushes: list[list[str]] = []  # what there was in the folder at each

        def flush() -> None:
            self.flushes.append(sorted(path.name for path in folder.glob("*.checkpoint")))

        self.training = ResumableTraining(
            self.gan,
            STEPS,
            EPOCHS,
            CheckpointStore(folder, every=3600),
            "train sine, seed 7",
            lambda: self.steps == stop_after,
            lambda: str(folder),
        )
        self.begun_at = self.training.step
        epochs = self.training.train(REAL, PREVIEW, flush, self._count)
        self.yielded = [epoch.number for epoch in epochs]

    def _count(self) -> None:
        self.steps += 1


def same(ours: Trained, theirs: Trained) -> bool:
    states: list[dict[str, Tensor]] = [trained.gan.state_dict() for trained in (ours, theirs)]
    previews = [[epoch.preview for epoch in trained.training.epochs] for trained in (ours, theirs)]
    return (
        states[0].keys() == states[1].keys()
        and all(torch.equal(states[0][name], states[1][name]) for name in states[0])
        and len(previews[0]) == len(previews[1])
        and all(torch.equal(a, b) for a, b in zip(*previews, strict=True))
        and [e.loss_d for e in ours.training.epochs] == [e.loss_d for e in theirs.training.epochs]
    )


def test_a_training_that_is_not_disturbed_yields_all_its_epochs(experiment, tmp_path, capsys):
    whole = Trained(experiment, tmp_path / "whole")
    assert whole.yielded == [1, 2, 3]
    assert (whole.steps, whole.begun_at, whole.training.step) == (12, 0, 12)
    assert whole.training.training_seconds > 0
    assert whole.training.wall_seconds >= whole.training.training_seconds
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("stop_after", [1, 3, 4, 5, 8, 11])
def test_one_that_is_asked_to_stop_ends_early_and_goes_on_to_the_same_bytes(
    experiment, tmp_path, capsys, stop_after
):
    first = Trained(experiment, tmp_path / "a", stop_after)
    epoch, step = stop_after // STEPS + 1, stop_after % STEPS
    place = f"epoch {epoch}, step {step} of 4"
    assert first.steps == stop_after
    assert first.yielded == list(range(1, epoch))
    assert capsys.readouterr().out == f"train sine, seed 7: ends in {place}; its checkpoint is kept\n"

    second = Trained(experiment, tmp_path / "a")
    assert capsys.readouterr().out.startswith(f"train sine, seed 7: goes on from {place}, written ")
    assert second.begun_at == stop_after
    assert second.yielded == list(range(epoch, EPOCHS + 1))
    assert [found.number for found in second.training.epochs] == [1, 2, 3]
    assert second.training.key == first.training.key == str(tmp_path / "a")
    assert second.training.training_seconds > first.training.training_seconds
    assert same(second, Trained(experiment, tmp_path / "whole"))


def test_one_that_is_done_goes_on_from_its_end_with_nothing_to_do(experiment, tmp_path, capsys):
    first = Trained(experiment, tmp_path / "a")
    second = Trained(experiment, tmp_path / "a")
    assert "goes on from its end, written" in capsys.readouterr().out
    assert (second.yielded, second.steps) == ([], 0)
    assert same(second, first)


def test_one_that_is_asked_to_stop_before_its_first_step_has_a_checkpoint(experiment, tmp_path, capsys):
    gan = Training(experiment, (2,), seed=7, device=CPU)
    store = CheckpointStore(tmp_path, every=3600)
    training = ResumableTraining(gan, STEPS, EPOCHS, store, "train", lambda: True, lambda: "a key")
    assert training.step == 0
    assert capsys.readouterr().out == "train: ends in epoch 1, step 0 of 4; its checkpoint is kept\n"
    found = CheckpointStore(tmp_path, every=3600).load()
    assert (found.about["epoch"], found.about["step"], found.about["key"]) == (1, 0, "a key")


def test_what_was_said_of_it_is_on_disk_before_each_checkpoint(experiment, tmp_path):
    trained = Trained(experiment, tmp_path / "a", stop_after=6)
    assert trained.flushes == [["0.checkpoint"]]  # that of the beginning: the second is not written yet
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_a_finished_ones_checkpoints_are_discarded(experiment, tmp_path):
    trained = Trained(experiment, tmp_path / ".checkpoints" / "sine" / "seed-7" / "key")
    trained.training.discard_checkpoints()
    assert list(tmp_path.iterdir()) == []


def test_after_a_divergence_the_last_finite_networks_come_back(experiment, tmp_path, monkeypatch):
    rate = loop.learning_rate
    monkeypatch.setattr(loop, "learning_rate", lambda train, done: rate(train, done) if done < 0.5 else 1e30)
    gan = Training(experiment, (2,), seed=7, device=CPU)
    store = CheckpointStore(tmp_path, every=3600)
    training = ResumableTraining(gan, STEPS, EPOCHS, store, "train")
    epochs = training.train(REAL, PREVIEW, lambda: None, lambda: None)
    next(epochs)
    good = {name: tensor.clone() for name, tensor in gan.state_dict().items()}
    with pytest.raises(loop.DivergenceError, match="no longer finite in epoch 2"):
        next(epochs)
    assert not gan.finite
    assert training.restore_last_finite() == (2, 0)
    assert gan.finite
    assert all(torch.equal(tensor, good[name]) for name, tensor in gan.state_dict().items())


def test_there_is_no_checkpoint_of_numbers_that_are_not_finite(experiment, tmp_path):
    stop = False
    gan = Training(experiment, (2,), seed=7, device=CPU)
    training = ResumableTraining(
        gan, STEPS, EPOCHS, CheckpointStore(tmp_path, every=3600), "train", lambda: stop
    )

    def break_it() -> None:
        nonlocal stop
        stop = True
        gan.generator.layers[0].weight.data.fill_(torch.nan)

    assert list(training.train(REAL, PREVIEW, lambda: None, break_it)) == []  # it ends all the same
    found = CheckpointStore(tmp_path, every=3600).load()
    assert (found.about["epoch"], found.about["step"]) == (1, 0)


@pytest.fixture
def folder_of(experiment, tmp_path) -> Callable[..., str]:
    """The name of the folder of checkpoints of a training with some changes."""

    def folder_of(params: params.Experiment = experiment, **changes: object) -> str:
        given = {"seed": 1, "threads": 2, "dataset_md5": "a", "code": "b", "device": CPU}
        store = checkpoint_store(tmp_path, 10, params, **{**given, **changes})
        assert store._folder.parent == tmp_path
        return store._folder.name

    return folder_of


def test_checkpoints_are_found_by_what_a_trainings_bytes_depend_on(experiment, folder_of):
    train = experiment.train.model_copy(update={"lr": 0.5})
    wider = experiment.generator.model_copy(update={"hidden": [17, 32]})
    others = [
        folder_of(experiment.model_copy(update={"train": train})),
        folder_of(experiment.model_copy(update={"generator": wider})),
        folder_of(experiment.model_copy(update={"discriminator": wider})),
        folder_of(seed=2),
        folder_of(threads=1),
        folder_of(dataset_md5="c"),
        folder_of(code="d"),
    ]
    assert len({folder_of(), *others}) == 1 + len(others)


def test_what_does_not_change_them_changes_no_folder(experiment, folder_of):
    sample = experiment.sample.model_copy(update={"count": 3})
    judge = experiment.judge.model_copy(update={"lr": 0.5})
    assert folder_of(experiment.model_copy(update={"sample": sample, "judge": judge})) == folder_of()
