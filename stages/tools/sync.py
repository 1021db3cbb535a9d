"""Send to MLflow what could not be sent when it was logged.

What waits for other stores than the one that MLFLOW_TRACKING_URI names, or the local one, is told.

Reads:
  .outbox          what waits
Writes:
  MLflow           the same
Example:
  python -m stages.tools.sync
"""

from stages.runtime import command, paths
from stages.runtime.errors import UserError, say
from stages.tracking.store import Store


def sync() -> None:
    """Send what waits."""
    with Store(paths.STORE, paths.OUTBOX, patient=True) as store:
        messages, runs = store.outbox.waiting()
        if messages:
            store.open()
    for place, count in store.outbox.others():
        say(f"MLflow: {count} messages wait for another store: MLFLOW_TRACKING_URI={place} make sync")
    if store.outbox.waiting()[0]:
        raise UserError("the store fails; what waits is kept")
    which = f"{messages} message{'s'[: messages > 1]} of {runs} run{'s'[: runs > 1]}"
    say(f"MLflow: {which} sent" if messages else "MLflow: nothing waits")


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(sync)
