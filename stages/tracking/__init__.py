"""MLflow: what runs, their conditions and models look like there, and sending all of it from an outbox.

Machinery: a mirror of files, which can be rebuilt from them. It may use all of the science and ``runtime``.
"""
