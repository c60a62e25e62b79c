"""What README and docs/ say is true: examples run, commands and queries are described, links lead somewhere.

How a page is written, so that it can be run. Its blocks run in order, in one temporary folder per page:

- ``console``: a line ``$ hcckb ...`` is run and must exit 0, or N where the line ends in ``# exit N``; a line that
  ends in a backslash goes on in the next. The lines under it must be what a terminal shows (stdout and stderr,
  spaces at line ends aside); ``...`` stands for any text in its line, alone for any number of lines. Without lines
  the output is not compared. Other commands (``$ pip ...``) are not run.
- ``python``: executed, in one namespace per page. A block that starts with ``>>>`` is a doctest.
- Any block under a line that holds one file name in backticks and nothing else is written to that file first.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from typer.main import get_command

import hcckb
from hcckb import cli, errors, paths, queries
from hcckb.cli.app import application
from hcckb.evidence import COLUMNS
from hcckb.export import formats
from hcckb.results import PooledResult

LAST = 1500  # characters of output in a message
ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LINKED = [*PAGES, *(p for p in (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md") if p.is_file())]

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=ticks)\s*$", re.MULTILINE | re.DOTALL
)
_FILE_NAME = re.compile(r"^`(?P<name>[\w-]+(?:/[\w-]+)*\.\w+)`:?$")
_EXIT = re.compile(r"\s+# exit (?P<code>\d+)$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, text, first line in the page, and the file it stands for, if any."""

    language: str
    body: str
    line: int
    file: str


@dataclass(frozen=True, slots=True)
class Example:
    """A command with the exit code it must give and the lines it must show."""

    command: str
    exit_code: int
    shown: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rpartition("\n")[2].strip()
        named = _FILE_NAME.match(before)
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match["language"], match["body"], line, named["name"] if named else "")


def examples(body: str) -> Iterator[Example]:
    parts = re.split(r"^\$ ", body.replace("\\\n", " "), flags=re.MULTILINE)
    for part in parts[1:]:
        command, _, output = part.partition("\n")
        told = _EXIT.search(command)
        shown = tuple(line.rstrip() for line in output.rstrip().splitlines())
        yield Example(_EXIT.sub("", command).strip(), int(told["code"]) if told else 0, shown)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run `hcckb ...` in this process: exit code, and what a terminal shows."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    screen = io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return int(str(code)), screen.getvalue()


def same(shown: tuple[str, ...], real: list[str]) -> bool:
    """Compare lines; `...` stands for any text in a line, alone for any number of lines."""
    if not shown:
        return not real
    if shown[0] == "...":
        return any(same(shown[1:], real[i:]) for i in range(len(real) + 1))
    pattern = ".*".join(re.escape(part) for part in shown[0].split("..."))
    return bool(real) and re.fullmatch(pattern, real[0]) is not None and same(shown[1:], real[1:])


def failures(block: Block, namespace: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run one block; say what is not as the page has it."""
    if block.file:
        Path(block.file).parent.mkdir(parents=True, exist_ok=True)
        Path(block.file).write_text(block.body, encoding="utf-8")
    elif block.language == "console":
        for example in examples(block.body):
            if not example.command.startswith("hcckb "):
                continue
            code, screen = run(example.command, monkeypatch)
            if code != example.exit_code:
                yield f"{example.command}: exit {code}, the page says {example.exit_code}\n{screen[-LAST:]}"
            elif example.shown and not same(example.shown, [line.rstrip() for line in screen.rstrip().splitlines()]):
                yield f"{example.command}: the page shows other output than\n{screen}"
    elif block.language == "python" and block.body.startswith(">>>"):
        told = io.StringIO()
        test = doctest.DocTestParser().get_doctest(block.body, namespace, "block", None, block.line)
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
        runner.run(test, out=told.write, clear_globs=False)
        namespace |= test.globs
        if runner.failures:
            yield told.getvalue()
    elif block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.body, f"line {block.line}", "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples_of_a_page_run_and_show_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = []
    for block in blocks(page.read_text(encoding="utf-8")):
        try:
            told = list(failures(block, namespace, monkeypatch))
        except Exception as error:  # an example may fail in any way: say where
            told = [f"{type(error).__name__}: {error}\n{block.body}"]
        found += [f"{page.name}, line {block.line}: {text}" for text in told]
    assert not found, "\n\n".join(found)


def test_ellipsis_in_an_example_stands_for_text_and_lines():
    assert same(("a", "...", "d"), ["a", "b", "c", "d"])
    assert same(("...",), [])
    assert same(("p = ... (z)",), ["p = 0.04 (z)"])
    assert not same(("a", "..."), ["b"])


def sections(page: str, level: int) -> dict[str, str]:
    """Give the text under each heading of one level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = re.split(rf"^{'#' * level} (.+?)\s*$", text, flags=re.MULTILINE)
    return {heading.strip("`"): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


REGISTERED = application().registered_commands
COMMANDS = sorted(c.name or c.callback.__name__.replace("_", "-") for c in REGISTERED if c.callback)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented_with_its_options_and_example(name):
    found = sections("commands.md", 2)
    assert f"hcckb {name}" in found, f"docs/commands.md needs a section '## `hcckb {name}`'"
    command = get_command(application()).commands[name]  # type: ignore[attr-defined]
    text = found[f"hcckb {name}"] + found["Shared options"]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("--")}
    assert not sorted(o for o in options - {"--help"} if f"`{o}" not in text)
    example = re.search(r"Example: (hcckb .+)", command.help or "")
    assert example, f"the help of {name} has no example"
    assert f"$ {example[1]}" in found[f"hcckb {name}"]


def test_the_table_of_commands_has_all_of_them_in_the_order_of_the_help():
    listed = re.findall(
        r"^\| \[`([\w-]+)`\]\(#hcckb-", (DOCS / "commands.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == list(get_command(application()).commands)  # type: ignore[attr-defined]


def test_fields_of_tables_and_results_are_documented():
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    names = [*COLUMNS, *(f.name for f in fields(PooledResult)), *formats()]
    assert not [n for n in names if f"`{n}`" not in text]


def test_exit_codes_are_documented():
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    known = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.HcckbError)}
    assert not [code for code in known - {1} if f"| {code} |" not in text]


@pytest.mark.parametrize("name", sorted(p.stem for p in paths.QUERIES.glob("*.rq")))
def test_query_is_documented_with_parameters_and_columns(name):
    found = sections("queries.md", 3)
    assert name in found, f"docs/queries.md needs a section '### `{name}`'"
    query = queries.named(name)
    wanted = [*query.columns, *(p.name for p in query.parameters)]
    assert not [w for w in wanted if f"`{w}`" not in found[name]]


def test_tests_that_the_table_of_features_names_exist():
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    named = re.findall(r"\[`(\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", text)
    assert len(named) > 40
    for name, path in named:
        place = ROOT / path
        assert place.stem == f"test_{name}" or f"def test_{name}(" in place.read_text(encoding="utf-8"), (name, path)


def test_public_names_are_documented():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert not [n for n in hcckb.__all__ if not re.search(rf"\bhcckb\.{n}\b|`{n}[`(]", text)]


def test_classes_and_properties_are_documented():
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    ontology = (paths.ONTOLOGY / "hcckb.ttl").read_text(encoding="utf-8")
    names = re.findall(r"^(ev:\w+)\s+a\s", ontology, flags=re.MULTILINE)
    assert names
    assert not [n for n in names if not re.search(rf"`{n}\b", text)]


def anchors(page: Path) -> set[str]:
    """Give the anchors that a forge makes of the headings of a page."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\s-]", "", m["text"].lower()) for m in _HEADING.finditer(text))
    return {p.strip().replace(" ", "-") for p in plain}


@pytest.mark.parametrize("page", LINKED, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(page):
    dead = []
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        target = match["target"] or match["image"]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            dead.append(target)
    assert not dead
