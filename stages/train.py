"""Train the GAN: generator against discriminator.

If it is interrupted, run it again: it continues from its last checkpoint, in .checkpoints.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/code/EXPERIMENT/train                               the code of the networks and the loss
Writes:
  data/EXPERIMENT/seed-SEED/generator.safetensors          both networks
  data/EXPERIMENT/seed-SEED/discriminator.safetensors
  data/EXPERIMENT/seed-SEED/previews.npy                   samples of fixed latent points after every epoch
  reports/runs/EXPERIMENT/seed-SEED/losses.csv             losses, mean D(x) and mean D(G(z)) by epoch
  MLflow                                                   a run, updated while the training goes on
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
        runs.open()  # its process starts during the slow import
        from stages.pipeline.train import train

        training = train(name, seed, experiment, settings, runs, group)
    signals.raise_if_stopped()
    training.finish()  # MLflow, or its outbox, has everything now


if __name__ == "__main__":
    command.for_run(main, __doc__)
