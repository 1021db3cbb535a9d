"""Advice for the user if a file that the pipeline makes is missing."""

from pathlib import Path

import yaml

from stages.gan.core.params import Settings
from stages.runtime import git
from stages.runtime.errors import UserError


def remedy(settings: Settings, path: Path, experiment: str, seed: int | None = None) -> str:
    """How to make the files of a run, or those that all runs of an experiment share, as the end of a message.

    Args:
        settings: the settings in ``path``.
        path: the parameter file.
        experiment: the name of a block in it.
        seed: the run's seed; None for the files that all runs share.
    """
    if _lists(settings.experiments, settings.seeds, experiment, seed):
        return "run `make repro`"
    what = experiment if seed is None else f"{experiment} with seed {seed}"
    if _committed_lists(path, experiment, seed):
        return (
            f"{path} does not list {what} now, but the committed one does: `git restore {path}`, then "
            "`make repro`"
        )
    return f"{path} does not list {what}: add it to the lists there, and run `make repro`"


def _lists(experiments: object, seeds: object, experiment: str, seed: int | None) -> bool:
    return (
        isinstance(experiments, list)
        and experiment in experiments
        and (seed is None or (isinstance(seeds, list) and seed in seeds))
    )


def _committed_lists(path: Path, experiment: str, seed: int | None) -> bool:
    """Whether the parameter file of the last commit lists a run; False if the file cannot be read."""
    try:
        content = yaml.safe_load(git.output("show", f"HEAD:./{path}"))
        return _lists(content["experiments"], content["seeds"], experiment, seed)
    except (UserError, yaml.YAMLError, KeyError, TypeError):
        return False
