"""The science: what the bytes of data, networks, samples, scores and pictures are.

It knows no stage, no path, no DVC and no MLflow. Of the machinery it may use ``runtime.errors`` and
``runtime.files``. Rooms, from the ground: core; sources, networks, losses, plots; training, judges;
evaluation; report.
"""
