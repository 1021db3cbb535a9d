"""Score the samples of a run against the real data, and draw its losses and coverage.

Reads params.yaml, the prepared data, the judge and a run's networks, samples and losses. Writes to
reports/runs/EXPERIMENT/seed-SEED the scores (metrics.json), two figures (losses.png, coverage.png) and what
the run is (run.json: experiment, seed, device, judge, parameters), and to data/EXPERIMENT/seed-SEED the
judge's answer to every sample (answers.npy: probabilities of the classes, or the last coordinate that it
expects). Logs scores and figures to the run in MLflow.
"""

import io
import json
from pathlib import Path

from stages import command
from stages.gan.errors import tell


def evaluate(job: command.RunJob) -> None:
    """Score one run."""
    job.store.open()
    import numpy as np
    import torch

    from stages import inputs, record
    from stages.gan import (
        canvas,
        datasets,
        devices,
        evaluation,
        figures,
        files,
        history,
        inception,
        judges,
        pages,
        params,
        scores,
        tracking,
        weights,
    )

    device = devices.set_up(job.settings.device, job.settings.threads)
    real = datasets.Dataset.load(job.shared.dataset, job.params.data)
    judge, about_judge = weights.load(job.shared.judge, judges.JUDGES, device)
    inputs.check(job.shared.judge, about_judge["architecture"], job.params.judge, real.shape, "judge")
    judge_md5 = tracking.md5(job.shared.judge)
    _, about = inputs.generator(job, real.shape, device)
    _, epochs = history.load(job.files.losses, job.files.previews)
    samples = evaluation.load_samples(job.files.samples, real.train, job.params.sample.count)
    tags = {tracking.JUDGE: judge_md5, "sample.count": str(len(samples))}
    if isinstance(judge, judges.Classifier):
        extractor = None
        if job.params.evaluate.inception is not None:
            path = Path(job.params.evaluate.inception)
            extractor = inception.load(path, device)
            tags["evaluate.inception"] = tracking.md5(path)
        found, answers, coverage = evaluation.score_images(samples, real, judge, extractor)
    else:
        curve = torch.sin if job.params.data.source == "sine" else None
        found, answers, coverage = evaluation.score_points(samples, real, judge, curve)

    run = {**about, "judge": {"md5": judge_md5, "scores": about_judge.get("test", {})}}
    run |= {"parameters": job.settings.rounding | params.flatten(job.params)}
    array = io.BytesIO()
    np.save(array, answers.numpy())
    with files.together():
        found = scores.save(job.files.scores, found)
        files.write(job.files.answers, array.getvalue())
        canvas.save(figures.losses(epochs), job.files.losses_figure)
        canvas.save(coverage, job.files.coverage_figure)
        files.write(job.files.run, json.dumps(run, indent=2) + "\n")

    log = record.training_of_files(job, real.train)
    log.log_metrics({scores.in_mlflow(name): score for name, score in found.items()}, step=len(epochs))
    log.set_tags(tags)
    graded = [scores.in_mlflow(name) for name in scores.MEANINGS if name in found]
    log.set_experiment_tags(pages.view(history.COLUMNS[1:], job.params.train.epochs, graded))
    log.log_files(record.PICTURES, job.files.losses_figure, job.files.coverage_figure)
    verdict = "COLLAPSED" if found["collapsed"] else "no collapse"
    tell(f"evaluate {job}: {verdict}; scores in {job.files.scores}")


if __name__ == "__main__":
    command.for_run(evaluate, __doc__)
