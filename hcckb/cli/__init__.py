"""The command line: reads arguments, calls the library, shows; computes nothing."""

from __future__ import annotations

import gc
import io
import sys

from hcckb.cli.app import COMMANDS, application
from hcckb.errors import HcckbError


def main() -> None:
    """Run `hcckb`; the only place that turns an error into text and exit code. Output is UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    try:
        # One short run: what is built while modules load is no garbage.
        gc.set_threshold(100_000)
        asked = [name for name in sys.argv[1:2] if name in COMMANDS]
        application(asked or COMMANDS)(prog_name="hcckb")
    except HcckbError as error:
        print(f"hcckb: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
