"""`python -m kindstore.cli` is `kindstore`."""

import sys

from kindstore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
