"""The pictures of an experiment's data and judge."""

from stages.gan.core import devices, weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment, Settings
from stages.gan.judges import fitting, models
from stages.gan.plots import figures, image_files
from stages.runtime import files
from stages.runtime.errors import say
from stages.runtime.paths import ExperimentFiles
from stages.tracking import record, tags
from stages.tracking.store import Store


def plot_data(name: str, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Draw the data of an experiment, and the answers of its judge on the test data."""
    shared = ExperimentFiles(name)
    device = devices.set_up(settings.device, settings.threads)
    dataset = Dataset.load(shared.dataset, experiment.source)
    judge, _ = weights.load(shared.judge, models.get_judges, device)
    x, _ = fitting.inputs(dataset.test)
    answers = models.predict(judge, x)
    if len(dataset.shape) == 1:
        answers = fitting.expected(dataset.test, answers)
    with files.together():
        image_files.save(figures.data(dataset.train), shared.dataset_figure)
        image_files.save(figures.judge(dataset.test, answers), shared.judge_figure)
    if run := store.find(name, tags.FITTED, files.md5(shared.judge)):
        record.log_judge_pictures(run, name)
    say(f"plot {name}: see {shared.judge_figure}")
