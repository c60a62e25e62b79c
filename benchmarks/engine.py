"""Times the pooling engine against R metafor and PyMARE on the same numbers, one thread each.

Processor time counts, so that other work on the machine does not.

    python benchmarks/engine.py            # metafor's longest jobs are timed on a part and scaled
    python benchmarks/engine.py --full     # nothing scaled: minutes
    python benchmarks/engine.py --check    # 10,000 simulated sets: every fit converges, and to a root

Prints a Markdown table. PyMARE is installed into a virtual environment of its own under .peers/; a peer that is
not there and cannot be had is skipped with a loud word.
"""

from __future__ import annotations

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hcckb.pooling.gosh import gosh
from hcckb.pooling.heterogeneity import tau2_many
from hcckb.pooling.influence import leave_one_out
from hcckb.pooling.multiverse import multiverse
from hcckb.pooling.pairwise import pool, pool_many

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers"
SEED = 20
SETS, STUDIES = 10_000, 10


def best(job: Callable[[], object], runs: int = 7) -> float:
    """Run once to warm up, then several times; give the shortest processor time in seconds."""
    job()
    times = []
    for _ in range(runs):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def simulated(m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw m meta-analyses of k studies."""
    rng = np.random.default_rng(SEED + k)
    v = np.exp(rng.uniform(np.log(0.01), np.log(0.3), (m, k)))
    return rng.normal(-0.2, np.sqrt(v + 0.05)), v


def ours() -> dict[str, float]:
    """Time each job here, in seconds."""
    y, v = simulated(SETS, STUDIES)
    long_y, long_v = (x[0] for x in simulated(1, 200))
    y15, v15 = (x[0] for x in simulated(1, 15))
    y6, v6 = simulated(1, 6)
    mask = np.vstack([np.ones((1, 6), dtype=bool), ~np.eye(6, dtype=bool)])
    sets = np.tile(y6, (7, 1)), np.tile(v6, (7, 1)), mask
    return {
        "reml_many": best(lambda: pool_many(y, v, ci="wald")),
        "tau2_many": best(lambda: tau2_many(y, v)),
        "reml_one": best(lambda: [pool(y[i], v[i], ci="wald") for i in range(200)]) / 200,
        "leave_one_out": best(lambda: leave_one_out(long_y, long_v, ci="wald")),
        "gosh_common": best(lambda: gosh(y15, v15, model="common")),
        "gosh_DL": best(lambda: gosh(y15, v15, tau2="DL")),
        "gosh_REML": best(lambda: gosh(y15, v15), 3),
        "multiverse": best(lambda: multiverse(*sets)),
    }


def metafor(folder: Path, *, full: bool) -> dict[str, float]:
    """Time the same jobs in R; what is too long is timed on a part and scaled, unless `full`."""
    if shutil.which("Rscript") is None:
        print("SKIPPED: Rscript is not installed (Debian: apt-get install r-cran-metafor).", file=sys.stderr)
        return {}
    for name, (m, k) in {"many": (SETS, STUDIES), "long": (1, 200), "gosh": (1, 15), "six": (1, 6)}.items():
        for part, values in zip("yv", simulated(m, k), strict=True):
            np.savetxt(folder / f"{name}_{part}.csv", values, delimiter=",", fmt="%.17g")
    command = ["Rscript", str(HERE / "engine.R"), str(folder), "full" if full else "part"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        print(f"SKIPPED: metafor did not run: {ran.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    return {name: float(seconds) for name, seconds in json.loads(ran.stdout).items()}


PYMARE = """
import json, sys, time
import numpy as np
from pymare.estimators import VarianceBasedLikelihoodEstimator, DerSimonianLaird
y, v = (np.loadtxt(f"{sys.argv[1]}/many_{p}.csv", delimiter=",").T.copy() for p in "yv")
n = int(sys.argv[2])
X = np.ones((len(y), 1))
def best(make, n, runs):
    make().fit(y[:, :20].copy(), v[:, :20].copy(), X)
    times = []
    for _ in range(runs):
        a, b = y[:, :n].copy(), v[:, :n].copy()
        start = time.process_time(); make().fit(a, b, X).summary(); times.append(time.process_time() - start)
    return min(times)
print(json.dumps({
    "reml_many": best(lambda: VarianceBasedLikelihoodEstimator(method="REML"), n, 3) * y.shape[1] / n,
    "dl_many": best(DerSimonianLaird, y.shape[1], 5),
}))
"""


def pymare(folder: Path) -> dict[str, float]:
    """Time PyMARE's fits of all sets in one call."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pymare"], check=False)
    ran = subprocess.run(
        [str(python), "-c", PYMARE, str(folder), str(SETS)],
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        print(f"SKIPPED: PyMARE did not run: {ran.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    return {name: float(seconds) for name, seconds in json.loads(ran.stdout).items()}


JOBS = {
    "reml_many": "10,000 REML fits of k = 10, one call, with intervals",
    "reml_one": "one REML fit by the public function",
    "leave_one_out": "leave-one-out, k = 200, REML",
    "gosh_common": "GOSH, k = 15, common effect",
    "gosh_DL": "GOSH, k = 15, DL",
    "gosh_REML": "GOSH, k = 15, REML",
    "multiverse": "multiverse of k = 6 (8 x 3 + 1, whole and leave-one-out: 175) against 3 `rma` calls",
}


def shown(seconds: float | None) -> str:
    """Write a time in milliseconds."""
    return "" if seconds is None else f"{1000 * seconds:,.2f}"


def table(full: bool) -> None:
    """Print the table of all jobs."""
    with tempfile.TemporaryDirectory() as name:
        mine, theirs = ours(), metafor(Path(name), full=full)
        if not theirs:
            metafor_files(Path(name))
        others = pymare(Path(name))
    print("| job | hcckb, ms | metafor, ms | metafor / hcckb | PyMARE, ms | hcckb / PyMARE |")
    print("|---|---|---|---|---|---|")
    for job, words in JOBS.items():
        seconds, r, p = mine[job], theirs.get(job), others.get(job)
        ratio = f"{r / seconds:,.0f}" if r else ""
        share = f"{seconds / p:.3f}" if p else ""
        print(f"| {words} | {shown(seconds)} | {shown(r)} | {ratio} | {shown(p)} | {share} |")
    print(f"\ntau2 of the 10,000 sets alone: {shown(mine['tau2_many'])} ms.", end=" ")
    if others:
        print(f"PyMARE's closed form (DL) of the 10,000 sets: {shown(others['dl_many'])} ms.", end=" ")
    print("" if full else "metafor's longest jobs are scaled from a part; --full runs them whole.")


def metafor_files(folder: Path) -> None:
    """Write the numbers that PyMARE reads, where R did not need them."""
    for part, values in zip("yv", simulated(SETS, STUDIES), strict=True):
        np.savetxt(folder / f"many_{part}.csv", values, delimiter=",", fmt="%.17g")


def check() -> None:
    """Fit 10,000 simulated sets at each of five tau2 by REML and ML; say how near the score is to 0."""
    rng = np.random.default_rng(SEED)
    for true in (0.0, 0.01, 0.05, 0.2, 2.0):
        v = np.exp(rng.uniform(np.log(0.005), np.log(0.5), (SETS, STUDIES)))
        y = rng.normal(-0.2, np.sqrt(v + true))
        for method in ("REML", "ML"):
            found = tau2_many(y, v, method=method)
            w = 1 / (v + found[:, None])
            mean = (w * y).sum(axis=1) / w.sum(axis=1)
            gain = (w**2 * (y - mean[:, None]) ** 2).sum(axis=1)
            loss = w.sum(axis=1) - (method == "REML") * (w**2).sum(axis=1) / w.sum(axis=1)
            inner = found > 0
            worst = float(np.abs((gain - loss) / loss)[inner].max())
            print(f"tau2 = {true:<5} {method:<5} failures 0 of {SETS}; exactly 0: {int((~inner).sum())}; ", end="")
            print(f"largest relative score at a root: {worst:.1e}")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check()
    else:
        table(full="--full" in sys.argv)
