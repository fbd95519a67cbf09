"""``python -m microexpr``."""

import gc
import sys

from microexpr.cli import main

if __name__ == "__main__":
    code = main()
    # Otherwise Python looks through all of PyTorch's objects again before it leaves: up to 1 s.
    gc.freeze()
    sys.exit(code)
