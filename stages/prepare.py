"""Prepare the data: from its source to tensors, with a figure of the training samples.

MNIST and its likes are downloaded to data/raw, from GAN_MIRROR first if set.

Reads:
  params.yaml
  data/sources/EXPERIMENT                      data of one's own, if it has any
Writes:
  data/EXPERIMENT/dataset.safetensors          train and test split, with labels where there are any
  reports/runs/EXPERIMENT/data.png             some of the training samples
Example:
  python -m stages.prepare --experiment sine
"""

from functools import partial

from stages import command, paths
from stages.gan.errors import tell


def prepare(job: command.Job) -> None:
    """Make an experiment's data set."""
    from stages import progress
    from stages.gan import canvas, figures, files, sources

    show = partial(progress.show, unit="image", describe=lambda _: "read", every=10_000)
    dataset = sources.prepare(job.params.data, paths.RAW, show)
    with files.together():
        dataset.save(job.shared.dataset)
        canvas.save(figures.data(dataset.train), job.shared.dataset_figure)
    classes = f" of {len(dataset.train.classes)} classes" if dataset.train.classes else ""
    tell(
        f"prepare {job.experiment}: {len(dataset.train)} training and {len(dataset.test)} test samples of "
        f"shape {tuple(dataset.shape)}{classes}; see {job.shared.dataset_figure}"
    )


if __name__ == "__main__":
    command.for_experiment(prepare, __doc__)
