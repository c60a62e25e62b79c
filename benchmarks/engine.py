"""The pooling engine's jobs, and the same in R metafor and PyMARE; `run.py` prints them as a table.

    python benchmarks/engine.py            # 10,000 simulated sets: every fit converges, and to a root

Processor time counts. PyMARE is installed into a virtual environment of its own under .peers/; a peer that is not
there and cannot be had is skipped with a loud word. netmeta is in no Debian release: the network is timed alone.
"""

from __future__ import annotations

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy

from hcckb.pooling.gosh import gosh
from hcckb.pooling.heterogeneity import tau2_many
from hcckb.pooling.influence import leave_one_out
from hcckb.pooling.multiverse import multiverse
from hcckb.pooling.network import contributions, decompose, net_heat, pool_network, rankogram
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
    contrasts = network()
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
        "network": best(lambda: pool_network(*contrasts)),
        "network_reports": best(lambda: every_report(contrasts), 3),
    }


Contrasts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[int]]


def network(studies: int = 55, treatments: int = 12) -> Contrasts:
    """Draw a connected network of two-arm studies."""
    rng = np.random.default_rng(SEED)
    pairs = [(i, i + 1) for i in range(treatments - 1)]
    pairs += [tuple(sorted(rng.choice(treatments, 2, replace=False))) for _ in range(studies - len(pairs))]
    first, second = np.array(pairs).T
    truth, se = rng.normal(0.0, 0.3, treatments), rng.uniform(0.08, 0.3, studies)
    y = truth[first] - truth[second] + rng.normal(0.0, np.sqrt(se**2 + 0.02))
    return first, second, y, se, list(range(studies))


def every_report(contrasts: Contrasts) -> None:
    """Fit a network (league table, P-scores, splits are part of it) and compute all that is said about it."""
    fitted = pool_network(*contrasts)
    decompose(fitted.design)
    contributions(fitted.design, fitted.tau2 or 0.0)
    net_heat(fitted.design, fitted.tau2 or 0.0)
    rankogram(fitted.estimate[:, 0], fitted.covariance, samples=1000, rng=np.random.default_rng(SEED))


def write_numbers(folder: Path) -> None:
    """Write the numbers that the peers read."""
    for name, (m, k) in {"many": (SETS, STUDIES), "long": (1, 200), "gosh": (1, 15), "six": (1, 6)}.items():
        for part, values in zip("yv", simulated(m, k), strict=True):
            np.savetxt(folder / f"{name}_{part}.csv", values, delimiter=",", fmt="%.17g")


def memory() -> float:
    """Peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def versions() -> str:
    """Say on what was measured."""
    ours = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    peers = []
    if shutil.which("Rscript"):
        code = "cat(R.version$major, '.', R.version$minor, ', metafor ', format(packageVersion('metafor')), sep = '')"
        ran = subprocess.run(["Rscript", "-e", code], check=False, capture_output=True, text=True)
        peers.append(f"R {ran.stdout}")
    if (PEERS / "bin" / "python").exists():
        code = "from importlib.metadata import version; print(version('pymare'), end='')"
        ran = subprocess.run([str(PEERS / "bin" / "python"), "-c", code], check=False, capture_output=True, text=True)
        peers.append(f"PyMARE {ran.stdout}" if not ran.returncode else "no PyMARE")
    return f"{os.cpu_count()} cores, {platform.machine()}; {'; '.join([ours, *peers])}; one thread, processor time."


def metafor(folder: Path, *, full: bool) -> dict[str, float]:
    """Time the same jobs in R; what is too long is timed on a part and scaled, unless `full`."""
    if shutil.which("Rscript") is None:
        print("SKIPPED: Rscript is not installed (Debian: apt-get install r-cran-metafor).", file=sys.stderr)
        return {}
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


# Each job: its name, and for each peer ("" for an absolute time) what is asked: at most, and better.
Bounds = tuple[tuple[str, float | None, float | None], ...]
JOBS: dict[str, tuple[str, Bounds]] = {
    "reml_many": (
        "10,000 REML fits of k = 10, one call, with intervals",
        (("PyMARE", 0.5, 0.3), ("metafor", 1 / 800, None)),
    ),
    "tau2_many": ("tau2 alone of the 10,000 sets", (("", None, None),)),
    "reml_one": ("one warm REML fit by the public function", (("", 3e-4, 1e-4),)),
    "gosh_common": ("GOSH, k = 15, common effect", (("metafor", 1 / 30, 1 / 100),)),
    "gosh_DL": ("GOSH, k = 15, DL", (("metafor", 1 / 30, 1 / 100),)),
    "gosh_REML": ("GOSH, k = 15, REML", (("metafor", 1 / 400, 1 / 1000),)),
    "leave_one_out": ("leave-one-out, k = 200, REML", (("metafor", 1 / 800, 1 / 1500),)),
    "network": ("network of 55 trials, 12 treatments: fit", (("netmeta", 1 / 1000, 1 / 3000),)),
    "network_reports": ("the same with every report, 1,000 draws of ranks", (("netmeta", 1 / 400, 1 / 3000),)),
    "multiverse": ("multiverse, k = 6, 175 specifications, against 3 `rma` calls", (("metafor", 1.0, 1 / 3),)),
}


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
    check()
