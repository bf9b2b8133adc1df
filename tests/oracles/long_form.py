"""Whether the long form of the tests was asked for."""

import os

IS_LONG = os.environ.get("MRTOOLKIT_LONG", "") not in ("", "0")
