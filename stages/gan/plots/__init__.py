"""Every picture of data, judges and runs; their colours are in ``style``.

It may use ``core``.
"""
