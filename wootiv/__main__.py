"""`python -m wootiv`."""

import sys

from wootiv.cli import main

if __name__ == "__main__":
    sys.exit(main())
