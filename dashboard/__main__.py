"""`python -m dashboard` is `pool-dashboard`."""

import sys

from .cli import main

sys.exit(main())
