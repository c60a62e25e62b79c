"""Finds, reads, binds and runs the named queries; splits a selection query into its steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from hcckb import paths
from hcckb.errors import ParseError, UnknownNameError, UsageError
from hcckb.store import Solutions, Store
from hcckb.terms import EV, XSD, expand

_TOKEN = re.compile(r"#[^\n]*|<[^<>\s]*>|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{}]|\bWHERE\b", re.IGNORECASE)
_SELECT = re.compile(r"\bSELECT\b(.*?)\bWHERE\b", re.IGNORECASE | re.DOTALL)
_STEP = re.compile(r"^\s*# step: (?P<name>[\w-]+) \| (?P<title>[^|]+) \| \?(?P<shows>\w+)\s*$", re.MULTILINE)
_KEEP = re.compile(r"^\s*# keep\s*$", re.MULTILINE)
_DATATYPES = {"string": "string", "integer": "integer", "decimal": "decimal", "date": "date"}
_KINDS = {
    "agent": EV + "Agent",
    "population": EV + "Population",
    "target": EV + "Target",
    "study": EV + "Study",
    "source": EV + "Source",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a query may be asked with: its type (term, agent, target, study, source, string, integer ...)."""

    name: str
    type: str
    required: bool = True
    example: str = ""
    scheme: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One named step of a selection: a pattern, what it shows, and the constraint that decides."""

    name: str
    title: str
    shows: str
    pattern: str
    keep: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One `.rq` file: its metadata header and its text."""

    name: str
    title: str
    summary: str
    kind: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    text: str
    path: Path
    prelude: str = ""
    steps: tuple[Step, ...] = field(default=())

    def bound(self, store: Store, values: Mapping[str, str]) -> str:
        """Give the text with `values` bound as a VALUES block of typed RDF terms.

        Raises
        ------
        UsageError
            If a value is for no parameter, a required one is missing, or a value has the wrong type.
        UnknownNameError
            If a value names a term, agent, target, study or source that does not exist.
        """
        return insert_values(self.text, self.place, bind(self, store, values))

    @property
    def place(self) -> str:
        """The file's name as it is shown in messages."""
        return paths.shown(self.path)


def library(folder: Path | None = None) -> dict[str, NamedQuery]:
    """Read every named query of a folder (default: the shipped one), by name."""
    return {p.stem: read(p) for p in sorted((folder or paths.QUERIES).glob("*.rq"))}


def named(name: str, folder: Path | None = None) -> NamedQuery:
    """Read one named query, or a `.rq` file by its path.

    Raises
    ------
    UnknownNameError
        If there is no such query; the nearest name is suggested.
    ParseError
        If its header is wrong.
    """
    root = folder or paths.QUERIES
    if name.endswith(".rq"):
        path = Path(name)
        if not path.is_file():
            raise UnknownNameError(name, "query file", [p.name for p in Path().glob("*.rq")], "ls *.rq")
        return read(path)
    path = root / f"{name}.rq"
    if "/" in name or not path.is_file():
        raise UnknownNameError(name, "query", [p.stem for p in root.glob("*.rq")], "hcckb queries")
    return read(path)


def read(path: Path) -> NamedQuery:
    """Read a `.rq` file; a file without a `#+` header is a query without parameters.

    Raises
    ------
    ParseError
        If the header is not YAML, or disagrees with the query's SELECT.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ParseError(paths.shown(path), None, f"cannot be read ({error})", "Check the file.") from None
    header = _header(text, path)
    parameters = tuple(_parameter(n, d, path) for n, d in _mapping(header, "parameters", path).items())
    kind = str(header.get("kind", "table"))
    prelude, steps = _steps(text, path) if kind == "selection" else ("", ())
    query = NamedQuery(
        path.stem,
        str(header.get("title", path.stem)),
        str(header.get("summary", "")),
        kind,
        parameters,
        {str(k): str(v) for k, v in _mapping(header, "columns", path).items()},
        text,
        path,
        prelude,
        steps,
    )
    if header:
        _check_header(query)
    return query


def run(store: Store, query: NamedQuery | str, /, **values: str) -> Solutions | bool | tuple[ox.Triple, ...]:
    """Bind `values` and run the query, given as it was read or by its name."""
    query = named(query) if isinstance(query, str) else query
    return store.ask(query.bound(store, values), query.place)


def bind(query: NamedQuery, store: Store, values: Mapping[str, str]) -> dict[str, ox.NamedNode | ox.Literal]:
    """Turn the text of each value into the RDF term its parameter wants."""
    known = {p.name: p for p in query.parameters}
    for name in values:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise UsageError(f"{query.name} has no parameter {name!r}; it takes: {takes}. See `hcckb queries`.")
    missing = [p for p in query.parameters if p.required and p.name not in values]
    if missing:
        example = " ".join(f"--param {p.name}={p.example}" for p in missing)
        raise UsageError(f"{query.name} needs {', '.join(p.name for p in missing)}. Try: {example}")
    return {name: typed(store, known[name], value) for name, value in values.items()}


def typed(store: Store, parameter: Parameter, value: str) -> ox.NamedNode | ox.Literal:
    """Turn one value into a typed RDF term.

    Raises
    ------
    UsageError
        If the text is not a number or date where one is wanted.
    UnknownNameError
        If it names nothing of the wanted kind.
    """
    if parameter.type in _DATATYPES:
        wrong = f"{parameter.name}={value!r} is not of type {parameter.type}, e.g. {parameter.example}."
        try:
            text = _lexical(parameter.type, value)
        except (ValueError, InvalidOperation):
            raise UsageError(wrong) from None
        return ox.Literal(text, datatype=ox.NamedNode(XSD + _DATATYPES[parameter.type]))
    return ox.NamedNode(resolve(store, value, parameter.type, parameter.scheme))


def _lexical(kind: str, value: str) -> str:
    """Write a value as its XSD type does: what Python reads more freely ("1e3", "1_000") would match nothing."""
    if kind == "integer":
        return str(int(value))
    if kind == "decimal":
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(value)
        return f"{number:f}"
    return date.fromisoformat(value).isoformat() if kind == "date" else value


def resolve(store: Store, value: str, kind: str, scheme: str = "") -> str:
    """Find the IRI that a name means: a label, notation, alternative label, key, prefixed name or IRI.

    `kind` is "term" (then `scheme` names its vocabulary), "agent", "target", "study", "source", or "any".

    Raises
    ------
    UnknownNameError
        If nothing of that kind has the name; the nearest is suggested.
    """
    wanted = _members(store, kind, scheme)
    iri = expand(value)
    if iri in wanted:
        return iri
    hits = [i for i in store.called(value) if i in wanted]
    if hits:
        return min(hits, key=lambda i: (store.label(i).casefold() != value.casefold(), i))
    known = {name for name, iris in store.names.items() if any(i in wanted for i in iris)}
    raise UnknownNameError(value, scheme or ("node" if kind == "any" else kind), sorted(known), _listing(kind, scheme))


def _listing(kind: str, scheme: str) -> str:
    """Name the command that lists what a name could have been."""
    listings = {
        "term": f"hcckb terms {scheme}",
        "agent": "hcckb query agents-and-targets",
        "target": "hcckb query agents-and-targets",
        "study": "hcckb query studies",
        "source": "hcckb query sources",
    }
    return listings.get(kind, "")


def _members(store: Store, kind: str, scheme: str) -> frozenset[str]:
    if kind == "term":
        pattern = f"?node skos:inScheme <{expand('term:scheme-' + scheme)}>"
    elif kind == "study":
        pattern = "VALUES ?t { ev:RandomisedTrial ev:SingleArmTrial ev:CohortStudy } ?node a ?t"
    elif kind in _KINDS:
        pattern = f"?node a <{_KINDS[kind]}>"
    else:
        pattern = "?node a ?t"
    rows = store.select(f"SELECT DISTINCT ?node WHERE {{ {pattern} }}")
    return frozenset(r["node"].value for r in rows if isinstance(r["node"], ox.NamedNode))


def insert_values(text: str, place: str, terms: Mapping[str, ox.NamedNode | ox.Literal]) -> str:
    """Put a VALUES block at the head of the outermost WHERE."""
    if not terms:
        return text
    opening, _ = _where(text, place)
    names = " ".join(f"?{n}" for n in terms)
    return f"{text[:opening]} VALUES ({names}) {{ ({' '.join(str(t) for t in terms.values())}) }} {text[opening:]}"


def _where(text: str, place: str) -> tuple[int, int]:
    """Give the offsets just inside the braces of the outermost WHERE."""
    depth, start, seen = 0, -1, False
    for match in _TOKEN.finditer(text):
        token = match.group().upper()
        if token == "WHERE" and depth == 0:
            seen = True
        elif token == "{":
            depth += 1
            if seen and start < 0:
                start = match.end()
        elif token == "}":
            depth -= 1
            if depth == 0 and start >= 0:
                return start, match.start()
    raise ParseError(place, None, "no WHERE { ... } was found", "Write the word WHERE before the pattern.")


def _header(text: str, path: Path) -> dict[str, Any]:
    import yaml

    # Other lines stay as empty ones, so that a complaint names the line of the file.
    lines = [line[2:].removeprefix(" ") if line.startswith("#+") else "" for line in text.splitlines()]
    try:
        header = yaml.load("\n".join(lines), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = f"the header is not YAML ({getattr(error, 'problem', error)})"
        raise ParseError(paths.shown(path), line, problem, "Mend the lines that start with #+.") from None
    if not isinstance(header, dict):
        raise ParseError(paths.shown(path), 1, "the header is not a mapping", "Write `#+ title: ...`.")
    return header


def _mapping(header: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    given = header.get(key) or {}
    if not isinstance(given, dict):
        problem = f"`{key}` in the header is not a mapping"
        raise ParseError(paths.shown(path), None, problem, f"Write `#+ {key}: {{name: ...}}`.")
    return given


def _parameter(name: str, given: Any, path: Path) -> Parameter:
    allowed = {"type", "required", "example", "scheme", "summary"}
    if not isinstance(given, dict) or "type" not in given or set(given) - allowed:
        problem = f"parameter {name!r} must be a mapping with `type` and at most {sorted(allowed)}"
        raise ParseError(paths.shown(path), None, problem, "Mend the header.")
    types = {"term", "any", *_KINDS, *_DATATYPES}
    if str(given["type"]) not in types:
        problem = f"parameter {name!r} has type {given['type']!r}, which is none of {sorted(types)}"
        raise ParseError(paths.shown(path), None, problem, "Mend the header.")
    return Parameter(
        name,
        str(given["type"]),
        bool(given.get("required", True)),
        str(given.get("example", "")),
        str(given.get("scheme", "")),
        str(given.get("summary", "")),
    )


def _check_header(query: NamedQuery) -> None:
    match = _SELECT.search(re.sub(r"#[^\n>]*\n", "\n", query.text))
    if match is None or not query.columns:
        return
    selected = re.findall(r"\?(\w+)(?=[\s)]|$)", re.sub(r"\(.*?\bAS\b\s*(\?\w+)\s*\)", r"\1", match.group(1)))
    if selected != list(query.columns):
        problem = f"SELECT gives {selected}, the header's columns say {list(query.columns)}"
        raise ParseError(query.place, None, problem, "Write both alike, in the same order.")
    undeclared = [p.name for p in query.parameters if p.required and p.name not in selected]
    if undeclared:
        problem = f"parameter {undeclared[0]!r} is not selected, so a row would not say what was asked"
        raise ParseError(query.place, None, problem, "Add it to SELECT and to columns.")


def _steps(text: str, path: Path) -> tuple[str, tuple[Step, ...]]:
    start, end = _where(text, paths.shown(path))
    body = text[start:end]
    marks = list(_STEP.finditer(body))
    if not marks:
        problem = "a selection query needs `# step: name | Title | ?shown` before each of its steps"
        raise ParseError(paths.shown(path), None, problem, "Add the steps, or set kind: table.")
    return body[: marks[0].start()], tuple(_cut(body, marks, path))


def _cut(body: str, marks: Sequence[re.Match[str]], path: Path) -> Iterator[Step]:
    for i, mark in enumerate(marks):
        block = body[mark.end() : marks[i + 1].start() if i + 1 < len(marks) else len(body)]
        parts = _KEEP.split(block)
        if len(parts) != 2:
            problem = f"step {mark['name']!r} needs exactly one `# keep` line between pattern and constraint"
            raise ParseError(paths.shown(path), None, problem, "Add it.")
        yield Step(mark["name"], mark["title"].strip(), mark["shows"], parts[0], parts[1])
