from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from stages.gan.core import params
from stages.gan.training import loop
from stages.gan.training.batches import Real, steps_per_epoch
from stages.gan.training.checkpoints import CheckpointStore
from stages.gan.training.loop import Training
from stages.gan.training.resumable import ResumableTraining, checkpoint_store
from tests import calls

CPU = torch.device("cpu")
EPOCHS, STEPS = 3, 4
REAL = torch.randn(35, 2, generator=torch.Generator().manual_seed(0))
PREVIEW = torch.zeros(4, 2)


@pytest.fixture
def experiment() -> params.Experiment:
    """Of sine, with three epochs of four steps, and all that has a state of its own."""
    block = yaml.safe_load(calls.PARAMS.read_text())["sine"]
    block["data"]["points"] = 35
    block["train"] |= {"epochs": EPOCHS, "batch_size": 8, "ema": 0.9}
    return params.experiment_schema().model_validate(block)


class Trained:
    """A training of points, or of images, in a folder of checkpoints, as far as it comes."""

    def __init__(
        self,
        experiment: params.Experiment,
        folder: Path,
        stop_after: int | None = None,
        real: Real = Real(REAL),  # noqa: B008
    ) -> None:
        counts = real.labels.bincount().tolist() if experiment.train.condition else []
        self.gan = Training(experiment, real.samples.shape[1:], seed=7, device=CPU, counts=counts)
        self.steps = 0
        self.flushes: list[list[str]] = []  # what there was in the folder at each

        def flush() -> None:
            self.flushes.append(sorted(path.name for path in folder.glob("*.checkpoint")))

        self.training = ResumableTraining(
            self.gan,
            steps_per_epoch(len(real.samples), experiment.train),
            EPOCHS,
            CheckpointStore(folder, every=3600),
            "train sine, seed 7",
            lambda: self.steps == stop_after,
            lambda: str(folder),
        )
        self.begun_at = self.training.step
        epochs = self.training.train(real, torch.zeros(4, self.gan.latent), flush, self._count)
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


IMAGES = Real(
    torch.rand(35, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1, torch.arange(35) % 5
)
CONV = {
    "generator": {"network": "conv", "latent": 3, "channels": [4, 2], "subpixel": True},
    "discriminator": {"network": "conv", "channels": [2, 4], "subpixel": True, "spectral_norm": True},
}
RESIDUAL = {
    "generator": {"network": "residual", "latent": 3, "channels": [4, 2], "attention": True},
    "discriminator": {"network": "residual", "channels": [2, 4], "attention": True},
}
ALL = {"augment": ["flip", "color", "translation", "cutout"], "instance_noise": 0.2, "clip_norm": 0.5}
DRAWS = """
import math
from torch import nn
from stages.gan.core.layers import RandomLayer

class Noise(RandomLayer):
    def forward(self, x):
        return x + 0.1 * self.random.normal(*x.shape) if self.training else x

def noisy_generator(latent: int, shape):
    return nn.Sequential(
        nn.Linear(latent, 8), Noise(), nn.ReLU(), nn.Linear(8, math.prod(shape)), nn.Tanh(),
        nn.Unflatten(1, shape),
    )

class NoisyDiscriminator(nn.Module):
    def __init__(self, shape, classes: int = 0):
        super().__init__()
        self.first, self.told = nn.Linear(math.prod(shape), 8), nn.Linear(classes, 8)
        self.rest = nn.Sequential(Noise(), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))

    def forward(self, x, classes):
        return self.rest(self.first(x.flatten(1)) + self.told(classes))
"""
NOISY = {"generator": {"network": "noisy", "latent": 3}, "discriminator": {"network": "noisy"}}
PIECES = {  # what is changed of the block ``train``, and of the others
    "label smoothing": ({"label_smoothing": 0.1}, {}),
    "hinge": ({"loss": "hinge"}, {}),
    "least squares": ({"loss": "least_squares", "label_smoothing": 0.1}, {}),
    "wasserstein, gp": ({"loss": "wasserstein", "gp": 10, "d_steps": 2}, {}),
    "relativistic, r1, r2": ({"loss": "relativistic", "r1": 0.1, "r2": 0.1, "penalty_every": 3}, {}),
    "rates": ({"lr_d": 0.002, "betas_d": [0.0, 0.9], "clip_norm": 0.1, "lr_decay": "cosine"}, {}),
    "augmentation": ({"augment": ALL["augment"]}, {}),
    "augmentation of maps": ({"augment": ALL["augment"], "ema": 0}, CONV),
    "instance noise": ({"instance_noise": 0.2}, {}),
    "told the class, dropout": ({"condition": True}, {}),
    "told the class, projection": ({"condition": True, "loss": "hinge"}, CONV),
    "attention, all that draws": ({"condition": True, "d_steps": 2, "gp": 0.1, **ALL}, RESIDUAL),
    "the best": ({"score_every": 1, "keep": "best"}, {}),
    "layers that draw": ({"condition": True, **ALL}, NOISY),
}


@pytest.mark.parametrize("piece", PIECES)
def test_with_each_piece_it_goes_on_to_the_same_bytes(piece, tmp_path, write_custom):
    write_custom(DRAWS)
    block = yaml.safe_load(calls.PARAMS.read_text())["digits_classic"]
    train, others = PIECES[piece]
    block["generator"], block["discriminator"]["hidden"] = (
        {"network": "mlp", "latent": 3, "hidden": [8]},
        [8, 8],
    )
    block |= others
    block["train"] |= {"epochs": EPOCHS, "batch_size": 8, "lr": 0.005, "ema": 0.9, **train}
    experiment = params.experiment_schema().model_validate(block)
    steps = steps_per_epoch(35, experiment.train)
    stop_after = steps + steps // 2  # in the middle of the second epoch
    first = Trained(experiment, tmp_path / "a", stop_after, IMAGES)
    assert (first.gan.epoch, first.gan.step) == (2, steps // 2)
    second = Trained(experiment, tmp_path / "a", real=IMAGES)
    assert (second.begun_at, second.yielded) == (stop_after, [2, 3])
    whole = Trained(experiment, tmp_path / "whole", real=IMAGES)
    assert same(second, whole)
    for name, tensor in whole.gan.state_dict().items():
        assert not tensor.isnan().any(), name


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


def test_what_was_said_of_it_is_on_disk_before_each_checkpoint(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(CheckpointStore, "due", lambda *_, **__: False)  # a slow machine's moments are others
    trained = Trained(experiment, tmp_path / "a", stop_after=6)
    assert trained.flushes == [["0.checkpoint"]]  # that of the beginning: the second is not written yet
    assert len(list((tmp_path / "a").iterdir())) == 2


def trained_for(
    epochs: int, experiment: params.Experiment, folder: Path, **train: object
) -> ResumableTraining:
    """A finished training of so many epochs, whose checkpoints are in a run's folder."""
    settings = experiment.train.model_copy(update={"epochs": epochs, **train})
    changed = experiment.model_copy(update={"train": settings})
    gan = Training(changed, (2,), seed=7, device=CPU)
    about = {"seed": 7, "threads": 1, "dataset_md5": "", "code": "", "device": CPU}
    store = checkpoint_store(folder, 3600, changed, **about)  # type: ignore[arg-type]
    training = ResumableTraining(gan, STEPS, epochs, store, "train", new_key=lambda: f"key {epochs}")
    list(training.train(Real(REAL), PREVIEW, lambda: None, lambda: None))
    training.finish()
    training.gan = gan  # type: ignore[attr-defined]
    return training


@pytest.mark.parametrize("first", [1, 3])
def test_more_epochs_go_on_from_the_end_of_a_finished_training_to_the_same_bytes(
    experiment, tmp_path, capsys, first
):
    trained_for(first, experiment, tmp_path / "run")
    more = trained_for(5, experiment, tmp_path / "run")
    said = "its first epoch" if first == 1 else f"its first {first} epochs"
    assert capsys.readouterr().out == f"train: goes on from the end of {said}\n"
    assert more.key == "key 5"
    whole = trained_for(5, experiment, tmp_path / "another")
    assert capsys.readouterr().out == ""
    assert [epoch.loss_d for epoch in more.epochs] == [epoch.loss_d for epoch in whole.epochs]
    for name, tensor in whole.gan.state_dict().items():
        assert torch.equal(tensor, more.gan.state_dict()[name]), name


def test_as_many_epochs_or_fewer_or_other_settings_begin_anew(experiment, tmp_path, capsys):
    trained_for(3, experiment, tmp_path)
    for epochs, changes in ((3, {}), (2, {}), (4, {"lr": 0.002})):
        assert len(trained_for(epochs, experiment, tmp_path, **changes).epochs) == epochs
        assert capsys.readouterr().out == ""


def test_what_falls_over_all_epochs_begins_anew_and_says_why(experiment, tmp_path, capsys):
    for changes, why in (
        ({"lr_decay": "cosine"}, "lr_decay: cosine falls over all epochs"),
        ({"instance_noise": 0.1}, "instance_noise fades over all epochs"),
    ):
        trained_for(2, experiment, tmp_path, **changes)
        trained_for(3, experiment, tmp_path, **changes)
        said = "train: starts again from the beginning; it cannot continue after its first 2 epochs, as "
        assert capsys.readouterr().out == f"{said}{why}\n"


def test_after_a_divergence_the_last_finite_networks_come_back(experiment, tmp_path, monkeypatch):
    rate = loop.learning_rates
    monkeypatch.setattr(
        loop, "learning_rates", lambda train, done: rate(train, done) if done < 0.5 else (1e30, 1e30)
    )
    gan = Training(experiment, (2,), seed=7, device=CPU)
    store = CheckpointStore(tmp_path, every=3600)
    training = ResumableTraining(gan, STEPS, EPOCHS, store, "train")
    epochs = training.train(Real(REAL), PREVIEW, lambda: None, lambda: None)
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

    assert list(training.train(Real(REAL), PREVIEW, lambda: None, break_it)) == []  # it ends all the same
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
