"""The training loop, its optimiser and penalties, checkpoints to go on from, several processes together.

It may use ``core`` and ``networks.base``; networks and losses come by name.
"""
