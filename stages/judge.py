"""Fit the judge, the discriminative model P(y|x); or with --image have it say what is on a picture.

It classifies images, or fits x2 given x1.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors          the prepared data
Writes:
  data/EXPERIMENT/judge.safetensors            the network
  reports/runs/EXPERIMENT/judge.json           its scores on the test data
  reports/runs/EXPERIMENT/judge.png            its answers there
  MLflow                                       a run, as it goes
Example:
  python -m stages.judge --experiment digits
"""

from stages import command, recognition
from stages.gan.errors import tell


def judge(job: command.Job) -> None:
    """Fit and test an experiment's judge."""
    job.store.open()
    from stages import progress, record
    from stages.gan import canvas, datasets, devices, files, judges, judging, scores, tracking, weights

    device = devices.set_up(job.settings.device, job.settings.threads)
    dataset = datasets.Dataset.load(job.shared.dataset, job.params.data)
    settings = job.params.judge
    network = judging.build(settings, dataset).to(device)
    x, y = (tensor.to(device) for tensor in judging.inputs(dataset.train))
    steps = -(-len(x) // settings.batch_size)
    work = f"seed {settings.seed}, {settings.epochs} epochs of {steps} steps"
    command.begin("judge", job, work, device.type, command.in_mlflow(job, "judge"))
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
        found, figure = judging.test(network, dataset.test)
        with files.together():
            found = scores.save(job.shared.judge_scores, found)
            # Not whose judge it is: experiments with the same data and settings have the same one.
            about = {"device": device.type, "test": found}
            names = {"classes": dataset.train.classes} if dataset.train.classes else {}
            weights.save(job.shared.judge, network, about | names)
            canvas.save(figure, job.shared.judge_figure)
        run.log_metrics({f"test_{name}": score for name, score in found.items()}, step=settings.epochs)
        run.log_files(record.PICTURES, job.shared.judge_figure)
        run.log_files("judge", job.shared.judge)
        run.set_tags({tracking.JUDGE: tracking.md5(job.shared.judge)})
    tell(f"judge {job.experiment}: {found} on test data; see {job.shared.judge_figure}")


if __name__ == "__main__":
    command.for_experiment(judge, __doc__, recognition.TOOL)
