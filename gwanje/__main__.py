"""``python -m gwanje``."""

import sys

from gwanje.cli import main

sys.exit(main())
