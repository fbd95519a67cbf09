"""Networks that see the frames: one interface, numbered blocks, verified weights.

Planning reads ``networks``, without PyTorch.
"""
