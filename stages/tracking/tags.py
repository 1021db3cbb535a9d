"""The tags that connect runs in MLflow with their files and their processes."""

SEED = "seed"  # of a training; no other run has it
GENERATOR = "dvc.generator"  # the generator file's MD5 sum, which is its name in dvc.lock
JUDGE = "dvc.judge"  # MD5 sum of the judge: on its own run, and on runs whose samples it scored
FITTED = "dvc.fitted"  # MD5 sum of the judge, only on its own run
CONDITION = "dvc.group"  # on a parent run: the key of its condition
COMMIT = "mlflow.source.git.commit"
CHANGED = "git.changed"  # the files of code and parameters that differ from the commit; or "no"
DVC_EXPERIMENT = "dvc.experiment"
NAME = "mlflow.runName"
# MLflow's pages hide tags whose names begin like its own, as these two do.
KEY = "mlflow.outbox"  # the name of the journal that made the run
PROCESS = "mlflow.process"  # host and id of the process that a run belongs to
FORMER = {KEY: "outbox", PROCESS: "process"}  # their names in runs and journals of earlier versions
