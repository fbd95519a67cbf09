"""Networks that see the frames; planning reads ``networks``, without PyTorch."""
