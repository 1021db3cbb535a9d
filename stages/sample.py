"""Draw samples from the trained generator.

Reads params.yaml, the prepared data and the generator. Writes data/EXPERIMENT/seed-SEED/samples.npy (points:
float32 [N, D]; images: uint8 [N, C, H, W]), and to reports/runs/EXPERIMENT/seed-SEED two pictures: samples
beside real data (samples.png), and the samples of the latent points that all runs draw (grid.png), for the
report. Logs the first to the training's run in MLflow.
"""

from stages import command
from stages.gan.errors import tell


def sample(job: command.RunJob) -> None:
    """Draw one run's samples."""
    job.store.open()
    import numpy as np
    import torch

    from stages import inputs, progress, record
    from stages.gan import canvas, datasets, devices, figures, files, grid, sampling

    device = devices.set_up(job.settings.device, job.settings.threads)
    split = datasets.Dataset.load(job.shared.dataset, job.params.data).train
    generator, _ = inputs.generator(job, split.shape, device)
    count = job.params.sample.count
    header = {
        "descr": np.lib.format.dtype_to_descr(split.samples.numpy().dtype),
        "fortran_order": False,
        "shape": (count, *split.shape),
    }
    blocks = sampling.samples(generator, job.seed, count)
    shown = torch.empty(0)
    with files.together():
        # Written block by block, so that a million images need no more memory than a thousand.
        with files.replacing(job.files.samples) as aside, aside.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in progress.show(
                blocks, sampling.blocks(count), "block", lambda _: f"{count} samples", every=100
            ):
                file.write(block.numpy().tobytes())
                shown = shown if len(shown) else block
        canvas.save(figures.samples(shown, split), job.files.samples_figure)
        common = grid.latents(generator.latent, split)  # type: ignore[arg-type]
        grid.save(job.files.grid, sampling.draw(generator, common), split)
    record.training_of_files(job, split).log_files(record.PICTURES, job.files.samples_figure)
    tell(f"sample {job}: {count} samples; see {job.files.samples_figure}")


if __name__ == "__main__":
    command.for_run(sample, __doc__)
