"""Prior distributions of the heterogeneity tau, and those learned from the Cochrane Database."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from hcckb.errors import PoolingError, UnknownNameError

FloatArray = NDArray[np.float64]
#: Names of `tau_prior`, with the names of their parameters.
PRIORS: dict[str, tuple[str, ...]] = {
    "half-normal": ("scale",),
    "half-cauchy": ("scale",),
    "exponential": ("scale",),
    "uniform": ("upper",),
    "log-normal": ("location", "scale"),
    "log-t": ("location", "scale", "df"),
    "jeffreys": (),
    "flat": (),
}
#: Exponent p where the density falls as tau ** -p far out; infinite where it falls faster.
_TAILS = {"half-cauchy": 2.0, "jeffreys": 1.0, "flat": 0.0}


@dataclass(frozen=True, slots=True)
class TauPrior:
    """A prior density of tau >= 0; make it with `tau_prior`, `turner2015` or `rhodes2015`.

    Attributes
    ----------
    name : str
        One of `PRIORS`.
    parameters : tuple of float
        Named in `PRIORS`, on the scale of tau; "log-normal" and "log-t" speak of ln tau squared.
    source : str
        Where the parameters come from; empty if the user chose them.
    """

    name: str
    parameters: tuple[float, ...] = ()
    source: str = ""

    @property
    def proper(self) -> bool:
        """Whether the density integrates to 1."""
        return self.name not in ("jeffreys", "flat")

    @property
    def upper(self) -> float:
        """End of the support."""
        return self.parameters[0] if self.name == "uniform" else math.inf

    @property
    def tail(self) -> float:
        """Exponent p of a density that falls as tau ** -p; infinite where it falls faster."""
        return 1.0 if self.name == "log-t" else _TAILS.get(self.name, math.inf)

    @property
    def centre(self) -> float:
        """A tau of the size the prior expects; 1 where it expects none."""
        if self.name in ("log-normal", "log-t"):
            return math.exp(0.5 * self.parameters[0])
        return self.parameters[0] if self.parameters else 1.0

    @property
    def label(self) -> str:
        """The prior in words: half-normal(scale 0.5)."""
        named = zip(PRIORS[self.name], self.parameters, strict=True)
        inside = ", ".join(f"{name} {value:g}" for name, value in named)
        return f"{self.name}({inside})" if inside else self.name

    def log_density(self, tau: FloatArray, variance: FloatArray) -> FloatArray:
        r"""Log of the density at each tau > 0.

        Parameters
        ----------
        tau : ndarray, shape (n,)
            Above 0.
        variance : ndarray, shape (k,)
            Sampling variances of the studies; only "jeffreys" depends on them.

        Notes
        -----
        "jeffreys" is :math:`\sqrt{\sum_i (\tau / (\sigma_i^2 + \tau^2))^2}` and "flat" is 1; neither integrates
        to 1. Source: Röver 2020, J Stat Softw 93(6), section 2.3, doi:10.18637/jss.v093.i06.
        """
        if self.name == "jeffreys":
            return _log_jeffreys(tau, variance)
        if self.name in ("log-normal", "log-t"):
            return self._log_of_log(tau)
        return _SHAPES[self.name](tau / self.centre) - math.log(self.centre)

    def density_at_zero(self) -> float | None:
        """Density at tau = 0; None where it is 0, infinite or without a scale."""
        at_zero = {
            "half-normal": math.sqrt(2 / math.pi),
            "half-cauchy": 2 / math.pi,
            "exponential": 1.0,
            "uniform": 1.0,
        }
        return at_zero[self.name] / self.centre if self.name in at_zero else None

    def below(self, tau: float) -> float:
        """Probability of values below a tiny tau; 0 but for "log-t", whose lower tail is long."""
        if self.name != "log-t":
            return 0.0
        location, scale, df = self.parameters
        return float(stdtr(df, (2 * math.log(tau) - location) / scale))

    def _log_of_log(self, tau: FloatArray) -> FloatArray:
        """Densities given for ln tau squared: d ln tau2 = 2 d tau / tau."""
        location, scale = self.parameters[:2]
        z = (2 * np.log(tau) - location) / scale
        jacobian = math.log(2) - np.log(tau) - math.log(scale)
        if self.name == "log-normal":
            return np.asarray(jacobian - 0.5 * math.log(2 * math.pi) - 0.5 * z**2)
        df = self.parameters[2]
        constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        return np.asarray(jacobian + constant - 0.5 * (df + 1) * np.log1p(z**2 / df))


def tau_prior(name: str, *parameters: float) -> TauPrior:
    """Make a prior of tau.

    Parameters
    ----------
    name : str
        "half-normal", "half-cauchy", "exponential" (scale: its mean), "uniform" (from 0 to upper), "log-normal"
        and "log-t" (location and scale of ln tau squared, and df), "jeffreys", "flat".
    *parameters : float
        As `PRIORS` names them, on the analysis scale.

    Raises
    ------
    UnknownNameError
        If there is no such prior.
    PoolingError
        If a parameter is missing, not finite, or a scale not above 0.

    Notes
    -----
    For log ratios a half-normal prior of scale 0.5 holds most trials' heterogeneity likely (tau up to 1) and
    one of scale 1 is cautious: Friede et al. 2017, Res Synth Methods 8:79-91, doi:10.1002/jrsm.1217.

    Examples
    --------
    >>> tau_prior("half-normal", 0.5).label
    'half-normal(scale 0.5)'
    """
    if name not in PRIORS:
        raise UnknownNameError(name, "prior of tau", PRIORS, ", ".join(PRIORS))
    wanted = PRIORS[name]
    if len(parameters) != len(wanted):
        needs = " and ".join(wanted) if wanted else "no parameter"
        raise PoolingError(f"the prior {name!r} takes {needs}; {len(parameters)} numbers were given.")
    for label, value in zip(wanted, parameters, strict=True):
        if not math.isfinite(value) or (label != "location" and value <= 0):
            must = "finite" if label == "location" else "above 0"
            raise PoolingError(f"{label} {value!r} of the prior {name!r} must be {must}.")
    return TauPrior(name, tuple(float(p) for p in parameters))


def turner2015(outcome: str = "general", comparison: str = "general") -> TauPrior:
    """Return the prior of Turner et al. for the heterogeneity of log odds ratios.

    Parameters
    ----------
    outcome : str
        One of `TURNER_OUTCOMES`, or "general" for any setting.
    comparison : str
        One of `TURNER_COMPARISONS`; "general" only with the outcome "general".

    Raises
    ------
    UnknownNameError
        If there is no such outcome or comparison.

    Notes
    -----
    ln tau squared is normal. Learned from 14,886 meta-analyses of binary outcomes; meant for log odds ratios, and
    borrowed knowledge for log hazard ratios.

    Source: Turner et al. 2015, Stat Med 34:984-998, Table IV, doi:10.1002/sim.6381.

    Examples
    --------
    >>> turner2015("all-cause-mortality", "pharmacological-placebo").parameters
    (-3.95, 1.34)
    """
    source = f"Turner 2015: {outcome}, {comparison}"
    if outcome == comparison == "general":
        return TauPrior("log-normal", (-2.56, 1.74), source)
    if outcome not in TURNER_OUTCOMES:
        raise UnknownNameError(outcome, "outcome of Turner 2015", TURNER_OUTCOMES, ", ".join(TURNER_OUTCOMES))
    if comparison not in TURNER_COMPARISONS:
        known = TURNER_COMPARISONS
        raise UnknownNameError(comparison, "comparison of Turner 2015", known, ", ".join(known))
    column, row = TURNER_COMPARISONS.index(comparison), TURNER_OUTCOMES.index(outcome)
    return TauPrior("log-normal", (-_TURNER_MEAN[column][row], _TURNER_SD[column][row]), source)


def rhodes2015() -> TauPrior:
    """Return the general prior of Rhodes et al. for the heterogeneity of standardised mean differences.

    Notes
    -----
    ln tau squared follows t with 5 df, location -3.44 and scale 2.59, in any setting.

    Source: Rhodes, Turner & Higgins 2015, J Clin Epidemiol 68:52-60, doi:10.1016/j.jclinepi.2014.08.012.

    Examples
    --------
    >>> rhodes2015().label
    'log-t(location -3.44, scale 2.59, df 5)'
    """
    return TauPrior("log-t", (-3.44, 2.59, 5.0), "Rhodes 2015: general")


_SHAPES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "half-normal": lambda x: np.asarray(0.5 * math.log(2 / math.pi) - 0.5 * x**2),
    "half-cauchy": lambda x: np.asarray(math.log(2 / math.pi) - np.log1p(x**2)),
    "exponential": lambda x: np.asarray(-x),
    "uniform": lambda x: np.where(x <= 1, 0.0, -np.inf),
    "flat": np.zeros_like,
}
"""Log densities of the priors that have a scale, in units of it."""


def _log_jeffreys(tau: FloatArray, variance: FloatArray) -> FloatArray:
    total = np.zeros_like(tau)
    for v in np.sqrt(variance):
        total += (1 / (v * (v / tau) + tau)) ** 2
    return np.asarray(0.5 * np.log(total))


TURNER_COMPARISONS = (
    "pharmacological-placebo",
    "pharmacological-pharmacological",
    "non-pharmacological-placebo",
    "non-pharmacological-pharmacological",
    "non-pharmacological-non-pharmacological",
)
TURNER_OUTCOMES = (
    "all-cause-mortality",
    "obstetric",
    "cause-specific-mortality",
    "resource-use",
    "surgical-success",
    "withdrawals",
    "structure-related",
    "general-physical-health",
    "adverse-events",
    "infection",
    "signs-symptoms",
    "pain",
    "quality-of-life",
    "mental-health",
    "biological-markers",
    "subjective",
)
# Turner 2015, Table IV: minus the mean, and the SD, of ln tau squared; rows are comparisons, columns outcomes.
_TURNER_MEAN = (
    (3.95, 3.52, 3.71, 2.34, 2.14, 2.99, 2.71, 2.29, 1.87, 2.49, 2.06, 1.83, 2.54, 2.12, 1.77, 2.70),
    (4.18, 3.75, 3.95, 2.58, 2.37, 3.23, 2.94, 2.53, 2.10, 2.73, 2.29, 2.06, 2.78, 2.35, 2.00, 2.93),
    (4.17, 3.74, 3.93, 2.56, 2.36, 3.21, 2.93, 2.51, 2.10, 2.71, 2.28, 2.05, 2.77, 2.34, 1.99, 2.92),
    (2.92, 2.49, 2.68, 1.31, 1.11, 1.96, 1.67, 1.26, 0.84, 1.46, 1.03, 0.80, 1.51, 1.09, 0.74, 1.67),
    (3.50, 3.08, 3.27, 1.90, 1.69, 2.55, 2.26, 1.85, 1.43, 2.05, 1.61, 1.38, 2.10, 1.67, 1.33, 2.26),
)
_TURNER_SD = (
    (1.34, 1.74, 1.74, 1.74, 1.74, 1.74, 1.74, 1.53, 1.52, 1.52, 1.51, 1.52, 1.54, 1.53, 1.52, 1.52),
    (1.41, 1.79, 1.79, 1.79, 1.79, 1.79, 1.79, 1.58, 1.58, 1.58, 1.58, 1.58, 1.60, 1.60, 1.58, 1.58),
    (1.55, 1.91, 1.91, 1.91, 1.91, 1.91, 1.92, 1.72, 1.71, 1.71, 1.71, 1.71, 1.73, 1.72, 1.71, 1.71),
    (1.02, 1.50, 1.51, 1.50, 1.50, 1.51, 1.51, 1.25, 1.24, 1.24, 1.24, 1.25, 1.27, 1.27, 1.24, 1.25),
    (1.26, 1.68, 1.68, 1.68, 1.68, 1.68, 1.68, 1.46, 1.45, 1.45, 1.45, 1.45, 1.47, 1.47, 1.45, 1.45),
)
