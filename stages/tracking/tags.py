"""The tags by which runs in MLflow, their files and their processes know each other."""

SEED = "seed"  # of a training; no other run has it
GENERATOR = "dvc.generator"  # the generator file's MD5 sum, which is its name in dvc.lock
JUDGE = "dvc.judge"  # the same for a judge: of its own run, and of those whose samples it scored
FITTED = "dvc.fitted"  # the same, of its own run alone
CONDITION = "dvc.group"  # of a parent: its condition's key
COMMIT = "mlflow.source.git.commit"
CHANGED = "git.changed"  # the files of code and parameters that are others than the commit's; or "no"
DVC_EXPERIMENT = "dvc.experiment"
NAME = "mlflow.runName"
# MLflow's pages show no tags of its own, as these are in name.
KEY = "mlflow.outbox"  # the name of the journal that made the run
PROCESS = "mlflow.process"  # host and id of the process that a run belongs to
FORMER = {KEY: "outbox", PROCESS: "process"}  # in runs and journals of earlier versions
