"""The training loop, its penalties, and training in several processes.

``checkpoints`` holds the files from which a killed training resumes; ``resumable`` decides what is in them.
This room may use ``core`` and ``networks.base``; it finds networks and losses by name.
"""
