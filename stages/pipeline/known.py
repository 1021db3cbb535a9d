"""What the stages ``reference`` and ``evaluate`` both read: the real data, the judges, and other networks."""

from pathlib import Path
from typing import Any, cast

import torch

from stages.gan.core import weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment
from stages.gan.evaluation import extractors
from stages.gan.evaluation.scoring import Known
from stages.gan.judges import fitting, models
from stages.runtime import files
from stages.runtime.paths import ExperimentFiles


def read(name: str, experiment: Experiment, device: torch.device) -> tuple[Known, dict[str, Any]]:
    """Read the real data, the judges and other networks, and check that they belong to the experiment.

    Returns:
        All of these; and what the judges' file says about the judges.

    Raises:
        UserError: a file is missing or damaged, or belongs to another experiment.
    """
    shared = ExperimentFiles(name)
    real = Dataset.load(shared.dataset, experiment.source)
    judges, about = weights.load(shared.judge, models.get_judges, device)
    owed = fitting.known(experiment.judge, real)
    weights.check_architecture(
        shared.judge, about["architecture"], experiment.judge, real.shape, "judge", **owed
    )
    networks = {}
    if (path := experiment.evaluate.inception) is not None:
        networks["fid_inception"] = extractors.inception(Path(path), device)
    if (path := experiment.evaluate.features) is not None:
        networks["fid_features"] = extractors.named(Path(path), device)
    source = experiment.data.piece.name
    md5 = files.md5(shared.judge)
    told, settings = experiment.train.condition, experiment.judge
    weakness = fitting.weakness(about.get("test", {}), real.test)
    return Known(real, cast(models.Judges, judges), md5, settings, source, networks, told, weakness), about
