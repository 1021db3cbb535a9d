"""Writing the report, which compares all runs across seeds."""

import json

from stages.gan.core.params import Settings
from stages.gan.report import comparison, conditions, runs, summary
from stages.runtime import files, paths
from stages.runtime.errors import counted, say
from stages.tracking import condition_record
from stages.tracking.store import Store


def report(settings: Settings, store: Store) -> None:
    """Compare all runs in reports/runs; write the report, its figures and tables, and log to MLflow."""
    found = runs.load(paths.RUNS)
    comparable_sets = conditions.comparable_sets(found)
    recorded = condition_record.recorded([one for alike in comparable_sets for one in alike.conditions])
    if recorded:
        store.open()
    listed = [
        run
        for name in settings.experiments
        for run in found
        if run.experiment == name and run.seed in settings.seeds
    ]
    folder, figures = paths.REPORT.parent, paths.REPORT.with_name("figures")
    figures.mkdir(parents=True, exist_ok=True)
    with files.together():
        drawn = comparison.draw(comparable_sets, figures)
        files.write(paths.REPORT, comparison.markdown(comparable_sets, folder, figures))
        files.write(paths.SUMMARY, json.dumps(summary.medians(listed), indent=2) + "\n")
        files.write(paths.LOSSES_TABLE, summary.losses(comparable_sets))
        files.write(paths.SCORES_TABLE, summary.scores(comparable_sets))
    for picture in set(figures.glob("*.png")) - drawn:  # of conditions that no longer exist
        picture.unlink()
    # `dvc exp run` and `dvc checkout` delete results of runs that params.yaml no longer lists, but only files
    # that are unchanged since DVC wrote them. A touched file is kept.
    for file in (file for file in paths.RUNS.rglob("*") if file.is_file()):
        file.touch()
    for condition in recorded:
        condition_record.record(store, condition)
    say(f"report: {counted(len(found), 'run')} in {paths.REPORT}")
