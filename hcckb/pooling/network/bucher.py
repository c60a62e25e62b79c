"""Indirect comparison of two treatments through a common comparator."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from hcckb.errors import PoolingError
from hcckb.pooling.heterogeneity import checked_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Indirect:
    """A against B through C, on the analysis scale: Wald's interval, two-sided P."""

    estimate: float
    se: float
    ci_lower: float
    ci_upper: float
    p_value: float
    level: float


def bucher(a_to_c: tuple[float, float], b_to_c: tuple[float, float], *, level: float = 0.95) -> Indirect:
    r"""Compare A with B from A against C and B against C.

    Parameters
    ----------
    a_to_c, b_to_c : (estimate, standard error)
        Of A minus C and B minus C on an additive scale (log HR, log OR), from studies that share no patients.
    level : float
        Level of the interval, in (0, 1).

    Returns
    -------
    Indirect
        A minus B.

    Raises
    ------
    PoolingError
        If a number is not finite, a standard error not positive, or the level not in (0, 1).

    Notes
    -----
    :math:`\hat\theta_{AB} = \hat\theta_{AC} - \hat\theta_{BC}` with variance :math:`v_{AC} + v_{BC}`; randomisation
    is kept within each comparison, not between them. Source: Bucher, Guyatt, Griffith & Walter 1997, J Clin Epidemiol
    50:683-691, doi:10.1016/S0895-4356(97)00049-8.

    Examples
    --------
    >>> found = bucher((-0.4, 0.12), (-0.1, 0.16))
    >>> round(found.estimate, 4), round(found.se, 4)
    (-0.3, 0.2)
    """
    level = checked_level(level)
    (a, se_a), (b, se_b) = a_to_c, b_to_c
    for name, estimate, se in (("A to C", a, se_a), ("B to C", b, se_b)):
        if not (abs(estimate) < float("inf") and 0 < se < float("inf")):
            raise PoolingError(f"{name} has the estimate {estimate} and the standard error {se}. Both must be finite.")
    difference, spread = float(a - b), float((se_a**2 + se_b**2) ** 0.5)
    half = float(ndtri((1.0 + level) / 2.0)) * spread
    return Indirect(
        estimate=difference,
        se=spread,
        ci_lower=difference - half,
        ci_upper=difference + half,
        p_value=float(2.0 * ndtr(-abs(difference) / spread)),
        level=level,
    )
