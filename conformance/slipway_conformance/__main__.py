"""`python -m slipway_conformance`."""

import sys

from slipway_conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
