"""Rules about what documents state of studies and agents: identifiers, sizes, years, targets, who is eligible."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hcckb.audit.agreement import slip
from hcckb.audit.book import Book, Figure, Node
from hcckb.audit.finding import COSMETIC, DECIDES, MISLEADS, Draft, Rule
from hcckb.audit.slots import facts, grouped
from hcckb.terms import KB

_RECOMMENDS = frozenset({"preferred", "option", "less-preferred", "restricted"})


def _stated(book: Book, about: str, attribute: str) -> dict[str, list[Node]]:
    return grouped(facts(book, about, attribute), lambda f: f.one("states"))


def _different(book: Book, about: Node, attribute: str) -> tuple[list[Node], list[Node], str] | None:
    """Give the facts of the rarest and of the other values of an attribute, with the sentence that names all."""
    by = _stated(book, about.iri, attribute)
    if len(by) < 2 or not _apart(list(by.values())):
        return None
    order = sorted(by.values(), key=lambda fs: (-len({f.one("source") for f in fs}), fs[0].iri))
    texts = [f"{_shown(book, fs[0])} ({'; '.join(dict.fromkeys(book.place(f) for f in fs))})" for fs in order]
    rare = [f for fs in order[1:] for f in fs]
    return rare, order[0], " against ".join(texts)


def _apart(groups: list[list[Node]]) -> bool:
    """Whether two documents share no value; one that states several does not contradict by itself."""
    sources = [{f.one("source") for f in fs} for fs in groups]
    return any(not (a & b) for i, a in enumerate(sources) for b in sources[i + 1 :])


def _shown(book: Book, fact: Node) -> str:
    value = fact.one("states")
    return book.name(value) if value.startswith("http") else value


def _registrations(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        found = _different(book, study, "registration")
        if found is not None:
            rare, rest, text = found
            values = [f.one("states") for f in (rare[0], rest[0])]
            exchanged = len(values[0]) == len(values[1]) and sum(a != b for a, b in zip(*values, strict=True)) == 1
            text += " (one digit differs)" if exchanged else ""
            title = f"{book.name(study.iri)}, registration"
            yield Draft(MISLEADS, title, text, tuple(dict.fromkeys(values)), tuple(f.iri for f in (*rare, *rest)))
    own = grouped([s for s in book.studies if s.one("registration")], lambda s: s.one("registration"))
    for number, studies in own.items():
        if len(studies) > 1 and not any(o.iri in s.all("overlapsWith") for s in studies for o in studies):
            names = ", ".join(book.name(s.iri) for s in studies)
            stated = [f.iri for s in studies for f in facts(book, s.iri, "registration") if f.one("states") == number]
            nodes = (*stated, *(s.iri for s in studies))
            yield Draft(MISLEADS, number, f"{number} is given for {names}", (number,), nodes)


_DESIGN = ("year", "phase", "masking", "allocationRatio", "firstAuthor")


def _designs(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        for attribute in _DESIGN:
            found = _different(book, study, attribute)
            if found is None:
                continue
            rare, rest, text = found
            values = tuple(dict.fromkeys(_shown(book, f) for f in (*rest, *rare)))
            near = attribute == "year" and abs(int(values[0]) - int(values[1])) <= 3
            text += "; a congress report may come before the journal's" if near else ""
            severity = COSMETIC if attribute in ("year", "firstAuthor") else MISLEADS
            title = f"{book.name(study.iri)}, {attribute}"
            yield Draft(severity, title, text, values, tuple(f.iri for f in (*rare, *rest)))


def _sizes(book: Book) -> Iterator[Draft]:
    places = [(s, "actualSize", book.name(s.iri)) for s in book.studies]
    places += [(a, "randomised", f"{book.name(a.one('ofStudy'))} {book.arm(a.iri)}") for a in book.of("Arm")]
    for node, attribute, name in places:
        found = _different(book, node, attribute)
        if found is None:
            continue
        rare, rest, text = found
        one, other = (Figure(f.one("states"), 0) for f in (rare[0], rest[0]))
        hint = slip(one, other)
        text += f" [{hint}]" if hint else ""
        planned = {f.one("states") for f in facts(book, node.iri, "plannedSize")} & {one.text, other.text}
        text += f"; {planned.pop()} is the planned size elsewhere" if planned else ""
        away = abs(one.value - other.value) / max(one.value, other.value, 1.0)
        severity = COSMETIC if away < 0.02 else MISLEADS
        yield Draft(
            severity,
            f"{name}, size",
            text,
            (rest[0].one("states"), rare[0].one("states")),
            tuple(f.iri for f in (*rare, *rest)),
        )


def _planned(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        planned = {int(f.one("states")): f for f in facts(book, study.iri, "plannedSize") if f.one("states").isdigit()}
        actual = _actual(book, study)
        for size, fact in planned.items():
            if actual is not None and abs(size - actual[0]) > 0.02 * size:
                share = 100 * (actual[0] - size) / size
                text = f"planned {size} ({book.place(fact)}), {actual[0]} randomised ({actual[1]}): {share:+.0f} %"
                title = f"{book.name(study.iri)}, planned and actual size"
                yield Draft(COSMETIC, title, text, (str(size), str(actual[0])), (fact.iri, study.iri))


def _actual(book: Book, study: Node) -> tuple[int, str] | None:
    if study.count("actualSize") is not None:
        return study.count("actualSize") or 0, "size of the study"
    sizes = [a.count("randomised") for a in book.arms.get(study.iri, ())]
    known = [s for s in sizes if s is not None]
    return (sum(known), "sum of the arms") if known and len(known) == len(sizes) else None


def _ratio_of_sizes(book: Book) -> Iterator[Draft]:
    for study in book.studies:
        parts = study.one("allocationRatio").split(":")
        sizes = {a.iri: a.count("randomised") for a in book.arms.get(study.iri, ())}
        if len(parts) != 2 or len(sizes) != 2 or None in sizes.values() or not all(p.isdigit() for p in parts):
            continue
        counts, (r1, r0) = sorted((n or 0 for n in sizes.values()), reverse=True), sorted(map(int, parts), reverse=True)
        n, share = sum(counts), r1 / (r1 + r0)
        away = abs(counts[0] - n * share) / math.sqrt(n * share * (1 - share))
        if away > 3.0:
            text = f"{r1}:{r0} of {n} is {n * share:.0f} and {n * (1 - share):.0f}; {counts[0]} and {counts[1]} are "
            text += f"{away:.1f} standard deviations away"
            yield Draft(
                MISLEADS,
                f"{book.name(study.iri)}, allocation",
                text,
                (study.one("allocationRatio"), *map(str, counts)),
                (study.iri, *sizes),
            )


def _lineage(book: Book, target: str) -> set[str]:
    """Give a target with everything above it in the tree."""
    found, ahead = set(), [target]
    while ahead:
        iri = ahead.pop()
        if iri not in found and iri in book.nodes:
            found.add(iri)
            ahead += book.nodes[iri].all("broader")
    return found


def _targets(book: Book) -> Iterator[Draft]:
    for agent in book.of("Agent"):
        curated = [t for t in agent.all("targets") if t in book.nodes]
        if not curated:
            continue
        above = set().union(*(_lineage(book, t) for t in curated))
        for claim, found in _stated(book, agent.iri, "targets").items():
            lineage = _lineage(book, claim)
            if claim in above or any(t in lineage for t in curated):
                continue
            shared = sorted((book.name(t) for t in lineage & above), key=str)
            near = (
                f"; they meet only in {shared[-1]}"
                if shared
                else "; they share no branch, so the curated list may be short"
            )
            text = f"{_target(book, claim)} in {'; '.join(dict.fromkeys(book.place(f) for f in found))}, curated "
            text += f"{', '.join(_target(book, t) for t in curated)}{near}"
            title = f"{book.name(agent.iri)}: {_target(book, claim)}"
            printed = tuple(dict.fromkeys(f.one("asPrinted") for f in found))
            yield Draft(MISLEADS if shared else COSMETIC, title, text, printed, (*(f.iri for f in found), agent.iri))


def _target(book: Book, iri: str) -> str:
    return book.nodes[iri].one("label") if iri in book.nodes else book.name(iri)


def _span(criterion: Node) -> tuple[float, float] | None:
    low, high = criterion.one("minimum"), criterion.one("maximum")
    return (float(low or "-inf"), float(high or "inf")) if low or high else None


def _exclude(one: Node, other: Node) -> bool:
    """Whether two criteria on one variable cannot both hold."""
    if one.one("variable") != other.one("variable") or not one.one("variable"):
        return False
    if one.one("code") and other.one("code"):
        return one.one("code") != other.one("code")
    a, b = _span(one), _span(other)
    if a is None or b is None:
        return False
    return max(a[0], b[0]) > min(a[1], b[1])


def _eligibility(book: Book) -> Iterator[Draft]:
    for rule in book.of("Guidance"):
        if rule.term("strength") not in _RECOMMENDS:
            continue
        for study in (book.get(b) for b in rule.all("basis") if b.startswith(KB)):
            if study is None:
                continue
            asked = [c for c in (book.get(i) for i in rule.all("requires")) if c is not None]
            admitted = [c for c in (book.get(i) for i in study.all("eligibility")) if c is not None]
            clash = [
                (a, e)
                for a in asked
                for e in admitted
                if _exclude(a, e)
                and not any(o.one("variable") == a.one("variable") and not _exclude(a, o) for o in admitted)
            ]
            for a, e in clash:
                text = f"{rule.one('ruleId')} recommends {', '.join(book.name(o) for o in rule.all('option'))} for "
                text += f"{book.name(a.iri)} on the basis of {book.name(study.iri)}, which admitted {book.name(e.iri)}"
                title = f"{rule.one('ruleId')} and {book.name(study.iri)}"
                yield Draft(DECIDES, title, text, (book.name(a.iri), book.name(e.iri)), (rule.iri, study.iri, e.iri))
            yield from _intolerant(book, rule, study, admitted)
            yield from _after_another_drug(book, rule, study)


def _intolerant(book: Book, rule: Node, study: Node, admitted: list[Node]) -> Iterator[Draft]:
    """Compare a rule with a study that asked for tolerance of the earlier drug, or for intolerance."""
    codes = [c for c in admitted if "toler" in c.iri]
    says_no = [c for c in codes if "intoler" in c.iri]
    says_yes = [c for c in codes if "intoler" not in c.iri]
    said = {"true": "tolerated", "1": "tolerated", "false": "did not tolerate", "0": "did not tolerate"}
    stance = said.get(rule.one("tolerated"), "")
    against = (stance != "tolerated" and says_yes and not says_no) or (
        stance == "tolerated" and says_no and not says_yes
    )
    if against:
        criterion = (says_yes or says_no)[0]
        who = (
            f"is for patients who {stance} the earlier drug"
            if stance
            else "does not ask whether the earlier drug was tolerated"
        )
        text = f"{rule.one('ruleId')} {who}; {book.name(study.iri)} admitted {book.name(criterion.iri)}"
        title = f"{rule.one('ruleId')} and {book.name(study.iri)}"
        severity = DECIDES if stance else MISLEADS
        yield Draft(severity, title, text, (book.name(criterion.iri),), (rule.iri, study.iri, criterion.iri))


def _after_another_drug(book: Book, rule: Node, study: Node) -> Iterator[Draft]:
    """Compare the earlier drugs of a rule with those after which the study was done."""
    asked, studied = rule.all("priorTherapy"), study.all("priorTherapy")
    if asked and studied and not {*asked} & {*studied}:
        names = [" and ".join(book.name(a) for a in agents) for agents in (asked, studied)]
        text = f"{rule.one('ruleId')} is for patients after {names[0]}; {book.name(study.iri)} admitted patients "
        text += f"after {names[1]}"
        title = f"{rule.one('ruleId')} and {book.name(study.iri)}"
        yield Draft(MISLEADS, title, text, (names[0], names[1]), (rule.iri, study.iri))


RULES = (
    Rule(
        "registrations-differ",
        "Registration numbers that differ",
        "Documents give different registration numbers for one study, or one number for two studies.",
        "values of ev:registration by document",
        "A trial with several registrations, or an extension with its own.",
        _registrations,
    ),
    Rule(
        "designs-differ",
        "Years and design facts that differ",
        "Documents state different years, phases, masking, allocation ratios or first authors for one study.",
        "values of one attribute by document, where some document states only the other value",
        "The year of a congress report beside that of the journal's: cosmetic.",
        _designs,
    ),
    Rule(
        "sizes-differ",
        "Sizes that differ",
        "Documents state different sizes for one study or arm; the finding names a planned size or exchanged digits.",
        "values of ev:actualSize and ev:randomised by document",
        "Patients analysed or treated instead of randomised: cosmetic below 2 %.",
        _sizes,
    ),
    Rule(
        "planned-and-actual-size",
        "A planned size that was not reached or exceeded",
        "The planned size of a study differs from its actual size by more than 2 %.",
        "|n - n_planned| > 0.02 n_planned",
        "Most studies end a little above or below their plan; always cosmetic.",
        _planned,
    ),
    Rule(
        "allocation-and-sizes",
        "Arm sizes that the allocation ratio does not give",
        "Two arms that are far from the stated allocation.",
        "|n1 - n r1 / (r1 + r0)| > 3 sqrt(n p (1 - p)), p = r1 / (r1 + r0)",
        "A change of the ratio during the trial.",
        _ratio_of_sizes,
    ),
    Rule(
        "target-of-another-branch",
        "A target on another branch",
        "A document states a target of an agent that is neither above nor below any curated target in the tree.",
        "ancestors(claim) and curated targets, descendants likewise, do not meet",
        "A curated list that leaves out a true target: cosmetic where claim and list share no branch at all.",
        _targets,
    ),
    Rule(
        "guidance-and-eligibility",
        "A recommendation for patients whom the trial did not admit",
        "A published algorithm rests on a study whose eligibility excludes the patients it recommends the drug for.",
        "codes of one variable differ, or ranges do not overlap; tolerance of the earlier drug, and which "
        "drug it was, likewise",
        "Eligibility curated from a document that names only some of the criteria.",
        _eligibility,
    ),
)
