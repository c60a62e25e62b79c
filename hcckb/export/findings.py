"""What the audit finds, added to a graph that is to be written."""

from __future__ import annotations

from hcckb.audit import audit, findings_as_quads
from hcckb.store import Store


def with_findings(part: Store, whole: Store) -> Store:
    """Add the findings of the audit over a whole graph to a part of it, in the named graph kb:findings.

    Parameters
    ----------
    part : Store
        What is to be written: the whole graph, or what a query's rows refer to.
    whole : Store
        The graph that is judged; a part alone would miss what other documents print.

    Returns
    -------
    Store
        The part with each finding all of whose statements it holds.
    """
    held = {quad.subject.value for quad in part.quads}  # type: ignore[union-attr]
    quads = findings_as_quads(f for f in audit(whole) if held.issuperset(f.nodes))
    return part.part(dict.fromkeys((*part.quads, *quads)))
