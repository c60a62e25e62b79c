"""The tables of the CSV folder: which classes fill them, and where each column comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from hcckb.terms import EV, SKOS


class Kind(StrEnum):
    """How the nodes and literals at the end of a path are written."""

    NAME = auto()  # a literal digit for digit; a term's local name; the label of any other node
    LABEL = auto()  # the label, of a term too
    IRI = auto()  # the IRI
    KEY = auto()  # the key of the source that a node is, or is stated by: S000
    PLACE = auto()  # the locator of each node, behind its source's key where there are several sources


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, and the path from the row's node: "arm/regimen", "^about" (backwards), "" (itself)."""

    name: str
    path: str
    kind: Kind = Kind.NAME


@dataclass(frozen=True, slots=True)
class Table:
    """One file: its name, the classes whose instances (those of subclasses too) are its rows, its columns."""

    name: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]


def table(name: str, classes: str, *columns: Column | tuple[Column, ...]) -> Table:
    """Build a table; its first column is always the node's IRI."""
    flat = [c for group in columns for c in (group if isinstance(group, tuple) else (group,))]
    iris = tuple(c if ":" in c else EV + c for c in classes.split())
    return Table(name, iris, (Column("iri", "", Kind.IRI), *flat))


def _plain(*names: str) -> tuple[Column, ...]:
    """Columns that are called like their property."""
    return tuple(Column(n, _camel(n)) for n in names)


def _linked(name: str, path: str = "") -> tuple[Column, Column]:
    """Two columns: the name of a node, and its IRI beside it."""
    return Column(name, path or _camel(name)), Column(name + "_iri", path or _camel(name), Kind.IRI)


def _cited(path: str) -> tuple[Column, Column]:
    """Two columns: source and place of the statements at the end of a path, which tell of this node."""
    return Column("source", path, Kind.KEY), Column("locator", path, Kind.PLACE)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


_STUDY = _linked("study", "ofStudy")
_LABEL = Column("label", "", Kind.LABEL)
_MATCHES = (Column("exact_match", "skos:exactMatch", Kind.IRI), Column("close_match", "skos:closeMatch", Kind.IRI))
_INTERVAL = _plain("value", "ci_lower", "ci_upper", "ci_level")
_P = _plain("p_operator", "p_value")
_PRINTED = (Column("source", "source", Kind.KEY), *_plain("locator", "as_printed", "verification"))
_RESOLVED = (
    Column("superseded_by_iri", "supersededBy", Kind.IRI),
    Column("resolution_iri", "^concerns(Resolution)", Kind.IRI),
)

TABLES = (
    table(
        "studies",
        "Study",
        Column("study", ""),
        Column("other_names", "skos:altLabel"),
        Column("design", "rdf:type"),
        _plain("acronym", "registration", "year", "first_author", "phase", "masking", "line", "allocation_ratio"),
        _plain("prior_therapy", "primary_endpoint", "secondary_endpoint", "eligibility", "region", "stratum"),
        _plain("status", "planned_size", "actual_size", "treated", "follow_up_months", "primary_endpoint_met"),
        Column("design_note", "design"),
        _plain("characteristic"),
        _linked("overlaps_with"),
        _cited("^about"),
    ),
    table(
        "arms",
        "Arm",
        Column("arm", ""),
        _STUDY,
        _linked("regimen"),
        Column("agents", "regimen/agent"),
        Column("targets", "regimen/agent/targets"),
        _plain("role", "dose", "randomised", "treated", "characteristic"),
        _cited("^about"),
    ),
    table(
        "regimens",
        "Regimen",
        Column("regimen", ""),
        _LABEL,
        Column("definition", "skos:definition"),
        _linked("agents", "agent"),
        Column("studies", "^regimen/ofStudy"),
        _cited("^regimen/^about"),
    ),
    table(
        "agents",
        "Agent",
        Column("agent", ""),
        Column("other_names", "skos:altLabel"),
        _plain("developer_code", "agent_class"),
        _linked("targets"),
        _plain("target_note", "mechanism", "biologic_type", "half_life", "recommended_dose"),
        Column("doses_in_studies", "^agent/^regimen/dose"),
        _cited("^about"),
        _MATCHES,
    ),
    table(
        "targets",
        "Target",
        Column("target", ""),
        Column("other_names", "skos:altLabel"),
        Column("notation", "skos:notation"),
        _plain("target_kind"),
        _linked("broader", "skos:broader"),
        Column("agents", "^targets"),
        _cited("^states"),
        _MATCHES,
    ),
    table(
        "factors",
        "FactorEstimate",
        _STUDY,
        _plain("endpoint", "factor", "level", "reference_level", "factor_model", "adjusted_for", "population"),
        _plain("measure", "n", "median_months"),
        _INTERVAL,
        _P,
        _plain("univariate_p_operator", "univariate_p", "not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "estimates",
        "Estimate",
        _STUDY,
        Column("experimental", "experimental/regimen"),
        Column("experimental_arm_iri", "experimental", Kind.IRI),
        Column("comparator", "comparator/regimen"),
        Column("comparator_arm_iri", "comparator", Kind.IRI),
        _plain("endpoint", "population", "analysis", "assessment", "criteria", "grade", "measure"),
        _INTERVAL,
        _P,
        _plain("p_sides", "n_experimental", "n_comparator", "data_cutoff", "not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "arm_results",
        "ArmResult",
        _STUDY,
        Column("regimen", "arm/regimen"),
        Column("arm_iri", "arm", Kind.IRI),
        _plain("endpoint", "population", "analysis", "assessment", "criteria", "grade", "measure", "value_operator"),
        _plain("median_months", "proportion", "at_months", "events", "n", "range_lower", "range_upper"),
        _plain("ci_lower", "ci_upper", "ci_level", "data_cutoff", "not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "associations",
        "Association",
        _STUDY,
        _plain("population", "x", "y", "method", "n", "correlation", "ci_lower", "ci_upper", "ci_level"),
        _P,
        _plain("not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "crosstabs",
        "CrossTableCell",
        _linked("study", "ofCrossTable/ofStudy"),
        Column("variable", "ofCrossTable/variable"),
        _plain("category"),
        _linked("arm"),
        _plain("count", "group_size", "percent"),
        Column("test", "ofCrossTable/test"),
        Column("p_operator", "ofCrossTable/pOperator"),
        Column("p_value", "ofCrossTable/pValue"),
        _PRINTED,
        Column("cross_table_iri", "ofCrossTable", Kind.IRI),
        _RESOLVED,
    ),
    table(
        "crosstab_tests",
        "CrossTable",
        _STUDY,
        _plain("variable", "population", "test"),
        _P,
        _plain("not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "patient_records",
        "PatientRecord",
        Column("patient", ""),
        _STUDY,
        _plain("child_pugh_score", "alpha_fetoprotein", "cause_of_failure", "subsequent_therapy", "best_response"),
        _plain("survival_months", "vital_status"),
        _PRINTED,
    ),
    table(
        "facts",
        "Fact",
        _linked("about"),
        _plain("attribute", "states"),
        Column("states_iri", "states", Kind.IRI),
        _PRINTED,
        Column("resolution_iri", "^concerns(Resolution)", Kind.IRI),
    ),
    table(
        "populations",
        "Population",
        Column("population", ""),
        _LABEL,
        Column("definition", "skos:definition"),
        _linked("criterion"),
        Column("source", "^population", Kind.KEY),
    ),
    table(
        "criteria",
        "Criterion",
        Column("criterion", ""),
        _plain("variable", "minimum", "minimum_inclusive", "maximum", "maximum_inclusive", "unit", "code"),
        _cited("^states"),
    ),
    table(
        "syntheses",
        "Synthesis",
        Column("synthesis", ""),
        _plain("question", "model_rule", "software", "database", "inclusion_criterion", "records_identified"),
        _plain(
            "records_screened_out",
            "records_assessed",
            "searched_until",
            "characteristic",
            "studies_excluded",
            "studies_included",
            "participants",
        ),
        _linked("pools"),
        Column("input_iri", "input", Kind.IRI),
        Column("source", "source", Kind.KEY),
        Column("locator", "^ofSynthesis", Kind.PLACE),
    ),
    table(
        "synthesis_results",
        "SynthesisResult",
        _linked("synthesis", "ofSynthesis"),
        _plain("endpoint", "population", "regimen", "measure", "statistic"),
        _INTERVAL,
        _P,
        _plain("median_months", "proportion", "at_months", "n", "not_reported"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "approvals",
        "Approval",
        _linked("agent"),
        _plain("regulator", "date", "indication", "line", "condition", "basis", "status", "votes"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "guidance",
        "Guidance",
        Column("rule", "ruleId"),
        _plain("prior_therapy", "tolerated", "progressed"),
        _linked("requires"),
        _plain("therapy_line"),
        _linked("option"),
        _plain("strength", "restriction", "basis"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "biomarkers",
        "BiomarkerFinding",
        Column("biomarker", "variable"),
        _STUDY,
        _linked("criterion"),
        _plain("context", "finding"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "background",
        "BackgroundFigure",
        _plain("topic", "setting", "period", "value_operator", "value", "proportion", "range_lower", "range_upper"),
        _plain("unit"),
        _PRINTED,
        _RESOLVED,
    ),
    table(
        "unavailable",
        "Unavailable",
        _plain("item", "what"),
        _PRINTED,
    ),
    table(
        "findings",
        "Finding",
        _plain("rule", "severity"),
        Column("title", "", Kind.LABEL),
        Column("concerns_iri", "concerns", Kind.IRI),
        _plain("computation"),
        Column("resolution_iri", "resolution", Kind.IRI),
        Column("source", "concerns", Kind.KEY),
        Column("locator", "concerns", Kind.PLACE),
    ),
    table(
        "sources",
        "Source",
        Column("source", "key"),
        Column("citation", "", Kind.LABEL),
        Column("title", "dcterms:title"),
        _plain("source_type", "strength", "year", "doi", "pmid", "url"),
        _linked("reports_on"),
    ),
    table(
        "resolutions",
        "Resolution",
        Column("concerns_iri", "concerns", Kind.IRI),
        _plain("kind", "decision", "reason", "corrected_endpoint", "corrected_measure", "corrected_value"),
        _plain("corrected_ci_lower", "corrected_ci_upper", "corrected_ci_level"),
        Column("source", "concerns", Kind.KEY),
        Column("locator", "concerns", Kind.PLACE),
        Column("as_printed", "concerns/asPrinted"),
        Column("evidence_iri", "evidence", Kind.IRI),
        Column("evidence_source", "evidence", Kind.KEY),
    ),
    table(
        "terms",
        SKOS + "Concept",
        Column("term", ""),
        _LABEL,
        Column("other_names", "skos:altLabel"),
        Column("notation", "skos:notation"),
        Column("scheme", "skos:inScheme"),
        Column("definition", "skos:definition"),
        Column("definition_source", "dcterms:source"),
        Column("broader", "skos:broader"),
        _plain("rank", "scale"),
        _MATCHES,
    ),
    table(
        "dataset",
        "Dataset",
        Column("title", "dcterms:title"),
        _plain("version"),
        Column("license", "dcterms:license", Kind.IRI),
        Column("description", "dcterms:description"),
    ),
)
