"""The work of the stages: each reads its files, calls the science, writes its files, and logs to MLflow.

There is one module per stage; the stage's script, in the folder above, reads the command line. The room may
use all rooms except ``tools`` and ``sweep``.
"""
