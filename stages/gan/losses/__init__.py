"""What each network tries to make small, from the discriminator's logits; a module a loss, found by name.

A loss may use PyTorch and the types of parameters alone. Who adds a module here re-runs nothing; who
edits one re-runs what names it. A loss is a class with two methods, see ``training.losses.Loss``.
"""
