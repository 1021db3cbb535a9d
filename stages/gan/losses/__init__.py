"""Losses on the discriminator's logits, one module for each; params.yaml names them.

A loss is a class with two methods, see ``training.losses.Loss``. It may only use PyTorch and the types of
parameters. A new module re-runs nothing; a changed one re-runs the experiments that name it.
"""
