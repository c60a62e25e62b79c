"""A user's own CSV of a network into an evidence table: contrasts, or arms with counts or means."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from hcckb.candidates import EvidenceRow
from hcckb.errors import DataError, TableError, UsageError
from hcckb.evidence import EvidenceTable, PassedOver
from hcckb.measures import measure_named

RATIOS = ("hazard-ratio", "odds-ratio", "risk-ratio")
NETWORK_MEASURES = (*RATIOS, "risk-difference", "mean-difference", "generic")
COUNTED = ("odds-ratio", "risk-ratio", "risk-difference")
_PRINTED = ("study", "treatment1", "treatment2", "value", "ci_lower", "ci_upper")
_EFFECT = ("study", "treatment1", "treatment2", "te", "sete")
_COUNTS = ("study", "treatment", "events", "n")
_MEANS = ("study", "treatment", "mean", "sd", "n")
_Z95 = 1.959963984540054
_HALF = 0.5


class _Table:
    """The cells of a file; every complaint names file, row, column and value."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                found = [[cell.strip() for cell in line] for line in reader]
        except (OSError, UnicodeError) as error:
            raise DataError(f"{path}: cannot be read ({error}). Give --data a CSV file in UTF-8.") from None
        except csv.Error as error:
            raise TableError(f"{path}: is not CSV ({error}). Quote cells that hold commas or quotes.") from None
        self.header = found[0] if found else []
        self.rows = [(i, line) for i, line in enumerate(found[1:], start=2) if any(line)]
        for i, line in self.rows:
            if len(line) != len(self.header):
                raise TableError(f"{path}, row {i}: has not as many cells as the header. Add or quote cells.")
        if not self.rows:
            raise TableError(f"{path}: the table has no rows. Add a header, and one row per contrast or arm.")

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Give each row by column, with its number in the file."""
        for i, line in self.rows:
            yield i, dict(zip(self.header, line, strict=True))

    def wrong(self, row: int, column: str, problem: str) -> TableError:
        """Make the error of one cell."""
        return TableError(f"{self.path}, row {row}, column {column}: {problem}")

    def number(self, row: int, record: Mapping[str, str], column: str) -> float:
        """Read a finite number."""
        text = record[column]
        try:
            value = float(text)
        except ValueError:
            raise self.wrong(row, column, f"{text!r} is not a number. Write it like 0.63.") from None
        if not math.isfinite(value):
            raise self.wrong(row, column, f"{text!r} is not finite. Leave such a row out.")
        return value

    def positive(self, row: int, record: Mapping[str, str], column: str) -> float:
        """Read a number above 0."""
        value = self.number(row, record, column)
        if value <= 0:
            raise self.wrong(row, column, f"{record[column]!r} must be above 0.")
        return value

    def whole(self, row: int, record: Mapping[str, str], column: str) -> int | None:
        """Read a count, None where the cell is empty or the column is not there."""
        if not record.get(column):
            return None
        value = self.number(row, record, column)
        if value < 0 or value != int(value):
            raise self.wrong(row, column, f"{record[column]!r} is no count. Give 0, 1, 2 ...")
        return int(value)

    def named(self, row: int, record: Mapping[str, str], column: str) -> str:
        """Read a name."""
        if not record[column]:
            raise self.wrong(row, column, "is empty. Name it.")
        return record[column]


def read_network_table(path: str | Path, measure: str) -> EvidenceTable:
    """Read a user's CSV of a network.

    Parameters
    ----------
    path : str or Path
        CSV with a header. Contrasts, treatment 1 against treatment 2: `study, treatment1, treatment2, value,
        ci_lower, ci_upper` and optionally `ci_level`, or `study, treatment1, treatment2, te, sete` (logs for
        ratios). Arms: `study, treatment, events, n` for odds ratios, risk ratios and risk differences; `study,
        treatment, mean, sd, n` for mean differences. Optional: `year`, `source`, and with contrasts `n1`, `n2`.
    measure : str
        One of :data:`NETWORK_MEASURES`, or its short name.

    Returns
    -------
    EvidenceTable
        A row per contrast; arms give every pair of a study. Where an arm of a study has no event, or nothing but
        events, 0.5 is added to the events and non-events of all its arms (a warning says where), so that its
        contrasts still agree; studies without an event, or without anything else, tell nothing of a ratio and
        are passed over.

    Raises
    ------
    TableError
        If a column is missing or a cell cannot be what it must be; names file, row, column and value.
    DataError
        If the file cannot be read.
    UsageError
        If there is no such measure for a network.
    """
    path, measure = Path(path), measure_named(measure)
    if measure not in NETWORK_MEASURES:
        raise UsageError(f"--measure {measure!r} is not one of a network: {', '.join(NETWORK_MEASURES)}.")
    table = _Table(path)
    wanted = _wanted(table, measure)
    passed_over: tuple[PassedOver, ...] = ()
    warnings: tuple[str, ...] = ()
    if wanted in (_PRINTED, _EFFECT):
        rows = [_contrast(table, number, record, measure) for number, record in table.records()]
    else:
        rows, passed_over, warnings = _from_arms(table, measure)
    if not rows:
        raise TableError(f"{path}: no study of the table tells anything of the {measure}. Add studies with events.")
    return EvidenceTable(tuple(rows), passed_over, warnings, f"table {path.name}", path.stem, {}, "")


def _wanted(table: _Table, measure: str) -> tuple[str, ...]:
    forms = [_EFFECT, _PRINTED]
    forms += [_COUNTS] if measure in COUNTED else []
    forms += [_MEANS] if measure == "mean-difference" else []
    for form in forms:
        if all(column in table.header for column in form):
            return form
    told = " or ".join(", ".join(form) for form in reversed(forms))
    raise TableError(
        f"{table.path}: a network of {measure} needs the columns {told}. The header has: "
        f"{', '.join(table.header) or 'none'}."
    )


def _contrast(table: _Table, number: int, record: Mapping[str, str], measure: str) -> EvidenceRow:
    if "te" in record:
        te, se = table.number(number, record, "te"), table.positive(number, record, "sete")
        interval, level = _interval(te, se, measure), 0.95
        printed = f"{record['te']} {record['sete']}"
    else:
        one, two, three = (table.number(number, record, c) for c in ("value", "ci_lower", "ci_upper"))
        interval = (one, two, three)
        level = table.number(number, record, "ci_level") if record.get("ci_level") else 0.95
        printed = f"{record['value']} ({record['ci_lower']} to {record['ci_upper']})"
    treatments = table.named(number, record, "treatment1"), table.named(number, record, "treatment2")
    if treatments[0] == treatments[1]:
        raise table.wrong(number, "treatment2", f"{treatments[0]!r} is compared with itself. Leave the row out.")
    sizes = table.whole(number, record, "n1"), table.whole(number, record, "n2")
    place = (f"row {number}", table.whole(number, record, "year"), record.get("source", "") or table.path.name)
    study = table.named(number, record, "study")
    return _row(study, measure, treatments, (interval, level), sizes, printed, place)


def _interval(te: float, se: float, measure: str) -> tuple[float, float, float]:
    """Write an effect with its 95 % interval on the scale of the measure."""
    shown = (te, te - _Z95 * se, te + _Z95 * se)
    if measure not in RATIOS:
        return shown
    return (math.exp(shown[0]), math.exp(shown[1]), math.exp(shown[2]))


def _row(  # noqa: PLR0913, PLR0917 - the fields of a row
    study: str,
    measure: str,
    treatments: tuple[str, str],
    effect: tuple[tuple[float, float, float], float],
    sizes: tuple[int | None, int | None],
    printed: str,
    place: tuple[str, int | None, str],
) -> EvidenceRow:
    (value, lower, upper), level = effect
    locator, year, source = place
    return EvidenceRow(
        study=study,
        year=year,
        nct=None,
        line="",
        phase=None,
        masking=None,
        experimental=treatments[0],
        comparator=treatments[1],
        targets="",
        population="",
        endpoint="",
        assessment=None,
        analysis="",
        measure=measure,
        value=value,
        ci_lower=lower,
        ci_upper=upper,
        ci_level=level,
        p_value=None,
        n_experimental=sizes[0],
        n_comparator=sizes[1],
        source=source,
        locator=locator,
        as_printed=printed,
        estimate_iri="",
        resolution=None,
        experimental_arm=f"{study}: {treatments[0]}",
        comparator_arm=f"{study}: {treatments[1]}",
    )


class _Arm:
    """One row of a table of arms: its effect on the analysis scale is `level`, with variance `variance`."""

    def __init__(self, table: _Table, number: int, record: Mapping[str, str], measure: str) -> None:
        self.number, self.measure = number, measure
        self.treatment = table.named(number, record, "treatment")
        self.year = table.whole(number, record, "year")
        self.source = record.get("source", "") or table.path.name
        self.n = table.whole(number, record, "n")
        if not self.n:
            raise table.wrong(number, "n", f"{record['n']!r} is no size of an arm. Leave the row out.")
        self.events, self.mean, self.sd = 0, 0.0, 0.0
        if measure == "mean-difference":
            self.mean, self.sd = table.number(number, record, "mean"), table.positive(number, record, "sd")
            self.printed = f"{record['mean']} ({record['sd']}), {self.n}"
            return
        events = table.whole(number, record, "events")
        if events is None or events > self.n:
            raise table.wrong(number, "events", f"{record['events']!r} is no count of events of {self.n}. Correct it.")
        self.events, self.printed = events, f"{events}/{self.n}"

    def effect(self, more: float) -> tuple[float, float]:
        """Give the arm's effect and variance, with `more` events and as many more non-events."""
        if self.measure == "mean-difference":
            return self.mean, self.sd**2 / (self.n or 1)
        n = (self.n or 0) + 2 * more
        events = self.events + more
        if self.measure == "odds-ratio":
            return math.log(events / (n - events)), 1 / events + 1 / (n - events)
        if self.measure == "risk-ratio":
            return math.log(events / n), 1 / events - 1 / n
        return events / n, events * (n - events) / n**3


def _from_arms(table: _Table, measure: str) -> tuple[list[EvidenceRow], tuple[PassedOver, ...], tuple[str, ...]]:
    """Turn arms into all contrasts of their studies."""
    studies: dict[str, list[_Arm]] = {}
    for number, record in table.records():
        studies.setdefault(table.named(number, record, "study"), []).append(_Arm(table, number, record, measure))
    rows: list[EvidenceRow] = []
    left: list[PassedOver] = []
    corrected: list[str] = []
    for study, arms in studies.items():
        _refuse_arms(table, study, arms)
        counted = measure in COUNTED
        empty = [a.events == 0 for a in arms], [a.events == a.n for a in arms]
        if counted and measure != "risk-difference" and (all(empty[0]) or all(empty[1])):
            what = "no arm has an event" if all(empty[0]) else "every participant has the event"
            left.append(PassedOver(study, "", "", table.path.name, f"{what}: tells nothing of the {measure}"))
            continue
        more = _HALF if counted and any(empty[0] + empty[1]) else 0.0
        corrected += [study] if more else []
        rows += _pairs(study, measure, arms, more)
    warned = f"{', '.join(corrected)}: 0.5 was added to events and non-events of every arm, for one has none."
    return rows, tuple(left), (warned,) if corrected else ()


def _refuse_arms(table: _Table, study: str, arms: Sequence[_Arm]) -> None:
    if len(arms) == 1:
        raise table.wrong(arms[0].number, "study", f"{study!r} has one arm. Add the others, or leave it out.")
    seen: set[str] = set()
    for a in arms:
        if a.treatment in seen:
            raise table.wrong(a.number, "treatment", f"{a.treatment!r} is already an arm of {study!r}. Merge them.")
        seen.add(a.treatment)


def _pairs(study: str, measure: str, arms: Sequence[_Arm], more: float) -> Iterator[EvidenceRow]:
    for one, other in combinations(arms, 2):
        (y1, v1), (y2, v2) = one.effect(more), other.effect(more)
        interval = _interval(y1 - y2, (v1 + v2) ** 0.5, measure)
        yield _row(
            study,
            measure,
            (one.treatment, other.treatment),
            (interval, 0.95),
            (one.n, other.n),
            f"{one.printed} vs {other.printed}",
            (f"rows {one.number} and {other.number}", one.year, one.source),
        )
