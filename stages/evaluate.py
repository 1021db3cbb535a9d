"""Score the samples of a run against the real data.

Reads:
  params.yaml, data/code/EXPERIMENT/parameters
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/EXPERIMENT/judge.safetensors                        the judges
  data/EXPERIMENT/reference.safetensors                    what samples are compared with
  data/EXPERIMENT/seed-SEED/generator.safetensors          the run's generator: how and where it was made
  data/EXPERIMENT/seed-SEED/samples.npy                    the run's samples
Writes:
  reports/runs/EXPERIMENT/seed-SEED/metrics.json           the scores
  reports/runs/EXPERIMENT/seed-SEED/run.json               facts about the run: device, judges, parameters, …
  data/EXPERIMENT/seed-SEED/answers.npy                    the judges' answer to each sample: probabilities of
                                                           the classes, features of images without labels,
                                                           or the expected last coordinate of a point
  data/EXPERIMENT/seed-SEED/coverage.npy                   numbers for the figure of the samples' coverage
  MLflow                                                   the scores, in the training's run
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
        runs.open()  # its process starts during the slow import
        from stages.pipeline.evaluate import evaluate

        evaluate(name, seed, experiment, settings, runs)


if __name__ == "__main__":
    command.for_run(main, __doc__)
