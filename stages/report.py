"""Write the report: all runs side by side, across seeds.

Reads:
  params.yaml                the lists: their main scores are the pipeline's metrics
  reports/runs               scores, losses and pictures of all runs
Writes:
  reports/README.md          the report
  reports/figures            the pictures in it
  reports/summary.json       main scores of what params.yaml lists, for `dvc exp show` and `dvc metrics`
  reports/plots              losses and scores of all runs, of which `dvc plots` makes charts
  MLflow                     means of runs that differ by their seed alone: a run, the parent of theirs
Example:
  python -m stages.report
"""

import json
from pathlib import Path

from stages import command, paths
from stages.gan import params
from stages.gan.errors import tell
from stages.gan.tracking import Store


def report(path: Path) -> None:
    """Compare all runs; ``path`` is the parameter file."""
    settings = params.load(path).settings
    with Store(paths.STORE, paths.OUTBOX) as store:
        _report(store, settings)


def _report(store: Store, settings: params.Settings) -> None:
    from stages import group_record
    from stages.gan import comparison, files, groups, runs, summary

    found = runs.load(paths.RUNS)
    families = groups.families(found)
    recorded = group_record.recorded([group for family in families for group in family.groups])
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
        drawn = comparison.draw(families, figures)
        files.write(paths.REPORT, comparison.markdown(families, folder, figures))
        files.write(paths.SUMMARY, json.dumps(summary.means(listed), indent=2) + "\n")
        files.write(paths.LOSSES_TABLE, summary.losses(families))
        files.write(paths.SCORES_TABLE, summary.scores(families))
    for picture in set(figures.glob("*.png")) - drawn:  # of groups that are no more
        picture.unlink()
    # A result that is as DVC left it is deleted by `dvc exp run` and `dvc checkout` once params.yaml lists
    # its run no more; one touched since is left alone.
    for file in filter(Path.is_file, paths.RUNS.rglob("*")):
        file.touch()
    for group in recorded:
        group_record.record(store, group)
    tell(f"report: {len(found)} runs in {paths.REPORT}")


if __name__ == "__main__":
    parser = command.plain_parser(__doc__)
    command.add_params(parser)
    arguments = parser.parse_args()
    command.guard(lambda: report(arguments.params))
