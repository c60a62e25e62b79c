"""The knowledge base that is shipped: it parses, names its nodes well, and passes its own checks."""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox
import pytest

from hcckb import paths
from hcckb.checks import Finding, check, errors
from hcckb.store import Store, load
from hcckb.terms import DCTERMS, EV, IN_SCHEME, KB, LABEL, PREF_LABEL, RDF, SKOS, TERM, TYPE, XSD

FILES = sorted(p for folder in (paths.KB, paths.ONTOLOGY) for p in folder.rglob("*.ttl"))
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LOWER_CAMEL, UPPER_CAMEL = re.compile(r"[a-z][A-Za-z0-9]*"), re.compile(r"[A-Z][A-Za-z0-9]*")
PROPERTY_KINDS = {
    RDF + "Property",
    *(f"http://www.w3.org/2002/07/owl#{k}Property" for k in ("Object", "Datatype")),
}


@pytest.fixture(scope="module")
def store() -> Store:
    return load()


@pytest.fixture(scope="module")
def findings(store) -> tuple[Finding, ...]:
    return check(store)


def told(findings: tuple[Finding, ...]) -> str:
    return "\n".join(f"{f.file}:{f.line} {f.rule}: {f.node} {f.value} ({f.problem})" for f in findings)


def test_no_shape_and_no_rule_is_broken(findings):
    assert not errors(findings), told(errors(findings))


@pytest.mark.parametrize("file", FILES, ids=paths.shown)
def test_a_file_is_turtle_without_blank_nodes(file):
    triples = [quad.triple for quad in ox.parse(path=file, format=ox.RdfFormat.TURTLE)]
    assert triples
    if file != paths.SHAPES:  # SHACL writes its lists as blank nodes
        assert not [t for t in triples if ox.BlankNode in (type(t.subject), type(t.object))]


@pytest.mark.parametrize("file", FILES, ids=paths.shown)
def test_a_file_starts_with_what_it_is_about(file):
    first, _, rest = file.read_text(encoding="utf-8").partition("\n")
    assert first.startswith("# ")
    assert first.endswith(".")
    assert rest.endswith(".\n")


def test_a_study_file_is_named_after_its_study():
    for file in (paths.KB / "studies").glob("*.ttl"):
        assert re.search(rf"^kb:{file.stem} a ev:\w+ ", file.read_text(encoding="utf-8"), re.MULTILINE), file


def test_iris_are_kebab_case(store):
    wrong = {
        iri
        for iri in subjects(store)
        for base in (KB, TERM)
        if iri.startswith(base) and not KEBAB.fullmatch(iri.removeprefix(base))
    }
    assert not wrong


def test_properties_are_lower_camel_and_classes_upper_camel(store):
    for iri in subjects(store):
        if iri.startswith(EV):
            form = LOWER_CAMEL if store.types(iri) & PROPERTY_KINDS else UPPER_CAMEL
            assert form.fullmatch(iri.removeprefix(EV)), iri


def test_every_term_has_label_definition_scheme_and_the_source_of_its_definition(store):
    for iri in subjects(store):
        if iri.startswith(TERM):
            has = {predicate for predicate, _ in store.describe(iri)}
            wanted = {PREF_LABEL, SKOS + "definition"}
            if SKOS + "ConceptScheme" not in store.types(iri):
                wanted |= {IN_SCHEME, DCTERMS + "source"}
            assert wanted <= has, iri


def test_every_class_and_property_has_label_and_definition(store):
    for iri in subjects(store):
        if iri.startswith(EV):
            assert {LABEL, SKOS + "definition"} <= {predicate for predicate, _ in store.describe(iri)}, iri


def test_a_node_is_described_in_one_file_only():
    homes: dict[str, set[Path]] = {}
    for file in FILES:
        for quad in ox.parse(path=file, format=ox.RdfFormat.TURTLE):
            if isinstance(quad.subject, ox.NamedNode):
                homes.setdefault(quad.subject.value, set()).add(file)
    assert not {iri: files for iri, files in homes.items() if len(files) > 1}


def test_numbers_are_decimals_and_integers_never_floats(store):
    doubles = {XSD + "double", XSD + "float"}
    assert not [q for q in store.quads if isinstance(q.object, ox.Literal) and q.object.datatype.value in doubles]


def test_no_literal_has_a_language_tag_or_stray_space(store):
    for quad in store.quads:
        if isinstance(quad.object, ox.Literal):
            assert quad.object.language is None, quad
            assert quad.object.value == quad.object.value.strip(), quad


def subjects(store: Store) -> set[str]:
    found = {quad.subject.value for quad in store.quads if quad.predicate.value == TYPE}
    assert found
    return found


def test_what_is_printed_is_figures_or_a_few_words_never_a_sentence(kb):
    """ev:asPrinted has at most 14 words: a document's sentences stay in the document."""
    printed = {q.object.value for q in kb.quads if q.predicate.value == EV + "asPrinted"}
    assert [text for text in printed if len(re.findall(r"[A-Za-z]{2,}", text)) > 14] == []
