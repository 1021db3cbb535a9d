"""Draw the pictures of an experiment's data and judge or, with --seed, those of one run.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/EXPERIMENT/judge.safetensors                        the judge
  data/EXPERIMENT/seed-SEED/previews.npy                   the run's previews
  data/EXPERIMENT/seed-SEED/samples.npy                    its samples
  data/EXPERIMENT/seed-SEED/grid.npy                       its samples of latent points shared by all runs
  data/EXPERIMENT/seed-SEED/coverage.npy                   what its samples cover
  reports/runs/EXPERIMENT/seed-SEED/losses.csv             its losses
Writes:
  reports/runs/EXPERIMENT/data.png                         some of the training samples
  reports/runs/EXPERIMENT/judge.png                        the judge's answers to test data
  reports/runs/EXPERIMENT/seed-SEED/evolution.gif          the previews as an animation
  reports/runs/EXPERIMENT/seed-SEED/evolution.png          some of the previews, side by side
  reports/runs/EXPERIMENT/seed-SEED/samples.png            samples beside real data
  reports/runs/EXPERIMENT/seed-SEED/grid.png               samples of latent points shared by all runs
  reports/runs/EXPERIMENT/seed-SEED/losses.png             losses by epoch
  reports/runs/EXPERIMENT/seed-SEED/coverage.png           what of the real data the samples cover
  MLflow                                                   the pictures, in the training's or the judge's run
Examples:
  python -m stages.plot --experiment sine
  python -m stages.plot --experiment sine --seed 111
"""

from stages.gan.core import params
from stages.runtime import command
from stages.tracking import store


def main(name: str, seed: int | None, experiment: params.Experiment, settings: params.Settings) -> None:
    """Draw the pictures of an experiment, or of one of its runs."""
    with store.default() as runs:
        runs.open()  # its process starts during the slow import
        if seed is None:
            from stages.pipeline.plot_data import plot_data

            plot_data(name, experiment, settings, runs)
        else:
            from stages.pipeline.plot import plot_run

            plot_run(name, seed, experiment, settings, runs)


if __name__ == "__main__":
    command.for_run(main, __doc__, seed_required=False)
