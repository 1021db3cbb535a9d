"""The discriminative models P(y|x), fitted to an experiment's data and tested."""

from stages.gan.core import devices, numbers, weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment, Settings
from stages.gan.judges import fitting
from stages.runtime import command, files, progress
from stages.runtime.errors import counted, say, warn
from stages.runtime.paths import ExperimentFiles
from stages.tracking import record
from stages.tracking.store import Store


def judge(name: str, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Fit and test an experiment's judges."""
    shared, about = ExperimentFiles(name), experiment.judge
    device = devices.set_up(settings.device, settings.threads)
    dataset = Dataset.load(shared.dataset, experiment.source)
    judges = fitting.build(about, dataset).to(device)
    steps, epochs = fitting.steps(about, dataset.train), about.count * about.epochs
    each = " each" if about.count > 1 else ""
    fits = f"{counted(about.count, 'judge')}, {counted(about.epochs, 'epoch')}{each}"
    work = f"seed {about.seed}: {fits}, {counted(steps, 'step')} in all,"
    command.say_begin("judge", name, work, device.type, f"judge of experiment {name} in MLflow (make ui)")
    with record.judge(store, name, experiment, record.environment(device)) as run:
        with progress.bar(steps, "step") as bar:
            fitted = fitting.fit(about, judges, dataset.train, device, bar.update)
            losses = progress.announce(fitted, bar, epochs, "epoch", "loss {:.4g}".format, every=10)
            for index, loss in enumerate(losses):
                member, epoch = divmod(index, about.epochs)
                run.log_metrics({f"loss/judge_{member + 1}": loss}, step=epoch + 1)
        found = fitting.test(judges, dataset.test)
        with files.together():
            compared = fitting.compared(dataset.test)
            saved = numbers.save(shared.judge_scores, found | compared, "lower judge.lr")
            found = {score: saved[score] for score in found}
            # Without the experiment's name: experiments with the same data and settings have the same judges.
            known = {**devices.about(device), "test": found}
            names = {"classes": dataset.train.classes} if dataset.train.classes else {}
            weights.save(shared.judge, judges, known | names)
        run.log_metrics({f"test_{score}": value for score, value in found.items()}, step=about.epochs)
        run.log_files("judge", shared.judge)
    mean = {score: value for score, value in found.items() if not score.endswith("_spread")}
    said = ", ".join(f"{score} {value:.4g}" for score, value in mean.items())
    say(f"judge {name}: {said} on test data; see {shared.judge_scores}")
    if (why := fitting.weakness(found, dataset.test)) is not None:
        advice = "change judge.epochs, judge.lr, or its network"
        if len(dataset.shape) > 1:
            warn(f"judge {name}: {why}. So there is no verdict; {advice}")
        else:
            warn(
                f"judge {name}: {why}. So there is no verdict by judge_error. If the last column depends on "
                f"the others, {advice}"
            )
