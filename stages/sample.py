"""Draw samples from the trained generator: those of the pipeline, or with --out any that you name.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                   the prepared data
  data/code/EXPERIMENT                                  what the generator uses of stages/gan/own.py
  data/EXPERIMENT/seed-SEED/generator.safetensors       the generator
Writes:
  data/EXPERIMENT/seed-SEED/samples.npy                 points: float32 [N, D]; images: uint8 [N, C, H, W]
  reports/runs/EXPERIMENT/seed-SEED/samples.png         samples beside real data
  reports/runs/EXPERIMENT/seed-SEED/grid.png            samples of the latent points that all runs draw
  MLflow                                                the first picture, to the training's run
Example:
  python -m stages.sample --experiment digits --seed 111
"""

from itertools import chain

from stages import command, drawing
from stages.gan.errors import tell


def sample(job: command.RunJob) -> None:
    """Draw one run's samples."""
    job.store.open()
    from stages import inputs, progress, record
    from stages.gan import arrays, canvas, datasets, devices, figures, files, grid, sampling

    device = devices.set_up(job.settings.device, job.settings.threads)
    split = datasets.Dataset.load(job.shared.dataset, job.params.data).train
    generator, _ = inputs.generator(job, split.shape, device)
    count = job.params.sample.count
    command.begin(
        "sample", job, f"{count} samples, {sampling.BLOCK} in a step", device.type, job.files.samples
    )
    blocks = sampling.samples(generator, job.seed, count)
    first = next(blocks)
    with files.together():
        arrays.save(job.files.samples, progress.count(chain([first], blocks), count, "sample"), count)
        canvas.save(figures.samples(first, split), job.files.samples_figure)
        common = grid.latents(generator.latent, split)  # type: ignore[arg-type]
        grid.save(job.files.grid, sampling.draw(generator, common), split)
    record.training_of_files(job, split).log_files(record.PICTURES, job.files.samples_figure)
    tell(f"sample {job}: {count} samples; see {job.files.samples_figure}")


if __name__ == "__main__":
    command.for_run(sample, __doc__, drawing.TOOL)
