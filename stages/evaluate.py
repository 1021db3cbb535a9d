"""Score the samples of a run against the real data, and draw its losses and coverage.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/EXPERIMENT/judge.safetensors                        the judge
  data/EXPERIMENT/seed-SEED/generator.safetensors          the run's generator,
  data/EXPERIMENT/seed-SEED/samples.npy                    its samples,
  data/EXPERIMENT/seed-SEED/previews.npy                   previews
  reports/runs/EXPERIMENT/seed-SEED/losses.csv             and losses
Writes:
  reports/runs/EXPERIMENT/seed-SEED/metrics.json           the scores
  reports/runs/EXPERIMENT/seed-SEED/losses.png             two figures
  reports/runs/EXPERIMENT/seed-SEED/coverage.png
  reports/runs/EXPERIMENT/seed-SEED/run.json               experiment, seed, device, judge, parameters
  data/EXPERIMENT/seed-SEED/answers.npy                    the judge's answer to every sample: the classes'
                                                           probabilities, the features of images without
                                                           labels, or the last coordinate it expects
  MLflow                                                   scores and figures, to the training's run
Example:
  python -m stages.evaluate --experiment sine --seed 111
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

    from stages import inputs, progress, record
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
        judging,
        pages,
        params,
        scores,
        tracking,
        weights,
    )

    device = devices.set_up(job.settings.device, job.settings.threads)
    real = datasets.Dataset.load(job.shared.dataset, job.params.data)
    judge, about_judge = weights.load(job.shared.judge, judges.JUDGES, device)
    inputs.check(
        job.shared.judge,
        about_judge["architecture"],
        job.params.judge,
        real.shape,
        "judge",
        **judging.known(job.params.judge, real),
    )
    judge_md5 = tracking.md5(job.shared.judge)
    _, about = inputs.generator(job, real.shape, device)
    _, epochs = history.load(job.files.losses, job.files.previews)
    samples = evaluation.load_samples(job.files.samples, real.train, job.params.sample.count)
    parts = evaluation.parts(real, samples)
    work = f"{len(samples)} samples, in {parts} steps"
    command.begin("evaluate", job, work, device.type, job.files.scores)
    tags = {tracking.JUDGE: judge_md5, "sample.count": str(len(samples))}
    extractor = None
    if job.params.evaluate.inception is not None:
        path = Path(job.params.evaluate.inception)
        extractor = inception.load(path, device)
        tags["evaluate.inception"] = tracking.md5(path)
    with progress.bar(parts, "step") as bar:
        if isinstance(judge, judges.ImageJudge):
            found, answers, coverage = evaluation.score_images(samples, real, judge, extractor, bar.update)
        else:
            curve = torch.sin if job.params.data.source == "sine" else None
            found, answers, coverage = evaluation.score_points(samples, real, judge, curve, bar.update)

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
