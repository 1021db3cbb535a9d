"""Write the report: all runs side by side, across seeds.

Reads:
  params.yaml                the lists: their main scores are the pipeline's metrics
  reports/runs               scores, losses and pictures of all runs
Writes:
  reports/README.md          the report
  reports/figures            the pictures in it
  reports/summary.json       main scores of what params.yaml lists, for `make exps` and `dvc metrics`
  reports/plots              losses and scores of all runs, of which `dvc plots` makes charts
  MLflow                     medians of runs that differ by their seed alone: a run, the parent of theirs
Example:
  python -m stages.report
"""

from stages.gan.core import params, portability
from stages.runtime import command
from stages.tracking import store


def main() -> None:
    """Compare all runs."""
    parser = command.plain_parser(__doc__)
    command.add_params(parser)
    arguments = parser.parse_args()

    def work() -> None:
        settings = params.load(arguments.params).settings
        portability.limit(settings.portable)
        with store.default() as runs:
            from stages.pipeline.report import report  # once the parameters are known to be right

            report(settings, runs)

    command.guard(work)


if __name__ == "__main__":
    main()
