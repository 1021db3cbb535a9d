"""What all rooms of the science use: parameters, devices, randomness, the optimiser, data and weights.

It may use ``runtime.errors`` and ``runtime.files``, and no other room.
"""
