"""Send the messages to MLflow that could not be sent when they were logged.

They go to the store that MLFLOW_TRACKING_URI names, or to the local one; messages that wait for other stores
are only listed. If the local store was copied or moved, its artifacts are beside it from then on.

Reads:
  .outbox          the messages that wait
Writes:
  MLflow           their contents
Example:
  python -m stages.tools.sync
"""

from stages.runtime import command
from stages.runtime.errors import UserError, counted, say
from stages.tracking import address, relocation, store


def sync() -> None:
    """Send all messages that wait for this store.

    Raises:
        UserError: the store fails.
    """
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
        raise UserError(f"the store fails{reason}; the messages are kept")
    which = f"{counted(messages, 'message')} of {counted(count, 'run')}"
    say(f"MLflow: {which} sent" if messages else "MLflow: nothing waits")


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(sync)
