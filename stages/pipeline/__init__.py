"""The stages' work: each reads its files, calls the science, writes its files, and logs to MLflow.

A module a stage; its script, in the folder above, reads the command line. It may use all rooms but ``tools``
and ``sweep``.
"""
