"""What the stages are made of: it knows nothing of stages, of paths or of DVC."""
