"""Many runs at once, on one machine or many: the pipeline's stages as tasks, joined by DVC's run cache."""
