"""`python -m slipway_devcluster`."""

import sys

from slipway_devcluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
