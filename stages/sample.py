"""Draw samples from the trained generator.

Reads params.yaml, the prepared data and the generator. Writes data/EXPERIMENT/seed-SEED/samples.npy (points:
float32 [N, D]; images: uint8 [N, C, H, W]) and reports/runs/EXPERIMENT/seed-SEED/samples.png, samples beside
real data. Logs the figure to the training's run in MLflow.
"""

import numpy as np
import torch

from stages import command, progress, record
from stages.gan import canvas, datasets, devices, figures, sampling, weights
from stages.gan.networks import GENERATORS


def sample(job: command.RunJob) -> None:
    """Draw one run's samples."""
    device = devices.set_up(job.settings.device, job.settings.threads)
    split = datasets.Dataset.load(job.shared.dataset).train
    generator, _ = weights.load(job.files.generator, GENERATORS, device)
    count = job.params.sample.count
    job.files.samples.parent.mkdir(parents=True, exist_ok=True)
    dtype = split.samples.numpy().dtype
    # Written block by block, so that a million images need no more memory than a thousand.
    file = np.lib.format.open_memmap(job.files.samples, mode="w+", dtype=dtype, shape=(count, *split.shape))
    start = 0
    blocks = sampling.samples(generator, job.seed, count)
    for block in progress.show(
        blocks, sampling.blocks(count), "block", lambda _: f"{count} samples", every=100
    ):
        file[start : start + len(block)] = block.numpy()
        start += len(block)
    file.flush()
    shown = torch.from_numpy(np.array(file[: sampling.BLOCK]))
    canvas.save(figures.samples(shown, split), job.files.samples_figure)
    record.training_of_files(job).log_files("figures", job.files.samples_figure)
    print(f"sample {job}: {count} samples; see {job.files.samples_figure}")


if __name__ == "__main__":
    command.for_run(sample, __doc__)
