"""Commands over a set of estimates: the options they share, declared once, and what those options ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo

from hcckb.cli import options as o
from hcckb.errors import UsageError
from hcckb.evidence import Criteria, EvidenceTable
from hcckb.evidence import select as select_evidence
from hcckb.queries import named
from hcckb.records import to_csv, to_json
from hcckb.selection import DEFAULT_QUERY, FILTERS
from hcckb.store import Store

ASKED = frozenset(FILTERS) | {f.name for f in fields(Criteria)}
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="A parameter of the query, as name=value. Repeatable."),
]


def parsed(params: list[str] | None) -> dict[str, str]:
    """Split name=value pairs."""
    pairs = [p.partition("=") for p in params or []]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise UsageError(f"--param {name!r}: write it as name=value, e.g. --param target=MET.")
    return {name: value for name, _, value in pairs}


def requested(query: str | None, options: Mapping[str, Any], params: list[str] | None) -> dict[str, Any]:
    """Join the options of a selection with the parameters of its query."""
    asked = {k: v for k, v in options.items() if k in ASKED}
    for name, value in parsed(params).items():
        own = [p.name for p in named(query or DEFAULT_QUERY).parameters]
        if name not in own:
            takes = ", ".join(own) or "none"
            raise UsageError(f"{query or DEFAULT_QUERY} has no parameter {name!r}; it takes: {takes}.")
        if asked.get(name) not in (None, False):
            raise UsageError(f"--{name} and --param {name} ask the same. Leave one of them out.")
        asked[name] = value
    return asked


class Tau2(StrEnum):
    """Estimators of the between-study variance."""

    dl = "DL"
    dl2 = "DL2"
    pm = "PM"
    reml = "REML"
    ml = "ML"
    sj = "SJ"
    he = "HE"
    hs = "HS"
    eb = "EB"


class Ci(StrEnum):
    """Intervals of the pooled estimate."""

    wald = "wald"
    hksj = "hksj"
    guarded = "hksj-guarded"
    kenward_roger = "kenward-roger"


class Prediction(StrEnum):
    """Prediction intervals."""

    hts = "hts"
    metafor = "metafor"


class Tau2Interval(StrEnum):
    """Intervals of the between-study variance."""

    q_profile = "q-profile"
    generalised_q = "generalised-q"
    profile_likelihood = "profile-likelihood"


class Transform(StrEnum):
    """Scales on which proportions and rates of single arms are pooled."""

    logit = "logit"
    freeman_tukey = "freeman-tukey"
    arcsine = "arcsine"
    log = "log"
    square_root = "square-root"
    none = "none"


class Correction(StrEnum):
    """Continuity corrections."""

    only0 = "only0"
    all = "all"
    none = "none"
    opposite_arm = "opposite-arm"


class DoubleZero(StrEnum):
    """What becomes of studies without an event in either arm."""

    drop = "drop"
    keep = "keep"


def _question(name: o.Query = None, endpoint: o.Endpoint = None, measure: o.Measure = None) -> None:
    """Hold the options of the question; only the signature counts, here and below."""


def _own(
    data: Annotated[Path | None, typer.Option(help="Take this CSV of your own instead of the graph.")] = None,
    transform: Annotated[
        Transform | None,
        typer.Option(help="Scale for --data of single arms: proportion (logit when absent), incidence-rate (log)."),
    ] = None,
    correction: Annotated[
        Correction | None, typer.Option(help="Which zero cells of --data are corrected: only0 for ratios.")
    ] = None,
    add: Annotated[float | None, typer.Option(help="What --correction adds to a cell: 0.5 when absent.")] = None,
    double_zero: Annotated[
        DoubleZero | None, typer.Option(help="Studies of --data without any event: drop for ratios, else keep.")
    ] = None,
) -> None:
    """Hold the options of a user's own table."""


def _method(
    model: Annotated[
        str, typer.Option(help="random, common, mantel-haenszel, peto or glmm for counts, rule:NAME (rule:kim2017).")
    ] = "random",
    tau2: Annotated[Tau2, typer.Option(help="Between-study variance.")] = Tau2.reml,
    ci: Annotated[Ci, typer.Option(help="Interval of the pooled estimate.")] = Ci.hksj,
    level: Annotated[float, typer.Option(help="Level of the intervals, a proportion.")] = 0.95,
    prediction: Annotated[Prediction, typer.Option(help="Prediction interval.")] = Prediction.hts,
    tau2_interval: Annotated[
        Tau2Interval, typer.Option(help="Interval of the between-study variance.")
    ] = Tau2Interval.q_profile,
) -> None:
    """Hold the options of pooling."""


def _filters(  # noqa: PLR0913, PLR0917 - one parameter per option
    line: o.Line = None,
    comparator: o.Comparator = None,
    target: o.Target = None,
    agent: o.Agent = None,
    agent_class: o.AgentClass = None,
    phase: o.Phase = None,
    masking: o.Masking = None,
    year: o.Year = None,
    only: o.Only = False,
    population: o.Population = None,
    analysis: o.Analysis = None,
    assessment: o.Assessment = None,
    source: o.Source = None,
    as_printed: o.AsPrinted = False,
    param: Params = None,
) -> None:
    """Hold the filters and criteria of a selection."""


def _ends(
    output_format: o.AsFormat = o.Format.table,
    output: o.Output = None,
    kb: o.Kb = None,
    only_kb: o.OnlyKb = False,
) -> None:
    """Hold where data come from and where results go."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options of one call ask for."""

    given: Mapping[str, Any]

    @property
    def method(self) -> dict[str, Any]:
        """How to pool: the keywords of :func:`hcckb.analysis.pool.pool`."""
        if not 0 < self.given["level"] < 1:
            raise UsageError(f"--level {self.given['level']:g} must lie between 0 and 1. Write 0.95 for 95 %.")
        chosen = {name: self.given[name].value for name in ("tau2", "ci", "prediction", "tau2_interval")}
        return {"model": self.given["model"], **chosen, "level": self.given["level"]}

    @property
    def query(self) -> str | None:
        """The selection query, where one is named."""
        name: str | None = self.given["name"]
        return name

    @property
    def data(self) -> Path | None:
        """The user's own table, where one is named."""
        path: Path | None = self.given.get("data")
        return path

    @property
    def output_format(self) -> o.Format:
        """How results are written."""
        found: o.Format = self.given["output_format"]
        return found

    def store(self) -> Store:
        """Load the knowledge base that is asked for."""
        return o.open_store(self.given["kb"], self.given["only_kb"])

    def criteria(self) -> dict[str, Any]:
        """Give the filters and criteria, for :func:`hcckb.evidence.select`."""
        return requested(self.query, self.given, self.given["param"])

    def table(self) -> EvidenceTable:
        """Select from the graph, or read the user's own table."""
        asked = self.criteria()
        if self.data is not None:
            return self._own_table(self.data, asked)
        for name, value in self._own_options().items():
            if value is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for a table of your own: --data FILE.csv.")
        return select_evidence(self.store(), self.query, **asked)

    def refuse_filters(self, asked: Mapping[str, Any]) -> None:
        """Refuse what selects from the graph beside a table of the user's own."""
        if self.query is not None:
            raise UsageError(f"--data takes a table of your own, the query {self.query!r} selects: give one of them.")
        ignored = [k for k, v in asked.items() if v not in (None, False) and k not in ("measure", "endpoint")]
        if ignored:
            raise UsageError(f"--{ignored[0].replace('_', '-')} selects from the graph and means nothing with --data.")

    def _own_table(self, data: Path, asked: Mapping[str, Any]) -> EvidenceTable:
        from hcckb.usertable import MEASURES, read_table

        self.refuse_filters(asked)
        measure = self.given["measure"]
        if measure is None:
            raise UsageError(f"--data needs --measure: {', '.join(MEASURES)}.")
        return read_table(data, measure, **self._own_options())

    def _own_options(self) -> dict[str, Any]:
        """Give the options of a user's own table as they are, None where absent."""
        names = ("transform", "correction", "add", "double_zero")
        found = {name: self.given.get(name) for name in names}
        return {name: v.value if isinstance(v, StrEnum) else v for name, v in found.items()}

    def emit(
        self,
        text: Callable[[], str],
        value: object,
        records: Callable[[], tuple[Iterable[Mapping[str, object]], Sequence[str]]],
    ) -> None:
        """Write a result as the format asks: `text()` as table, `value` as JSON, `records()` and columns as CSV."""
        if self.output_format is o.Format.table:
            shown = text()
        elif self.output_format is o.Format.json:
            shown = to_json(value)
        else:
            shown = to_csv(*records())
        o.emit(shown, self.given["output"])


def selecting(*, pooling: bool, own: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a selection, and its function what they ask for as first argument.

    Parameters
    ----------
    pooling : bool
        Whether the command pools: `--model`, `--tau2`, `--ci`, `--level`.
    own : bool
        Whether it takes a table of the user's own by `--data`.

    Returns
    -------
    callable
        Decorator of ``command(asked: Asked, ...)``; the parameters after `asked` are the command's own options.
    """
    first: list[Callable[..., None]] = [_question, *([_own] if own else []), *([_method] if pooling else [])]
    last: list[Callable[..., None]] = [_filters, _ends]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own_options = _parameters(command)[1:]
        arguments = [p for p in own_options if _is_argument(p)]
        options = [p for p in own_options if not _is_argument(p)]
        before = [p for part in first for p in _parameters(part)]
        after = [p for part in last for p in _parameters(part)]

        def run(**given: Any) -> None:
            mine = {p.name: given.pop(p.name) for p in own_options}
            command(Asked(given), **mine)

        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        run.__annotations__ = {}
        order = [*arguments, *before, *options, *after]
        run.__signature__ = Signature(order, return_annotation=None)  # type: ignore[attr-defined]
        return run

    return decorate


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function as keywords, their annotations resolved."""
    hints = get_type_hints(function, include_extras=True)
    found = signature(function).parameters.values()
    return [p.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in found]


def _is_argument(parameter: Parameter) -> bool:
    return any(isinstance(m, ArgumentInfo) for m in get_args(parameter.annotation))
