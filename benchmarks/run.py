"""Times hcckb against R metafor and PyMARE on one machine, and prints one Markdown table.

    make bench                             # python benchmarks/run.py
    python benchmarks/run.py --full        # nothing of metafor's longest jobs scaled: minutes more
    python benchmarks/run.py --rounds 5    # more rounds of the jobs inside a process; 3 when absent

Processor time counts (user and system), so that other work on the machine matters less. Ours and the peer's run
in turn, one thread each; the median counts. A peer that is absent is skipped with a loud word.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import engine

RUNS = 7
HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
HCCKB = [sys.executable, "-m", "hcckb"]
QUESTION = ["second-line-placebo-vegfr", "--endpoint", "OS"]
INSTANT, MEMORY = 0.2, 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job: seconds of ours and the peer's, MiB at the peak, and the bounds, as ratio ours / peer's or seconds."""

    job: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    must: float | None = None
    stretch: float | None = None
    absolute: bool = False
    memory: float | None = None

    @property
    def verdict(self) -> str:
        """Which bound is kept."""
        reached = self.ours if self.absolute else None if self.theirs is None else self.ours / self.theirs
        if self.must is None:
            return "measured"
        if reached is None:
            return "NO PEER"
        if self.stretch is not None and reached <= self.stretch:
            return "stretch"
        return "must" if reached <= self.must else "MISSED"


def once(command: list[str]) -> tuple[float, float]:
    """Run one process; give its processor time in seconds and its largest memory in MiB."""
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, path()))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as process:
        told = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {told.decode(errors='replace')}")
    # macOS counts bytes, Linux KiB.
    return used.ru_utime + used.ru_stime, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def path() -> tuple[str, str]:
    """Where Python looks for modules: this checkout first."""
    return str(HERE.parent), os.environ.get("PYTHONPATH", "")


def medians(*commands: list[str]) -> list[tuple[float, float]]:
    """Run the commands in turn; give each one's median processor time and median memory."""
    for command in commands:
        once(command)
    rounds = [[once(c) for c in commands] for _ in range(RUNS)]
    columns = zip(*rounds, strict=True)
    return [(statistics.median(t for t, _ in c), statistics.median(m for _, m in c)) for c in columns]


def numbers(folder: Path) -> tuple[Path, Path]:
    """Write the flagship estimates, read from the graph, as a table for hcckb and the same for R."""
    ran = subprocess.run([*HCCKB, "pool", *QUESTION, "-f", "json"], check=True, capture_output=True, text=True)
    rows = json.loads(ran.stdout)["rows"]
    own, for_r = folder / "own.csv", folder / "for_r.csv"
    columns = ("study", "value", "ci_lower", "ci_upper")
    lines = [",".join(columns), *(",".join(str(r[c]) for c in columns) for r in rows)]
    own.write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["study,yi,sei", *(f"{r['study']},{r['analysis_value']!r},{r['se']!r}" for r in rows)]
    for_r.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return own, for_r


def cold(folder: Path) -> list[Row]:
    """Time whole processes."""
    own, for_r = numbers(folder)
    drawn = ["--plot", str(folder / "ours.svg")]
    table = [*HCCKB, "pool", "--data", str(own), "--measure", "HR", *drawn]
    graph = [*HCCKB, "pool", *QUESTION, *drawn]
    peer = "metafor" if has_metafor() else ""
    script = [["Rscript", str(HERE / "metafor_forest.R"), str(for_r), str(folder / "theirs.svg")]] if peer else []
    found = medians(table, graph, *script)
    theirs = found[2][0] if peer else None
    files = [
        ("cold process: pool 6 HRs from a file, forest SVG", found[0], 0.33, 0.20),
        ("cold command: load the graph, select, pool, forest SVG", found[1], 0.8, 0.4),
    ]
    rows = [
        Row(job=job, ours=t, memory=m, peer=peer, theirs=theirs, must=must, stretch=stretch)
        for job, (t, m), must, stretch in files
    ]
    others: list[tuple[str, list[str], float | None]] = [
        ("cold `--help`", ["--help"], INSTANT),
        ("cold `queries`", ["queries"], INSTANT),
        ("cold `select` on the graph", ["select", *QUESTION], None),
        ("cold `multiverse` on the graph", ["multiverse", *QUESTION], None),
    ]
    for (job, _, must), (t, m) in zip(others, medians(*([*HCCKB, *a] for _, a, _ in others)), strict=True):
        rows.append(Row(job=job, ours=t, memory=m, must=must, absolute=True))
    return rows


def has_metafor() -> bool:
    """Whether Rscript runs and finds metafor; says so loudly where not."""
    check = ["Rscript", "-e", "quit(status = !requireNamespace('metafor', quietly = TRUE))"]
    if shutil.which("Rscript") and not subprocess.run(check, check=False, capture_output=True).returncode:
        return True
    print("SKIPPED: R with metafor is not installed (Debian: apt-get install r-cran-metafor).", file=sys.stderr)
    return False


def inside(folder: Path, rounds: int, *, full: bool) -> list[Row]:
    """Time what runs inside a process, ours and the peers' in turn."""
    engine.write_numbers(folder)
    mine: list[dict[str, float]] = []
    r: list[dict[str, float]] = []
    python: list[dict[str, float]] = []
    for _ in range(rounds):
        mine.append(engine.ours())
        r.append(engine.metafor(folder, full=full))
        python.append(engine.pymare(folder))

    def middle(columns: list[dict[str, float]], job: str) -> float | None:
        values = [c[job] for c in columns if job in c]
        return statistics.median(values) if values else None

    rows = []
    for job, (words, bounds) in engine.JOBS.items():
        seconds = middle(mine, job)
        assert seconds is not None
        for peer, must, stretch in bounds:
            if peer == "":
                rows.append(Row(job=words, ours=seconds, must=must, stretch=stretch, absolute=True))
                continue
            theirs = middle(r if peer == "metafor" else python if peer == "PyMARE" else [], job)
            rows.append(Row(job=words, ours=seconds, peer=peer, theirs=theirs, must=must, stretch=stretch))
    return rows


def as_ratio(value: float | None) -> str:
    """Write a ratio: 0.33, or 1/800 where it is small."""
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"1/{1 / value:,.0f}"


def as_time(seconds: float | None) -> str:
    """Write a time in milliseconds."""
    return "" if seconds is None else f"{1000 * seconds:,.0f} ms" if seconds >= 0.1 else f"{1000 * seconds:,.2f} ms"


def line(row: Row) -> str:
    """Write one row of the table."""
    shown = as_time if row.absolute else as_ratio
    ratio = None if row.theirs is None else row.ours / row.theirs
    peer = f"{row.peer} {as_time(row.theirs)}" if row.theirs is not None else f"{row.peer} absent" if row.peer else ""
    cells = (row.job, as_time(row.ours), peer, as_ratio(ratio), shown(row.must), shown(row.stretch), row.verdict)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="scale nothing of metafor's longest jobs")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the jobs inside a process")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = [*cold(Path(name)), *inside(Path(name), given.rounds, full=given.full)]
    print(engine.versions())
    print("\n| job | hcckb | peer | ratio | must | stretch | verdict |\n|---|---|---|---|---|---|---|")
    print("\n".join(line(row) for row in rows))
    most = max(row.memory for row in rows if row.memory is not None)
    print(f"\nMost memory of a cold process: {most:.0f} MiB (must stay below {MEMORY:.0f} MiB).")
    print(f"Most memory of the jobs inside a process, all in one: {engine.memory():.0f} MiB.")
    if not given.full:
        print("metafor's 10,000 fits are scaled from 300, its GOSH by REML from 2^10 subsets; --full runs them whole.")


if __name__ == "__main__":
    main()
