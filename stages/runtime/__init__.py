"""How a process behaves: errors in one line, whole files, locks, signals, progress, the command line, paths.

Machinery: no byte of a result depends on it. ``errors`` and ``files`` are for all; the rest is not for the
science (``stages.gan``).
"""
