"""Fit the judge, the discriminative model P(y|x): it classifies images, or fits x2 given x1.

Reads params.yaml and the prepared data. Writes data/EXPERIMENT/judge.safetensors, and in
reports/runs/EXPERIMENT its scores on the test split (judge.json) and a figure (judge.png). Logs to MLflow.
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from stages import command, progress, record
from stages.gan import canvas, datasets, devices, figures, judges, tracking, weights
from stages.gan.datasets import Dataset, Split, to_unit
from stages.gan.params import Judge, MlpJudge
from stages.gan.randomness import generator as random_generator
from stages.gan.scores import Scores
from stages.gan.scores import save as save_scores


def judge(job: command.Job) -> None:
    """Fit and test an experiment's judge."""
    device = devices.set_up(job.settings.device, job.settings.threads)
    dataset = datasets.Dataset.load(job.shared.dataset)
    settings = job.params.judge
    network = build(settings, dataset).to(device)
    x, y = (tensor.to(device) for tensor in inputs(dataset.train))
    print(
        f"judge {job.experiment}: {settings.epochs} epochs of {len(x)} samples on {device.type}", flush=True
    )
    fitting = judges.fit(
        network,
        x,
        y,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        seed=settings.seed,
    )
    with record.judge(job, record.environment(device)) as run:
        losses = progress.show(fitting, settings.epochs, "epoch", "loss {:.4g}".format, every=10)
        for epoch, loss in enumerate(losses, start=1):
            run.log_metrics({"loss": loss}, step=epoch)
        scores, figure = test(network, dataset.test)
        weights.save(job.shared.judge, network, {"experiment": job.experiment, "device": device.type})
        canvas.save(figure, job.shared.judge_figure)
        scores = save_scores(job.shared.judge_scores, scores)
        run.log_metrics({f"test_{name}": score for name, score in scores.items()}, step=settings.epochs)
        run.log_files("figures", job.shared.judge_figure)
        run.log_files("judge", job.shared.judge)
        run.set_tags({record.JUDGE: tracking.md5(job.shared.judge)})
    print(f"judge {job.experiment}: {scores} on test data; see {job.shared.judge_figure}")


def build(settings: Judge, dataset: Dataset) -> nn.Module:
    """The judge with its initial weights: a classifier of images, or a fit of the last coordinate."""
    initial = random_generator(settings.seed, "judge")
    if isinstance(settings, MlpJudge):
        return judges.Regressor(dataset.shape[0] - 1, settings.hidden, initial)
    assert dataset.train.labels is not None
    assert dataset.test.labels is not None
    classes = int(torch.cat([dataset.train.labels, dataset.test.labels]).max()) + 1
    return judges.Classifier(dataset.shape, classes, settings.channels, settings.features, initial)


def inputs(split: Split) -> tuple[Tensor, Tensor]:
    """What the judge is given and what it must predict."""
    if split.labels is not None:
        return to_unit(split.samples), split.labels
    return split.samples[:, :-1], split.samples[:, -1:]


def test(network: nn.Module, split: Split) -> tuple[Scores, Figure]:
    """Scores and a figure of the judge's answers to data it has not seen."""
    x, y = inputs(split)
    answers = judges.predict(network, x)
    if split.labels is None:
        error = functional.mse_loss(answers, y).sqrt().item()
        return {"rmse": error}, figures.judge_of_points(split.samples, answers)
    accuracy = (answers.argmax(1) == y).double().mean().item()
    scores = {"accuracy": accuracy, "loss": functional.cross_entropy(answers, y).item()}
    return scores, figures.judge_of_images(split.samples, y, answers.softmax(1))


if __name__ == "__main__":
    command.for_experiment(judge, __doc__)
