"""Train the GAN: generator against discriminator.

Killed, it goes on from its last checkpoint, in .checkpoints, when it is run again.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/code/EXPERIMENT/train                               the code of its networks and its loss
Writes:
  data/EXPERIMENT/seed-SEED/generator.safetensors          both networks
  data/EXPERIMENT/seed-SEED/discriminator.safetensors
  data/EXPERIMENT/seed-SEED/previews.npy                   samples of the same latent points after every epoch
  reports/runs/EXPERIMENT/seed-SEED/losses.csv             losses and mean D(x), D(G(z)) by epoch
  MLflow                                                   a run, as it goes
Example:
  python -m stages.train --experiment sine --seed 111
"""

from stages import PARENT
from stages.gan.core import params
from stages.gan.training import process_group
from stages.runtime import command, signals
from stages.tracking import store


def main(name: str, seed: int, experiment: params.Experiment, settings: params.Settings) -> None:
    """Train one run's networks."""
    group = process_group.current(experiment.train.processes)
    if not group.is_main:
        process_group.exit_with_parent(PARENT)
        from stages.pipeline.train import run_worker

        run_worker(name, seed, experiment, settings, group)
    with store.default() as runs:
        runs.open()  # its process starts while the import takes its seconds
        from stages.pipeline.train import train

        training = train(name, seed, experiment, settings, runs, group)
    signals.raise_if_stopped()
    training.finish()  # now that MLflow has all of it, or its outbox


if __name__ == "__main__":
    command.for_run(main, __doc__)
