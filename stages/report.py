"""Write the report: all runs side by side, across seeds.

Reads:
  reports/runs               scores, losses and pictures of all runs
Writes:
  reports/README.md          the report
  reports/figures            the pictures in it
  MLflow                     means of runs that differ by their seed alone: a run, the parent of theirs
Example:
  python -m stages.report
"""

from pathlib import Path

from stages import command, paths
from stages.gan.errors import tell
from stages.gan.tracking import Store


def report() -> None:
    """Compare all runs."""
    with Store(paths.STORE, paths.OUTBOX) as store:
        _report(store)


def _report(store: Store) -> None:
    from stages import group_record
    from stages.gan import comparison, files, groups, runs

    found = runs.load(paths.RUNS)
    families = groups.families(found)
    recorded = group_record.recorded([group for family in families for group in family.groups])
    if recorded:
        store.open()
    folder, figures = paths.REPORT.parent, paths.REPORT.with_name("figures")
    figures.mkdir(parents=True, exist_ok=True)
    with files.together():
        drawn = comparison.draw(families, figures)
        files.write(paths.REPORT, comparison.markdown(families, folder, figures))
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
    command.plain_parser(__doc__).parse_args()
    command.guard(report)
