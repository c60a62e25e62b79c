"""Recomputes what documents print and reports what does not agree, each finding with its computation."""

from __future__ import annotations

from hcckb.audit.engine import RULES, audit
from hcckb.audit.finding import SEVERITIES, Finding, Rule
from hcckb.audit.turtle import findings_as_quads, findings_as_turtle

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "audit", "findings_as_quads", "findings_as_turtle"]
