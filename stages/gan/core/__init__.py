"""What all of the science stands on: parameters, devices, randomness, the optimiser, data and weights.

It may use ``runtime.errors`` and ``runtime.files``, and no other room.
"""
