"""Score the samples of a run against the real data, and draw its losses and coverage.

Reads params.yaml, the prepared data, the judge and a run's networks, samples and losses. Writes to
reports/runs/EXPERIMENT/seed-SEED the scores (metrics.json), two figures (losses.png, coverage.png) and what
the run is (run.json: experiment, seed, device, parameters), and to data/EXPERIMENT/seed-SEED the judge's
answer to every sample (answers.npy: probabilities of the classes, or the last coordinate that it expects).
Logs scores and figures to the run in MLflow.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from stages import command, record
from stages.gan import canvas, datasets, devices, figures, history, judges, metrics, params, tracking, weights
from stages.gan.datasets import Split
from stages.gan.errors import UserError
from stages.gan.networks import GENERATORS
from stages.gan.scores import Scores
from stages.gan.scores import save as save_scores


def evaluate(job: command.RunJob) -> None:
    """Score one run."""
    device = devices.set_up(job.settings.device, job.settings.threads)
    real = datasets.Dataset.load(job.shared.dataset).train
    judge, _ = weights.load(job.shared.judge, judges.JUDGES, device)
    _, about = weights.load(job.files.generator, GENERATORS, device)
    _, epochs = history.load(job.files.losses, job.files.previews)
    samples = load_samples(job.files.samples, real)
    if isinstance(judge, judges.Classifier):
        scores, answers, coverage = score_images(samples, real, judge)
    else:
        curve = torch.sin if job.params.data.source == "sine" else None
        scores, answers, coverage = score_points(samples, real, judge, curve)

    scores = save_scores(job.files.scores, scores)
    np.save(job.files.answers, answers.numpy())
    canvas.save(figures.losses(epochs), job.files.losses_figure)
    canvas.save(coverage, job.files.coverage_figure)
    run = {key: about[key] for key in ("experiment", "seed", "device")}
    run |= {"parameters": {"threads": job.settings.threads, **params.flatten(job.params)}}
    job.files.run.write_text(json.dumps(run, indent=2) + "\n")

    log = record.training_of_files(job)
    # A slash groups the classes in MLflow's charts, below the rest, which they would crowd out.
    grouped = {name.replace("class_share_", "share/class_"): score for name, score in scores.items()}
    log.log_metrics(grouped, step=len(epochs))
    log.flush()
    log.set_tags({record.JUDGE: tracking.md5(job.shared.judge), "sample.count": str(len(samples))})
    log.log_files("figures", job.files.losses_figure, job.files.coverage_figure)
    verdict = "COLLAPSED" if scores["collapsed"] else "no collapse"
    print(f"evaluate {job}: {verdict}; scores in {job.files.scores}")


def score_images(samples: Tensor, real: Split, judge: judges.Classifier) -> tuple[Scores, Tensor, Figure]:
    """Scores, the judge's probabilities for every sample, and a figure of the classes covered."""
    features, real_features = (
        judges.predict(judge.features, datasets.to_unit(images)) for images in (samples, real.samples)
    )
    probabilities = judges.predict(judge.output, features).softmax(1)
    scores = metrics.image_scores(features, probabilities, real_features)
    assert real.labels is not None
    shares = [score for name, score in scores.items() if name.startswith("class_share_")]
    return scores, probabilities, figures.coverage_of_classes(shares, real.labels)


def score_points(
    samples: Tensor, real: Split, judge: torch.nn.Module, curve: Callable[[Tensor], Tensor] | None
) -> tuple[Scores, Tensor, Figure]:
    """Scores, the last coordinate that the judge expects of every sample, and a figure of x1's coverage."""
    expected = judges.predict(judge, samples[:, :-1])
    scores = metrics.point_scores(samples, expected, real.samples, curve)
    return scores, expected, figures.coverage_of_points(samples, real.samples, metrics.BINS)


def load_samples(path: Path, real: Split) -> Tensor:
    """Samples of the same kind as the real ones.

    Raises:
        UserError: the file is missing or damaged, or holds something else.
    """
    try:
        samples = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise UserError(f"{path}: not readable samples ({error}); run the sample stage") from error
    if samples.shape[1:] != real.shape or samples.dtype != real.samples.dtype or len(samples) < 2:
        raise UserError(
            f"{path}: holds {samples.dtype} {tuple(samples.shape)}, but at least 2 samples of "
            f"{real.samples.dtype} {real.shape} are needed; run the sample stage"
        )
    if not torch.isfinite(samples).all():
        raise UserError(f"{path}: holds numbers that are not finite; train again, with a lower train.lr")
    return samples


if __name__ == "__main__":
    command.for_run(evaluate, __doc__)
