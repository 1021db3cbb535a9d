"""The training loop and its penalties; one training in several processes.

``checkpoints`` are the files from which a killed training goes on, ``resumable`` says what is in them. The
room may use ``core`` and ``networks.base``; networks and losses come by name.
"""
