"""Send to MLflow what could not be sent when it was logged.

What waits for other stores than the one that MLFLOW_TRACKING_URI names, or the local one, is listed. A local
store that was copied or moved has its artifacts beside it from then on.

Reads:
  .outbox          what waits
Writes:
  MLflow           the same
Example:
  python -m stages.tools.sync
"""

from stages.runtime import command
from stages.runtime.errors import UserError, counted, say
from stages.tracking import address, relocation, store


def sync() -> None:
    """Send what waits."""
    with store.default(patient=True) as runs:
        messages, count = runs.outbox.waiting()
        if messages:
            runs.open()
        else:
            relocation.settle(address.configured())
    for place, left in runs.outbox.others():
        wait = f"{counted(left, 'message')} {'waits' if left == 1 else 'wait'}"
        say(f"MLflow: {wait} for another store: MLFLOW_TRACKING_URI={place} make sync")
    if runs.outbox.waiting()[0]:
        reason = f": {runs.failure}" if runs.failure else ""
        raise UserError(f"the store fails{reason}; what waits is kept")
    which = f"{counted(messages, 'message')} of {counted(count, 'run')}"
    say(f"MLflow: {which} sent" if messages else "MLflow: nothing waits")


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(sync)
