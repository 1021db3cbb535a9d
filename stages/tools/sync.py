"""Send to MLflow what could not be sent when it was logged.

What waits for other stores than the one that MLFLOW_TRACKING_URI names, or the local one, is listed.

Reads:
  .outbox          what waits
Writes:
  MLflow           the same
Example:
  python -m stages.tools.sync
"""

from stages.runtime import command
from stages.runtime.errors import UserError, say
from stages.tracking import store


def sync() -> None:
    """Send what waits."""
    with store.default(patient=True) as runs:
        messages, count = runs.outbox.waiting()
        if messages:
            runs.open()
    for place, left in runs.outbox.others():
        say(f"MLflow: {left} messages wait for another store: MLFLOW_TRACKING_URI={place} make sync")
    if runs.outbox.waiting()[0]:
        raise UserError("the store fails; what waits is kept")
    which = f"{messages} message{'s'[: messages > 1]} of {count} run{'s'[: count > 1]}"
    say(f"MLflow: {which} sent" if messages else "MLflow: nothing waits")


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(sync)
