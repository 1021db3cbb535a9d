"""Computing, once, what all runs of an experiment are compared with."""

from stages.gan.core import devices
from stages.gan.core.params import Experiment, Settings
from stages.gan.evaluation import scoring
from stages.pipeline import known
from stages.runtime import command, progress
from stages.runtime.errors import counted, say, warn
from stages.runtime.paths import ExperimentFiles


def reference(name: str, experiment: Experiment, settings: Settings) -> None:
    """Prepare the real samples for comparisons, and score both baselines: real samples and noise."""
    path = ExperimentFiles(name).reference
    device = devices.set_up(settings.device, settings.threads)
    inputs, _ = known.read(name, experiment, device)
    total = experiment.sample.count
    parts = scoring.parts_of_reference(inputs, total)
    command.say_begin("reference", name, counted(parts, "step"), device.type, path)
    with progress.bar(parts, "step") as bar:
        made = scoring.prepare(inputs, total, bar.update)
    made.save(path)
    for why in dict.fromkeys(made.left_out.values()):
        scores = ", ".join(score for score, reason in made.left_out.items() if reason == why)
        warn(f"reference {name}: left out {scores}: {why}")
    say(f"reference {name}: blocks of {counted(made.block, 'sample')}; {path}")
