"""One document of a selection and its synthesis: question, evidence, result, doubts, sources, code to recompute it."""

from __future__ import annotations

from hcckb.report.network import network_report
from hcckb.report.page import FORMATS, write_report
from hcckb.report.pooled import pooled_report

__all__ = ["FORMATS", "network_report", "pooled_report", "write_report"]
