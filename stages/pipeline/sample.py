"""Drawing samples from one run's generator."""

from stages.gan.core import arrays, devices, weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment, Settings
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.runtime import command, files, progress
from stages.runtime.errors import counted, say
from stages.runtime.paths import ExperimentFiles, RunFiles


def sample(name: str, seed: int, experiment: Experiment, settings: Settings) -> None:
    """Draw one run's samples, and samples of the latent points that are the same in all runs."""
    run_files, count = RunFiles(name, seed), experiment.sample.count
    device = devices.set_up(settings.device, settings.threads)
    split = Dataset.load(ExperimentFiles(name).dataset, experiment.source).train
    generator, about = weights.load(run_files.generator, get_generator, device)
    weights.check_generator(run_files.generator, about, name, seed, experiment.generator, split.shape)
    sampler = sampling.Sampler(generator, seed)
    work = f"{counted(count, 'sample')}, {sampler.block} in a step"
    command.say_begin("sample", f"{name}, seed {seed}", work, device.type, run_files.samples)
    blocks = sampler.samples(count)
    common = sampling.common_latents(generator, images=len(split.shape) == 3)
    with files.together():
        arrays.save(run_files.samples, progress.track_blocks(blocks, count, "sample"), count)
        arrays.save(run_files.grid, [sampling.draw(generator, common)], len(common))
    say(f"sample {name}, seed {seed}: {counted(count, 'sample')}; see {run_files.samples}")
