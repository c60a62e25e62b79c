"""Component networks agree with rma.mv, also where the network falls apart, and say what is not determined."""

from __future__ import annotations

import numpy as np
import pytest

from hcckb.errors import PoolingError, UnknownNameError
from hcckb.pooling.network import component_matrix, pool_components, pool_network

CASES = ("connected", "disconnected")


def close(got, wanted):
    np.testing.assert_allclose(got, np.array(wanted, dtype=float), rtol=1e-8, atol=1e-10)


def columns(case):
    return [case["input"][c] for c in ("t1", "t2", "y", "se", "study")]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("model", ["common", "random"])
def test_component_effects_match_metafor(reference, name, model):
    case = reference("metafor_network")[name]
    found = pool_components(*columns(case), labels=case["input"]["labels"], inactive="placebo", model=model)
    assert [e.name for e in found.components] == ["A", "B", "C"]
    close([e.estimate for e in found.components], case[model]["beta"])
    close([e.se**2 for e in found.components], np.diag(case[model]["vb"]))
    close((found.q_additive.q, found.q_additive.df), (case["q"], case["df"]))
    close((found.q_standard.q, found.q_standard.df), (case["q_standard"], case["df_standard"]))
    df = case["df"] - case["df_standard"]
    close((found.q_difference.q, found.q_difference.df), (case["q"] - case["q_standard"], df))
    close(found.tau2, case["tau2"] if model == "random" else 0.0)
    assert found.parts == (1 if name == "connected" else 2)
    assert found.comparable.all()


def test_combinations_are_sums_of_components(reference):
    case = reference("metafor_network")["disconnected"]
    found = pool_components(*columns(case), labels=case["input"]["labels"], inactive="placebo")
    add = {e.name: e.estimate for e in found.components}
    for treatment in found.treatments:
        parts = [p for p in treatment.name.split(" + ") if p != "placebo"]
        assert treatment.estimate == pytest.approx(sum(add[p] for p in parts))
    assert found.treatments[0].p_value == 1.0


def test_a_component_that_never_varies_is_not_determined():
    found = pool_components([0, 1], [1, 2], [0.1, 0.2], [0.1, 0.1], ["a", "b"], labels=["A", "A + B", "A + C"])
    by_name = {e.name: e for e in found.components}
    assert by_name["A"].estimate is None
    assert by_name["B"].estimate == pytest.approx(-0.1)
    assert by_name["C"].estimate == pytest.approx(-0.3)
    assert found.treatments[0].estimate is None
    assert found.comparable.all()


def test_parts_without_a_shared_component_are_not_comparable():
    labels = ["A", "B", "C", "D"]
    found = pool_components([0, 2], [1, 3], [0.1, 0.2], [0.1, 0.1], ["a", "b"], labels=labels)
    assert found.comparable.tolist() == np.kron(np.eye(2), np.ones((2, 2))).astype(bool).tolist()
    assert (found.parts, found.q_difference.df, found.tau2) == (2, 0, None)


def test_single_components_give_the_standard_network():
    given = ([0, 1, 0, 0], [1, 2, 2, 2], [0.1, 0.2, 0.6, 0.1], [0.1, 0.1, 0.1, 0.2], ["a", "b", "c", "d"])
    found = pool_components(*given, labels=["A", "B", "C"])
    net = pool_network(*given)
    close(found.effect[:, None] - found.effect[None, :], net.estimate)
    close((found.tau2, found.q_additive.q), (net.tau2, net.q_total.q))
    assert (found.q_difference.df, found.q_difference.p_value) == (0, None)


def test_treatments_split_at_the_separator():
    names, matrix = component_matrix(["b+a", "a"], separator="+")
    assert (names, matrix.tolist()) == (("a", "b"), [[1.0, 1.0], [1.0, 0.0]])


def test_what_has_no_components_is_refused():
    given = ([0], [1], [0.1], [0.1], ["a"])
    with pytest.raises(UnknownNameError, match="placebo"):
        pool_components(*given, labels=["A", "B"], inactive="placebo")
    with pytest.raises(PoolingError, match="no study compares different components"):
        pool_components(*given, labels=["A + B", "B + A"])
    with pytest.raises(UnknownNameError, match="model"):
        pool_components(*given, labels=["A", "B"], model="fixed")
