"""Turtle files in, a read-only graph out: one named graph per source document, queried as their union."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyoxigraph as ox

from hcckb import paths
from hcckb.errors import DataError, EngineError, ParseError
from hcckb.terms import (
    ALT_LABEL,
    EV,
    GRAPH,
    KB,
    LABEL,
    NOTATION,
    PREF_LABEL,
    PREFIXES,
    SOURCE,
    TYPE,
    compact,
)

if TYPE_CHECKING:
    import rdflib

Term = ox.NamedNode | ox.Literal | ox.BlankNode
Row = Mapping[str, Term | None]

_SOURCE = ox.NamedNode(SOURCE)
_TYPE = ox.NamedNode(TYPE)
_ASIDE = re.compile(r"<[^<>\s]*>|#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_GRAPH_WORD = re.compile(r"(?<![?$:\w-])GRAPH(?![:\w-])", re.IGNORECASE)
_FROM_WORD = re.compile(r"(?<![?$:\w-])FROM(?![:\w-])", re.IGNORECASE)
_OWN_GRAPH = {EV + "Resolution": GRAPH + "resolutions", EV + "Dataset": GRAPH + "dataset"}
_NAMING = (LABEL, PREF_LABEL, ALT_LABEL, NOTATION, EV + "key", EV + "acronym", EV + "registration")
_CALLED = (
    "SELECT DISTINCT ?node ?local WHERE {{ {{ VALUES ?naming {{ "
    + " ".join(f"<{p}>" for p in _NAMING)
    + " }} ?node ?naming ?name FILTER(LCASE(STR(?name)) = {name}) }} UNION "
    "{{ ?node a ?class BIND(true AS ?local) FILTER(STRENDS(LCASE(STR(?node)), {name})) }} }}"
)
_VOCABULARY = ox.NamedNode(GRAPH + "vocabulary")
_CURATION = ox.NamedNode(GRAPH + "curation")


@dataclass(frozen=True, slots=True)
class Solutions:
    """The answer of a SELECT: its variables in order, and its rows."""

    variables: tuple[str, ...]
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Store:
    """A knowledge base in memory. Read-only once loaded; made by :func:`load`.

    Queries run over the union of all named graphs; a query that says GRAPH or FROM sees them apart.

    Parameters
    ----------
    files : sequence of pathlib.Path
        The Turtle files to load.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._engine = ox.Store()
        for file in self.files:
            with _reading(file):
                self._engine.load(path=file, format=ox.RdfFormat.TURTLE)

    @cached_property
    def quads(self) -> tuple[ox.Quad, ...]:
        """Every statement with its named graph, literals digit for digit as they stand in the files."""
        return tuple(quad for file in self.files for quad in _filed(file))

    @cached_property
    def _graphs(self) -> ox.Store:
        engine = ox.Store()
        engine.bulk_extend(self.quads)
        return engine

    def part(self, quads: Iterable[ox.Quad]) -> Store:
        """Give a store that holds only these statements, each in its named graph."""
        part = Store(())
        part.files, part.quads = self.files, tuple(quads)
        part._engine.bulk_extend(ox.Quad(*quad.triple) for quad in part.quads)
        return part

    def select(self, sparql: str, place: str = "query") -> Solutions:
        """Run a SELECT over the union of all named graphs.

        Raises
        ------
        ParseError
            If the text is not SPARQL, or not a SELECT; `place` names it.
        """
        answer = self.ask(sparql, place)
        if not isinstance(answer, Solutions):
            raise ParseError(place, None, "this is not a SELECT query", "Run it with `hcckb query FILE.rq`.")
        return answer

    def ask(self, sparql: str, place: str = "query") -> Solutions | bool | tuple[ox.Triple, ...]:
        """Run any SPARQL query form: rows, a truth value, or the triples of CONSTRUCT and DESCRIBE.

        Raises
        ------
        ParseError
            If the text is not SPARQL; `place` names it.
        EngineError
            If a SERVICE that the query calls cannot be reached.
        """
        try:
            return _held(self._answer(sparql))
        except OSError as error:
            mend = "Check the address after SERVICE, and the network."
            raise EngineError(f"{place}: the query calls a service that failed: {error}. {mend}") from None
        except SyntaxError as error:
            line, problem = _sparql_place(str(error.msg))
            mend = "Mend the query; the SPARQL 1.1 grammar is at https://www.w3.org/TR/sparql11-query/."
            raise ParseError(place, line, problem, mend) from None

    def _answer(self, sparql: str) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
        words = _ASIDE.sub(" ", sparql)
        if _FROM_WORD.search(words):
            return self._graphs.query(sparql, prefixes=dict(PREFIXES))
        if _GRAPH_WORD.search(words):
            return self._graphs.query(sparql, prefixes=dict(PREFIXES), use_default_graph_as_union=True)
        return self._engine.query(sparql, prefixes=dict(PREFIXES))

    def label(self, iri: str) -> str:
        """Give the display name of a node: rdfs:label, else skos:prefLabel, else its shortened IRI."""
        return self._labels.get(iri) or compact(iri)

    @cached_property
    def _labels(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for predicate in (PREF_LABEL, LABEL):
            for quad in self._engine.quads_for_pattern(None, ox.NamedNode(predicate), None, None):
                if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.Literal):
                    found[quad.subject.value] = quad.object.value
        return found

    @cached_property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Every name a node answers to (label, alternative label, notation, key, local name) -> IRIs."""
        found: dict[str, set[str]] = {}
        for predicate in _NAMING:
            for quad in self._engine.quads_for_pattern(None, ox.NamedNode(predicate), None, None):
                if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.Literal):
                    found.setdefault(quad.object.value, set()).add(quad.subject.value)
        for quad in self._engine.quads_for_pattern(None, _TYPE, None, None):
            if isinstance(quad.subject, ox.NamedNode):
                found.setdefault(_local_name(quad.subject.value), set()).add(quad.subject.value)
        return {name: tuple(sorted(iris)) for name, iris in found.items()}

    def called(self, name: str) -> frozenset[str]:
        """Give the IRIs that answer to a name, upper and lower case alike."""
        folded, asked = name.casefold(), str(ox.Literal(name.lower()))
        rows = self._engine.query(_CALLED.format(name=asked), prefixes=dict(PREFIXES))
        assert isinstance(rows, ox.QuerySolutions)
        nodes = [(row["node"], row["local"]) for row in rows]
        found = frozenset(
            node.value
            for node, local in nodes
            if isinstance(node, ox.NamedNode) and (local is None or _local_name(node.value).casefold() == folded)
        )
        # Only Python knows that "ß" is "ss".
        return found or frozenset(i for known, iris in self.names.items() if known.casefold() == folded for i in iris)

    def types(self, iri: str) -> frozenset[str]:
        """Give the classes a node is an instance of, as IRIs."""
        found = self._engine.quads_for_pattern(ox.NamedNode(iri), _TYPE, None, None)
        return frozenset(q.object.value for q in found if isinstance(q.object, ox.NamedNode))

    def describe(self, iri: str) -> tuple[tuple[str, Term], ...]:
        """Give the predicates and objects of one node, sorted."""
        found = self._engine.quads_for_pattern(ox.NamedNode(iri), None, None, None)
        pairs = {(q.predicate.value, q.object) for q in found}
        return tuple(sorted(pairs, key=lambda pair: (pair[0], str(pair[1]))))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._engine)

    def to_rdflib(self) -> rdflib.Dataset:
        """Copy the graph into an rdflib Dataset, literals digit for digit, one named graph per document."""
        import rdflib

        dataset = rdflib.Dataset(default_union=True)
        for prefix, namespace in PREFIXES.items():
            dataset.bind(prefix, namespace)
        for quad in self.quads:
            graph = rdflib.URIRef(quad.graph_name.value)  # type: ignore[union-attr]
            dataset.add((*(_to_rdflib(t) for t in quad.triple), graph))  # type: ignore[arg-type]
        return dataset

    def to_rdflib_graph(self) -> rdflib.Graph:
        """Copy the union of all named graphs into one rdflib Graph, literals digit for digit."""
        import rdflib

        graph = rdflib.Graph()
        for prefix, namespace in PREFIXES.items():
            graph.bind(prefix, namespace)
        for quad in self.quads:
            graph.add(tuple(_to_rdflib(t) for t in quad.triple))  # type: ignore[arg-type]
        return graph


def load(kb: Path | str | Sequence[Path | str] | None = None, *, shipped: bool = True) -> Store:
    """Load a knowledge base into memory.

    Parameters
    ----------
    kb : path, or several, optional
        Folders (or single files) of Turtle in the shape of the shipped `kb/`, added to it.
    shipped : bool
        False leaves the shipped `kb/` out and uses `kb` alone; the ontology is always there.

    Returns
    -------
    Store

    Raises
    ------
    ParseError
        If a file is not Turtle: names file, line and what is wrong.
    DataError
        If a folder does not exist or holds no Turtle, or a file has blank nodes.
    """
    extra = [kb] if isinstance(kb, (str, Path)) else list(kb or [])
    files = list(_turtle_files(paths.ONTOLOGY))
    if shipped:
        files += _turtle_files(paths.KB)
    own = [file for place in extra for file in _turtle_files(Path(place))]
    for file in own:
        _filed(file)
    return Store([*files, *own])


def _turtle_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"{place}: there is no such folder. Give --kb a folder of Turtle files, or one file.")
    files = sorted(p for p in place.rglob("*.ttl") if p != paths.SHAPES)
    if not files:
        raise DataError(f"{place}: no file here ends in .ttl. A knowledge base is a folder of Turtle files.")
    return files


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is parsed into an error that names file, line and mend."""
    try:
        yield
    except SyntaxError as error:
        problem = str(error.msg).partition(": ")[2] or str(error.msg)
        mend = "Mend the Turtle there; each statement ends in a full stop, each prefix is declared."
        raise ParseError(paths.shown(file), error.lineno, problem, mend) from None
    except (OSError, UnicodeError) as error:
        raise DataError(f"{paths.shown(file)}: cannot be read ({error}). Check the file.") from None


def _filed(file: Path) -> list[ox.Quad]:
    """Parse one file and give each node to the named graph of its source."""
    with _reading(file):
        triples = [q.triple for q in ox.parse(path=file, format=ox.RdfFormat.TURTLE)]
    home: dict[str, ox.NamedNode] = {}
    for subject, predicate, value in triples:
        if isinstance(subject, ox.BlankNode) or isinstance(value, ox.BlankNode):
            raise DataError(f"{paths.shown(file)}: a blank node near {predicate}. Give every node an IRI.")
        files_itself = predicate == _TYPE and str(value)[1:-1] in _OWN_GRAPH
        if isinstance(value, ox.NamedNode) and (predicate == _SOURCE or files_itself):
            home[str(subject)] = _graph_of(value.value)
    default = _VOCABULARY if file.is_relative_to(paths.ONTOLOGY) else _CURATION
    return [ox.Quad(s, p, o, home.get(str(s), default)) for s, p, o in triples]


def _held(
    answer: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples,
) -> Solutions | bool | tuple[ox.Triple, ...]:
    """Read an answer to its end."""
    if isinstance(answer, ox.QueryBoolean):
        return bool(answer)
    if isinstance(answer, ox.QueryTriples):
        return tuple(answer)
    names = tuple(v.value for v in answer.variables)
    return Solutions(names, tuple({n: s[n] for n in names} for s in answer))


def _local_name(iri: str) -> str:
    """Give what follows the last / and # of an IRI."""
    return iri.rpartition("/")[2].rpartition("#")[2]


def _graph_of(iri: str) -> ox.NamedNode:
    own = _OWN_GRAPH.get(iri)
    return ox.NamedNode(own or GRAPH + iri.removeprefix(KB).removeprefix("source-"))


def _sparql_place(message: str) -> tuple[int | None, str]:
    """Split pyoxigraph's "error at 2:1: expected ..." into line and problem."""
    head, _, problem = message.partition(": ")
    place = head.removeprefix("error at ").partition(":")[0]
    return (int(place), problem) if place.isdigit() else (None, message)


def _to_rdflib(term: object) -> rdflib.term.Identifier:
    import rdflib

    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    assert isinstance(term, ox.Literal)
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    if term.datatype.value == PREFIXES["xsd"] + "string":
        return rdflib.Literal(term.value)
    return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype.value), normalize=False)
