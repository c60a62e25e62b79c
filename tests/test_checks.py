"""Each data rule and each shape catches its bad file, and leaves a good trial alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
import rdflib

from hcckb import paths
from hcckb.checks import FIGURES_RULE, Finding, check, errors, printed_figures, rules
from hcckb.errors import ParseError
from hcckb.store import load
from hcckb.terms import EV

DATA = Path(__file__).parent / "data"
GOOD = DATA / "good.ttl"
BAD = sorted((DATA / "bad").glob("*.ttl"))
BAD_SHAPES = sorted((DATA / "bad-shapes").glob("*.ttl"))
RULES = {rule.name: rule for rule in (*rules(), FIGURES_RULE)}
SHACL = rdflib.Namespace("http://www.w3.org/ns/shacl#")
SHAPES = rdflib.Graph().parse(paths.SHAPES)
CLASSES = sorted(
    (cls, shape) for shape in SHAPES.subjects(SHACL.closed) for cls in SHAPES.objects(shape, SHACL.targetClass)
)
PROPERTY_SHAPES = sorted(SHAPES.subjects(rdflib.RDF.type, SHACL.PropertyShape))
VALUES = [s for s in PROPERTY_SHAPES if re.search(r"#Value-(?!.*-scheme$)", s)]
SCHEMES = [s for s in PROPERTY_SHAPES if re.search(r"#Value-.*-scheme$", s)]
REQUIRED = [
    s
    for s in PROPERTY_SHAPES
    if s not in VALUES
    and (s, SHACL.targetClass, None) in SHAPES
    and isinstance(SHAPES.value(s, SHACL.path), rdflib.URIRef)
]
CONDITIONS = [s for s in PROPERTY_SHAPES if s not in {*VALUES, *SCHEMES, *REQUIRED}]
HEADER = "".join(
    f"@prefix {p}: <https://w3id.org/hcckb/{n}> .\n" for p, n in (("ev", "ns#"), ("kb", "kb/"), ("term", "term/"))
)


def local(iri: object) -> str:
    return str(iri).rpartition("#")[2]


def found_in(files: Iterable[Path], findings: Iterable[Finding]) -> list[Finding]:
    shown = {paths.shown(file) for file in files}
    return [f for f in findings if f.file in shown]


def test_every_rule_has_a_bad_file_and_every_bad_file_a_rule():
    assert {path.stem for path in BAD} == set(RULES)


def test_a_good_trial_breaks_no_rule():
    assert found_in([GOOD], check(load([GOOD], shipped=False), shapes=False)) == []


@pytest.mark.parametrize("bad", BAD, ids=lambda p: p.stem)
def test_a_bad_file_breaks_its_rule_and_no_other(bad):
    findings = found_in([GOOD, bad], check(load([GOOD, bad], shipped=False), shapes=False))
    assert {f.rule for f in findings} == {bad.stem}
    assert {f.severity for f in findings} == {RULES[bad.stem].severity}
    for finding in findings:
        assert finding.line is not None
        assert finding.value
        assert finding.label
        assert finding.problem.endswith(".")
        assert finding.fix.endswith(".")


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.resolved], ids=lambda r: r.name)
def test_a_printed_mistake_that_a_curator_resolved_is_told_but_no_error(rule, tmp_path):
    bad = DATA / "bad" / f"{rule.name}.ttl"
    nodes = re.findall(r"^(kb:bad\S*) a ", bad.read_text(encoding="utf-8"), re.MULTILINE)
    resolution = tmp_path / "resolution.ttl"
    concerned = " ; ".join(f"ev:concerns {node}" for node in nodes)
    resolution.write_text(
        f'{HEADER}kb:res a ev:Resolution ; {concerned} ; ev:reason "So printed." ; ev:decision term:kept .\n',
        encoding="utf-8",
    )
    findings = found_in([bad], check(load([GOOD, bad, resolution], shipped=False), shapes=False))
    assert {(f.rule, f.severity) for f in findings} == {(rule.name, rule.resolved)}


def test_a_finding_says_what_decided_and_where():
    bad = DATA / "bad" / "value-outside-interval.ttl"
    (finding,) = found_in([bad], check(load([GOOD, bad], shipped=False), shapes=False))
    assert finding.node == "https://w3id.org/hcckb/kb/bad"
    assert finding.value == "0.5 against 0.62 to 1.03"
    assert (finding.file, finding.line) == ("tests/data/bad/value-outside-interval.ttl", 6)


def test_errors_come_first_and_the_order_of_files_does_not_matter():
    names = ("duplicate-estimate", "control-as-experimental", "study-without-arm")
    files = [GOOD, *(DATA / "bad" / f"{name}.ttl" for name in names)]
    one = check(load(files, shipped=False), shapes=False)
    other = check(load(files[::-1], shipped=False), shapes=False)
    assert [(f.rule, f.severity, f.node, f.value) for f in one] == [
        (f.rule, f.severity, f.node, f.value) for f in other
    ]
    assert errors(one) == one[: len(errors(one))]
    assert {f.severity for f in one} == {"error", "warning", "info"}


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("#+ title: T\n#+ problem: P.\n#+ severity: error\n", "fix"),
        ("#+ title: T\n#+ problem: P.\n#+ fix: F.\n#+ severity: fatal\n", "fatal"),
        ("#+ title: T\n#+ problem: P.\n#+ fix: F.\n#+ severity: error\n#+ resolved: gone\n", "gone"),
    ],
)
def test_a_rule_with_a_wrong_header_is_refused(header, told, tmp_path):
    columns = "#+ columns: {node: iri, value: string}\n"
    text = f"{header}{columns}SELECT ?node ?value WHERE {{ ?node a ?value }}"
    (tmp_path / "rule.rq").write_text(text, encoding="utf-8")
    with pytest.raises(ParseError, match=told):
        rules(tmp_path)


def test_a_rule_gives_node_and_value(tmp_path):
    header = "#+ title: T\n#+ problem: P.\n#+ fix: F.\n#+ severity: error\n#+ columns: {node: iri}\n"
    (tmp_path / "rule.rq").write_text(f"{header}SELECT ?node WHERE {{ ?node a ?c }}", encoding="utf-8")
    with pytest.raises(ParseError, match="node and value"):
        rules(tmp_path)


def test_shapes_that_are_no_turtle_are_refused(tmp_path, monkeypatch):
    store = load([GOOD], shipped=False)
    (tmp_path / "shapes.ttl").write_text("ev:Shape a", encoding="utf-8")
    monkeypatch.setattr(paths, "SHAPES", tmp_path / "shapes.ttl")
    with pytest.raises(ParseError, match="shapes cannot be read"):
        check(store)


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("0.80 (0.62-1.03)", "0.8 0.62 1.03"),
        ("0\N{MIDDLE DOT}80 (0,62\N{EN DASH}1,03)", "0.80 0.62 1.03"),
        ("P < .001", "0.001"),
        ("n = 1,035", "1035"),
        ("not reached", ""),
        ("four of the 11", "4 11"),
        ("fifth most common, three-fourths", "5 0.75"),
    ],
)
def test_figures_are_read_as_documents_print_them(text, figures):
    assert {Decimal(f) for f in figures.split()} <= printed_figures(text)


def test_a_figure_is_not_found_inside_a_longer_one():
    assert Decimal("0.8") not in printed_figures("0.89 (0.62-1.08)")
    assert printed_figures("second-line, two-sided") == frozenset()


@pytest.fixture(scope="module")
def shape_findings(tmp_path_factory) -> list[Finding]:
    """One validation of the good trial, the bad snippets, nodes whose every property is wrong, and misplaced terms."""
    lines = []
    for cls, shape in CLASSES:
        allowed = set(SHAPES.items(SHAPES.value(shape, SHACL.ignoredProperties))) - {rdflib.RDF.type}
        wrong = [f'<{path}> " "^^ev:nonsense , "  "^^ev:nonsense' for path in sorted(allowed)]
        lines.append(f"kb:wrong-{local(shape).lower()} a <{cls}> ; {' ; '.join(wrong)} .")
    for shape in SCHEMES:
        path = next(SHAPES.items(SHAPES.value(shape, SHACL.path)))
        lines.append(f"kb:misplaced-{local(path).lower()} <{path}> term:hepatocellular-carcinoma .")
    file = tmp_path_factory.mktemp("shapes") / "wrong.ttl"
    file.write_text(HEADER + "\n".join(lines), encoding="utf-8")
    return list(check(load([GOOD, *BAD_SHAPES, file], shipped=False)))


def test_a_good_trial_has_the_shape(shape_findings):
    assert found_in([GOOD], shape_findings) == []


def test_every_class_and_condition_has_a_bad_file_and_every_bad_file_a_shape():
    assert {path.stem for path in BAD_SHAPES} == {local(shape) for shape in (*(s for _, s in CLASSES), *CONDITIONS)}


@pytest.mark.parametrize("bad", BAD_SHAPES, ids=lambda p: p.stem)
def test_a_shape_catches_its_bad_file(bad, shape_findings):
    caught = [f for f in found_in([bad], shape_findings) if f.rule == bad.stem]
    assert caught
    assert {f.severity for f in caught} == {"error"}
    assert all(f.value and f.problem.endswith(".") and f.fix.endswith(".") for f in caught)


@pytest.mark.parametrize("shape", [*VALUES, *SCHEMES], ids=local)
def test_a_shape_catches_a_wrong_value(shape, shape_findings):
    assert any("/wrong-" in f.node for f in shape_findings if f.rule == local(shape))


@pytest.mark.parametrize("shape", SCHEMES, ids=local)
def test_a_shape_catches_a_term_of_another_scheme(shape, shape_findings):
    (path, _) = SHAPES.items(SHAPES.value(shape, SHACL.path))
    wanted = f"/misplaced-{local(path).lower()}"
    assert any(f.node.endswith(wanted) for f in shape_findings if f.rule == local(shape))


@pytest.mark.parametrize("shape", REQUIRED, ids=local)
def test_a_shape_catches_a_missing_property(shape, shape_findings):
    assert any("/bad-" in f.node for f in shape_findings if f.rule == local(shape))


def test_a_shape_holds_for_subclasses(tmp_path):
    file = tmp_path / "trial.ttl"
    file.write_text(f"{HEADER}kb:trial a ev:SingleArmTrial ; ev:colour 1 .\n", encoding="utf-8")
    told = {f.rule for f in found_in([file], check(load(file, shipped=False)))}
    assert {"StudyShape", "StudyShape-label", "StudyShape-line"} <= told


def test_the_properties_of_the_classes_are_those_of_the_ontology():
    """Each property of the ontology is allowed in some class, and each class allows only declared ones."""
    allowed = {p for _, shape in CLASSES for p in SHAPES.items(SHAPES.value(shape, SHACL.ignoredProperties))}
    ontology = rdflib.Graph().parse(paths.ONTOLOGY / "hcckb.ttl")
    kinds = (rdflib.OWL.ObjectProperty, rdflib.OWL.DatatypeProperty, rdflib.RDF.Property)
    declared = {p for kind in kinds for p in ontology.subjects(rdflib.RDF.type, kind)}
    assert declared <= allowed
    assert {p for p in allowed if p.startswith(EV)} <= declared
