"""Draw samples from the trained generator.

To draw other samples, use ``python -m stages.tools.draw``.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                   the prepared data
  data/code/EXPERIMENT/sample                           the code of the generator
  data/EXPERIMENT/seed-SEED/generator.safetensors       the generator
Writes:
  data/EXPERIMENT/seed-SEED/samples.npy                 points: float32 [N, D]; images: uint8 [N, C, H, W]
  data/EXPERIMENT/seed-SEED/grid.npy                    samples of latent points shared by all runs
Example:
  python -m stages.sample --experiment digits --seed 111
"""

from stages.gan.core import params
from stages.runtime import command


def main(name: str, seed: int, experiment: params.Experiment, settings: params.Settings) -> None:
    """Draw one run's samples."""
    from stages.pipeline.sample import sample  # slow, so only after the parameters are checked

    sample(name, seed, experiment, settings)


if __name__ == "__main__":
    command.for_run(main, __doc__)
