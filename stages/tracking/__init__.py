"""MLflow: how runs, conditions and models look there, and sending all of it from an outbox.

Machinery: what is in MLflow mirrors files and can be rebuilt from them. This room may use all of the science
and ``runtime``.
"""
