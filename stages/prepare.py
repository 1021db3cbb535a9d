"""Prepare the data: from its source to tensors, with a figure of the training samples.

MNIST is downloaded to data/raw, from GAN_MIRROR first if set.

Reads:
  params.yaml
Writes:
  data/EXPERIMENT/dataset.safetensors          train and test split, with labels where there are any
  reports/runs/EXPERIMENT/data.png             some of the training samples
Example:
  python -m stages.prepare --experiment sine
"""

from stages import command, paths
from stages.gan.errors import tell


def prepare(job: command.Job) -> None:
    """Make an experiment's data set."""
    from stages.gan import canvas, datasets, figures, files

    dataset = datasets.prepare(job.params.data, paths.RAW)
    with files.together():
        dataset.save(job.shared.dataset)
        canvas.save(figures.data(dataset.train), job.shared.dataset_figure)
    tell(
        f"prepare {job.experiment}: {len(dataset.train)} training and {len(dataset.test)} test samples of "
        f"shape {tuple(dataset.shape)}; see {job.shared.dataset_figure}"
    )


if __name__ == "__main__":
    command.for_experiment(prepare, __doc__)
