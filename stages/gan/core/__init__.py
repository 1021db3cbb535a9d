"""What all of the science stands on: parameters, devices, randomness, the data-set file, the weights file.

It may use ``runtime.errors`` and ``runtime.files``, and no other room.
"""
