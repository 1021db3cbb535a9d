"""Write the report: all runs in reports/runs side by side, to reports/README.md."""

from stages import paths
from stages.command import guard
from stages.gan import comparison


def report() -> None:
    """Compare all runs."""
    runs = comparison.load(paths.RUNS)
    paths.REPORT.parent.mkdir(parents=True, exist_ok=True)
    paths.REPORT.write_text(comparison.markdown(runs, paths.REPORT.parent), encoding="utf-8")
    print(f"report: {len(runs)} runs in {paths.REPORT}")


if __name__ == "__main__":
    guard(report)
