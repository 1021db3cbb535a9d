"""Write the report, which compares all runs across seeds.

Reads:
  params.yaml                the lists of experiments and seeds, whose main scores go into summary.json
  reports/runs               scores, losses and pictures of all runs
Writes:
  reports/README.md          the report
  reports/figures            the pictures in the report
  reports/summary.json       main scores of the runs in params.yaml, for `make exps` and `dvc metrics`
  reports/plots              losses and scores of all runs, for the charts of `dvc plots`
  MLflow                     for runs that differ only in their seed, a parent run with their median scores
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
            from stages.pipeline.report import report  # slow, so only after the parameters are checked

            report(settings, runs)

    command.guard(work)


if __name__ == "__main__":
    main()
