"""Write the report: all runs side by side.

Reads the runs in reports/runs. Writes reports/README.md.
"""

from pathlib import Path

from stages import command, paths


def report() -> None:
    """Compare all runs."""
    from stages.gan import comparison

    runs = comparison.load(paths.RUNS)
    paths.REPORT.parent.mkdir(parents=True, exist_ok=True)
    paths.REPORT.write_text(comparison.markdown(runs, paths.REPORT.parent), encoding="utf-8")
    # A result that is as DVC left it is deleted by `dvc exp run` and `dvc checkout` once params.yaml lists
    # its run no more; one touched since is left alone.
    for file in filter(Path.is_file, paths.RUNS.rglob("*")):
        file.touch()
    print(f"report: {len(runs)} runs in {paths.REPORT}")


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(report)
