"""Prepare the data: from their source to tensors.

MNIST and its likes are downloaded to data/raw, from GAN_MIRROR first if set.

Reads:
  params.yaml
  data/sources/EXPERIMENT                      data of the user's own, if it has any
  data/code/EXPERIMENT/prepare                 the code of its source
Writes:
  data/EXPERIMENT/dataset.safetensors          train and test split, with labels where there are any
Example:
  python -m stages.prepare --experiment sine
"""

from stages.gan.core import params
from stages.runtime import command


def main(name: str, experiment: params.Experiment, settings: params.Settings) -> None:
    """Prepare an experiment's data."""
    from stages.pipeline.prepare import prepare  # once the parameters are known to be right

    prepare(name, experiment)


if __name__ == "__main__":
    command.for_experiment(main, __doc__)
