"""Prepare the data: read them from their source, and write them as tensors.

MNIST and similar data sets are downloaded to data/raw. GAN_MIRROR, if it is set, is tried first.

Reads:
  params.yaml
  data/sources/EXPERIMENT                      the user's own data, if the experiment uses any
  data/code/EXPERIMENT/prepare                 the code of the data source
Writes:
  data/EXPERIMENT/dataset.safetensors          training and test split, with labels if there are any
Example:
  python -m stages.prepare --experiment sine
"""

from stages.gan.core import params
from stages.runtime import command


def main(name: str, experiment: params.Experiment, settings: params.Settings) -> None:
    """Prepare an experiment's data."""
    from stages.pipeline.prepare import prepare  # slow, so only after the parameters are checked

    prepare(name, experiment)


if __name__ == "__main__":
    command.for_experiment(main, __doc__)
