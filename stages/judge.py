"""Fit the judges, discriminative models P(y|x), which score the samples of all runs.

They classify images, reconstruct images without labels, or fit the last coordinate of points.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors          the prepared data
Writes:
  data/EXPERIMENT/judge.safetensors            the networks
  reports/runs/EXPERIMENT/judge.json           their scores on the test data, and what to compare them with
  MLflow                                       a run, updated while they are fitted
Example:
  python -m stages.judge --experiment digits
"""

from stages.gan.core import params
from stages.runtime import command
from stages.tracking import store


def main(name: str, experiment: params.Experiment, settings: params.Settings) -> None:
    """Fit an experiment's judges."""
    with store.default() as runs:
        runs.open()  # its process starts during the slow import
        from stages.pipeline.judge import judge

        judge(name, experiment, settings, runs)


if __name__ == "__main__":
    command.for_experiment(main, __doc__)
