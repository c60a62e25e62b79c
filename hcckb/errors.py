"""Every error that hcckb raises on purpose, each with the exit code of the command line.

::

    HcckbError
    ├── UsageError        (ValueError)   2  an option or a combination of options that cannot be
    ├── OutputError       (OSError)      2  a file that cannot be written
    ├── DataError         (ValueError)   3  data that cannot be right
    │   ├── ParseError                   3  Turtle, SPARQL or a query header that does not parse
    │   └── TableError                   3  a row of a user's table, by row and column
    ├── UnknownNameError  (LookupError)  4  a name that nothing in the knowledge base has
    ├── PoolingError      (ValueError)   5  estimates that cannot be pooled
    │   ├── EmptySelectionError          5  nothing was selected
    │   └── ConvergenceError             5  an iterative method that did not converge
    └── EngineError       (RuntimeError) 6  the query engine failed or cannot be reached

The text of an error says what is wrong, with the value and the place, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class HcckbError(Exception):
    """Root of all errors that are shown to a user without a traceback."""

    exit_code = 1


class UsageError(HcckbError, ValueError):
    """An option, or a combination of options, that cannot be answered."""

    exit_code = 2


class OutputError(HcckbError, OSError):
    """A file or folder that cannot be written."""

    exit_code = 2

    def __str__(self) -> str:
        return str(self.args[0])


class DataError(HcckbError, ValueError):
    """Data that cannot be right: the text names file, place and value."""

    exit_code = 3


class ParseError(DataError):
    """Turtle, SPARQL or a query header that does not parse.

    Parameters
    ----------
    place : str
        The file (or the query's name).
    line : int or None
        Line in that file, counted from 1, where it is known.
    problem : str
        What is wrong, in the parser's words or ours.
    mend : str
        What to do next.
    """

    def __init__(self, place: str, line: int | None, problem: str, mend: str) -> None:
        self.place, self.line, self.problem, self.mend = place, line, problem, mend
        where = place if line is None else f"{place}, line {line}"
        super().__init__(f"{where}: {problem.rstrip('.')}. {mend}")


class TableError(DataError):
    """A user's table whose row or column is not as it must be."""


class UnknownNameError(HcckbError, LookupError):
    """A name that nothing in the knowledge base has.

    Parameters
    ----------
    name : str
        What was asked for.
    kind : str
        What it should have been: "query", "study", "endpoint" ...
    known : iterable of str
        The names that exist; the nearest one is suggested.
    listing : str
        The command or file that lists them.
    """

    exit_code = 4

    def __init__(self, name: str, kind: str, known: Iterable[str], listing: str = "") -> None:
        self.name, self.kind, self.known = name, kind, tuple(known)
        folded = {k.casefold(): k for k in reversed(self.known)}
        near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
        hint = f" Did you mean {folded[near[0]]!r}?" if near else ""
        where = f" List them: {listing}" if listing else ""
        super().__init__(f"no {kind} is called {name!r}.{hint}{where}")


class PoolingError(HcckbError, ValueError):
    """Estimates that cannot be pooled, or cannot be pooled together."""

    exit_code = 5


class EmptySelectionError(PoolingError):
    """A selection that holds nothing to pool."""


class ConvergenceError(PoolingError):
    """An iterative method that did not reach its tolerance."""


class EngineError(HcckbError, RuntimeError):
    """The query engine failed or cannot be reached."""

    exit_code = 6
