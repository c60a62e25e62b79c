"""IRIs as constants: the namespaces of hcckb and of the vocabularies it leans on."""

from __future__ import annotations

EV = "https://w3id.org/hcckb/ns#"
KB = "https://w3id.org/hcckb/kb/"
TERM = "https://w3id.org/hcckb/term/"
GRAPH = "https://w3id.org/hcckb/graph/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
XSD = "http://www.w3.org/2001/XMLSchema#"
OWL = "http://www.w3.org/2002/07/owl#"
SH = "http://www.w3.org/ns/shacl#"
PROV = "http://www.w3.org/ns/prov#"

PREFIXES = {
    "ev": EV,
    "kb": KB,
    "term": TERM,
    "graph": GRAPH,
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "dcterms": DCTERMS,
    "xsd": XSD,
    "owl": OWL,
    "sh": SH,
    "prov": PROV,
}

TYPE = RDF + "type"
LABEL = RDFS + "label"
PREF_LABEL = SKOS + "prefLabel"
ALT_LABEL = SKOS + "altLabel"
NOTATION = SKOS + "notation"
IN_SCHEME = SKOS + "inScheme"
SOURCE = EV + "source"

STUDY_CLASSES = (EV + "RandomisedTrial", EV + "SingleArmTrial", EV + "CohortStudy")


def compact(iri: str) -> str:
    """Shorten an IRI with the project's prefixes; an IRI outside them comes back as it is.

    >>> compact("https://w3id.org/hcckb/term/overall-survival")
    'term:overall-survival'
    """
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def expand(curie: str) -> str:
    """Write a prefixed name out in full; anything without a known prefix comes back as it is.

    >>> expand("kb:imbrave150")
    'https://w3id.org/hcckb/kb/imbrave150'
    """
    prefix, colon, local = curie.partition(":")
    return PREFIXES[prefix] + local if colon and prefix in PREFIXES else curie
