"""The small graph of `tests/export/data`: three trials, two documents, one resolution."""

from pathlib import Path

import pytest

from hcckb.store import Solutions, Store, load

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def store() -> Store:
    return load(DATA, shipped=False)


@pytest.fixture(scope="session")
def shipped() -> Store:
    return load()


@pytest.fixture(scope="session")
def beta_rows(store: Store) -> Solutions:
    return store.select(
        "SELECT ?estimate ?value WHERE { BIND(kb:beta-os-s000 AS ?estimate) ?estimate ev:value ?value }"
    )
