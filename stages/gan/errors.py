"""The one exception that speaks to the user."""


class UserError(Exception):
    """A mistake or a lack that the user can mend: one line that says what, where, and what to do.

    Stages print it without a traceback and exit with a code other than 0.
    """
