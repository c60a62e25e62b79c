"""Every match in a public vocabulary is a valid CURIE, and one that was verified."""

import csv
import re

import pytest
from curies import Converter

from hcckb import paths
from hcckb.store import Store

PREFIXES = {
    "ATC": ("https://identifiers.org/atc:", r"[A-Z]\d{2}[A-Z]{2}\d{2}"),
    "BIOLINK": ("https://w3id.org/biolink/vocab/", r"\w+"),
    "CHEBI": ("http://purl.obolibrary.org/obo/CHEBI_", r"\d+"),
    "CHEMBL.COMPOUND": ("https://identifiers.org/chembl.compound:", r"CHEMBL\d+"),
    "DCAT": ("http://www.w3.org/ns/dcat#", r"\w+"),
    "DOID": ("http://purl.obolibrary.org/obo/DOID_", r"\d+"),
    "DRUGBANK": ("https://identifiers.org/drugbank:", r"DB\d{5}"),
    "DRUGCENTRAL": ("https://identifiers.org/drugcentral:", r"\d+"),
    "ECO": ("http://purl.obolibrary.org/obo/ECO_", r"\d{7}"),
    "EFO": ("http://www.ebi.ac.uk/efo/EFO_", r"\d{7}"),
    "ENSEMBL": ("https://identifiers.org/ensembl:", r"ENSG\d{11}"),
    "FPLX": ("https://identifiers.org/fplx:", r"\w+"),
    "HGNC": ("https://identifiers.org/hgnc:", r"\d+"),
    "MEDDRA": ("https://identifiers.org/meddra:", r"\d+"),
    "MESH": ("http://id.nlm.nih.gov/mesh/", r"[CD]\d+"),
    "MONDO": ("http://purl.obolibrary.org/obo/MONDO_", r"\d{7}"),
    "NCBIGENE": ("https://identifiers.org/ncbigene:", r"\d+"),
    "NCIT": ("http://purl.obolibrary.org/obo/NCIT_", r"C\d+"),
    "OBI": ("http://purl.obolibrary.org/obo/OBI_", r"\d{7}"),
    "OMIM": ("https://identifiers.org/mim:", r"\d{6}"),
    "ONCOTREE": ("https://identifiers.org/oncotree:", r"\w+"),
    "ORPHANET": ("https://identifiers.org/orphanet:", r"\d+"),
    "PHARMGKB.DRUG": ("https://identifiers.org/pharmgkb.drug:", r"PA\d+"),
    "PICO": ("http://data.cochrane.org/ontologies/pico/", r"\w+"),
    "PROV": ("http://www.w3.org/ns/prov#", r"\w+"),
    "SCHEMA": ("https://schema.org/", r"\w+"),
    "SEVCO": ("https://identifiers.org/sevco:", r"\d{5}"),
    "STATO": ("http://purl.obolibrary.org/obo/STATO_", r"\d{7}"),
    "UNIPROT": ("http://purl.uniprot.org/uniprot/", r"[A-Z0-9]{6,10}"),
}


@pytest.fixture(scope="module")
def curies(kb: Store) -> dict[str, set[str]]:
    """The CURIE of every match -> the names of the nodes that have it."""
    converter = Converter.from_prefix_map({prefix: base for prefix, (base, _) in PREFIXES.items()})
    found: dict[str, set[str]] = {}
    for quad in kb.quads:
        if quad.predicate.value.endswith(("#exactMatch", "#closeMatch")):
            curie = converter.compress(quad.object.value)
            found.setdefault(curie or quad.object.value, set()).add(kb.label(quad.subject.value))
    return found


def test_every_match_is_a_valid_curie(curies):
    assert len(curies) > 500
    for curie in curies:
        prefix, _, local = curie.partition(":")
        assert prefix in PREFIXES, curie
        assert re.fullmatch(PREFIXES[prefix][1], local), curie


def test_every_match_was_verified(curies):
    """`ontology/identifiers.csv` says where each identifier and its label were seen."""
    with (paths.ONTOLOGY / "identifiers.csv").open(encoding="utf-8", newline="") as file:
        verified = {row["curie"].casefold(): row["label"] for row in csv.DictReader(file)}
    assert {c: names for c, names in curies.items() if c.casefold() not in verified} == {}
