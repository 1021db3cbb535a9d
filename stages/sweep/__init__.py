"""Many runs at once, on one machine or many: the pipeline's stages as tasks, joined by DVC's run cache.

``site`` is what tasks share on a machine: caches, the DVC remote. It may use all other rooms.
"""
