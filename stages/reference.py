"""Prepare what all runs of an experiment are compared with: features of real samples, and baselines.

Reads:
  params.yaml, data/code/EXPERIMENT/reference
  data/EXPERIMENT/dataset.safetensors          the prepared data
  data/EXPERIMENT/judge.safetensors            the judges
Writes:
  data/EXPERIMENT/reference.safetensors        features of real samples, and their neighbourhoods; and the
                                               baselines: scores of random real samples, and of noise
Example:
  python -m stages.reference --experiment digits
"""

from stages.gan.core import params
from stages.runtime import command, waiting


def main(name: str, experiment: params.Experiment, settings: params.Settings) -> None:
    """Prepare an experiment's reference."""
    waiting.sleep()  # threads that spin take a quarter of the CPU's time here
    from stages.pipeline.reference import reference

    reference(name, experiment, settings)


if __name__ == "__main__":
    command.for_experiment(main, __doc__)
