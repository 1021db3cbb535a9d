"""Score the samples of a run against the real data.

Reads:
  params.yaml, data/code/EXPERIMENT/parameters
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/EXPERIMENT/judge.safetensors                        the judges
  data/EXPERIMENT/reference.safetensors                    what samples are compared with
  data/EXPERIMENT/seed-SEED/generator.safetensors          what the run's generator is,
  data/EXPERIMENT/seed-SEED/samples.npy                    its samples
Writes:
  reports/runs/EXPERIMENT/seed-SEED/metrics.json           the scores
  reports/runs/EXPERIMENT/seed-SEED/run.json               what the run was: device, judges, parameters, …
  data/EXPERIMENT/seed-SEED/answers.npy                    the judges' answer to every sample: the classes'
                                                           probabilities, the features of images without
                                                           labels, or the last coordinate it expects
  data/EXPERIMENT/seed-SEED/coverage.npy                   what a figure of their coverage shows
  MLflow                                                   the scores, to the training's run
Example:
  python -m stages.evaluate --experiment sine --seed 111
"""

from stages.gan.core import params
from stages.runtime import command, waiting
from stages.tracking import store


def main(name: str, seed: int, experiment: params.Experiment, settings: params.Settings) -> None:
    """Score one run."""
    waiting.sleep()  # threads that spin take a quarter of the CPU's time here
    with store.default() as runs:
        runs.open()  # its process starts while the import takes its seconds
        from stages.pipeline.evaluate import evaluate

        evaluate(name, seed, experiment, settings, runs)


if __name__ == "__main__":
    command.for_run(main, __doc__)
