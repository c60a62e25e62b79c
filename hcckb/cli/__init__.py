"""The command line: reads arguments, calls the library, shows; computes nothing."""

from __future__ import annotations

import os
import sys

from hcckb.cli.app import app
from hcckb.errors import HcckbError


def main() -> None:
    """Run `hcckb`; the only place that turns an error into text and exit code."""
    try:
        app(prog_name="hcckb")
    except HcckbError as error:
        print(f"hcckb: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
