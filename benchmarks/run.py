"""Times hcckb's cold start and its flagship answer against R metafor, as whole processes on one machine.

    make bench

Each command runs once to warm up and then RUNS times, the two in turn; the median wall time counts.
R and metafor are used where they are installed and skipped with a loud word where not.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
HCCKB = [str(Path(sys.executable).with_name("hcckb"))]


def once(command: list[str]) -> float:
    """Run one process; give its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ONE_THREAD})
    return time.perf_counter() - start


def medians(*commands: list[str]) -> list[float]:
    """Run the commands in turn; give each one's median wall time in seconds."""
    for command in commands:
        once(command)
    times = [[once(c) for c in commands] for _ in range(RUNS)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def numbers() -> str:
    """Give the flagship estimates, read from the graph, as the CSV that R is given."""
    command = [*HCCKB, "pool", "second-line-placebo-vegfr", "--endpoint", "OS", "-f", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["rows"]
    lines = ["study,yi,sei"] + [f"{r['study']},{r['analysis_value']!r},{r['se']!r}" for r in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print one line per job."""
    print("cold processes, median wall seconds of", RUNS)
    jobs = {
        "hcckb --help": ["--help"],
        "hcckb queries": ["queries"],
        "hcckb query second-line-placebo-vegfr": ["query", "second-line-placebo-vegfr"],
        "hcckb select second-line-placebo-vegfr": ["select", "second-line-placebo-vegfr", "--endpoint", "OS"],
    }
    for name, arguments in jobs.items():
        (seconds,) = medians([*HCCKB, *arguments])
        print(f"{seconds:7.3f}  {name}")
    with tempfile.TemporaryDirectory() as folder:
        against_metafor(Path(folder))


def against_metafor(folder: Path) -> None:
    """Time query, pool and forest plot against R's load, fit and forest plot of the same numbers."""
    data, ours, theirs = folder / "data.csv", folder / "ours.svg", folder / "theirs.svg"
    data.write_text(numbers(), encoding="utf-8")
    pool = [*HCCKB, "pool", "second-line-placebo-vegfr", "--endpoint", "OS", "--plot", str(ours)]
    if not has_metafor():
        (seconds,) = medians(pool)
        print(f"{seconds:7.3f}  hcckb pool --plot")
        print("SKIPPED: R with metafor is not installed (Debian: apt-get install r-cran-metafor). No ratio.")
        return
    script = ["Rscript", str(HERE / "metafor_forest.R"), str(data), str(theirs)]
    mine, peer = medians(pool, script)
    print(f"{mine:7.3f}  hcckb: graph, query, pool, forest plot")
    print(f"{peer:7.3f}  R metafor: load, fit, forest plot of the same numbers")
    print(f"{mine / peer:7.2f}  ratio (must be at most 0.8, aim at 0.4)")


def has_metafor() -> bool:
    """Whether Rscript runs and finds metafor."""
    if shutil.which("Rscript") is None:
        return False
    check = ["Rscript", "-e", "quit(status = !requireNamespace('metafor', quietly = TRUE))"]
    return subprocess.run(check, check=False, capture_output=True).returncode == 0


if __name__ == "__main__":
    main()
