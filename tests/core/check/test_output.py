"""The output formats: what each says of a finding, place by place."""

from __future__ import annotations

import io
import json

import pytest

from tests.core.check.sarif_schema import validate
from torchlean_core.check import RULES, check_bytes, check_text
from torchlean_core.check.fixes import apply_edits
from torchlean_core.check.output import FORMATS, make_writer
from torchlean_core.check.output.github import file_command, finding_command
from torchlean_core.check.output.sarif import SarifLog, uri
from torchlean_core.check.output.text import finding_text
from torchlean_core.text.lines import LineIndex, Position

BROKEN = """{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": [
  {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
  {"id": 1, "kind": "relu", "note": "\N{GRINNING FACE}", "parents": [0], "shape": [1, 8]}
]}
"""
LINE = BROKEN.splitlines()[2]
COLUMN = LINE.index("[1, 8]")


def log_of(*reports):
    log = SarifLog()
    for name, report in reports:
        log.add(name, report)
    return log.value()


def test_text_shows_the_place_the_line_the_carets_and_the_fix():
    report = check_text(BROKEN)
    assert finding_text("m.ir.json", report, report.findings[0]).plain == (
        f"m.ir.json:3:{COLUMN + 1}: error[TL201] shape of `relu` should be [1, 4], found [1, 8]\n"
        "   |\n"
        f" 3 | {LINE}\n"
        f"   | {' ' * COLUMN}^^^^^^\n"
        "   = fix: Set shape to inferred [1, 4]"
    )


def test_text_cuts_a_long_line_around_the_finding():
    text = BROKEN.replace("\n", "") + " " * 300
    report = check_text(text)
    shown = finding_text("m.ir.json", report, report.findings[0]).plain.splitlines()
    assert shown[2].startswith(" 1 | …") and shown[2].endswith("…") and len(shown[2]) < 120
    assert shown[2][shown[3].index("^") : shown[3].rindex("^") + 1] == "[1, 8]"


def test_github_gives_lines_and_columns_from_1_and_the_code_as_title():
    report = check_text(BROKEN)
    assert finding_command("m.ir.json", report, report.findings[0]) == (
        f"::error file=m.ir.json,line=3,col={COLUMN + 1},endLine=3,endColumn={COLUMN + 7},title=TL201"
        "::shape of `relu` should be [1, 4], found [1, 8]"
    )


def test_github_escapes_what_would_end_a_property_or_the_command(monkeypatch):
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    report = check_text(BROKEN.replace('"relu"', '"50%\\n::x"'))
    command = finding_command("a,b:c%.json", report, report.findings[0])
    assert command.startswith("::error file=a%2Cb%3Ac%25.json,line=3,")
    assert "\n" not in command
    assert "`50%25" in command
    assert "%0A::x" in command


def test_github_names_files_from_the_workspace_whatever_the_working_directory(monkeypatch, tmp_path):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert file_command("m.ir.json", "gone") == "::error file=sub/m.ir.json,title=torchlean::gone"
    assert file_command("../../m.ir.json", "gone").startswith("::error file=../../m.ir.json,")


@pytest.mark.parametrize(
    ("severity", "level"),
    [("TL201", "error"), ("TL013", "warning"), ("TL402", "notice"), ("TL403", "notice")],
)
def test_github_has_a_level_for_every_severity(severity, level):
    report = check_text(RULES[severity].example.text)
    assert finding_command("m.ir.json", report, report.findings[0]).startswith(f"::{level} ")


def test_sarif_of_every_rule_that_a_text_can_break_is_valid():
    examples = [rule.example for rule in RULES.values() if rule.example.is_artifact]
    log = log_of(*((f"{i}.ir.json", check_bytes(e.text.encode())) for i, e in enumerate(examples)))
    validate(log)
    [run] = log["runs"]
    assert {result["ruleId"] for result in run["results"]} >= {"TL001", "TL201", "TL403"}


def test_sarif_of_nothing_is_valid():
    log = SarifLog().value()
    validate(log)
    assert log["runs"][0]["results"] == []
    assert log["runs"][0]["invocations"] == [{"executionSuccessful": True}]


def test_sarif_columns_count_utf_16_units_from_1():
    [run] = log_of(("m.ir.json", check_text(BROKEN)))["runs"]
    assert run["columnKind"] == "utf16CodeUnits"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    # The emoji before it counts two.
    assert region == {"startLine": 3, "startColumn": COLUMN + 2, "endLine": 3, "endColumn": COLUMN + 8}


def test_sarif_names_the_rule_its_page_and_the_nodes_involved():
    [run] = log_of(("m.ir.json", check_text(BROKEN)))["runs"]
    [result] = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], rule["helpUri"]) == ("TL201", RULES["TL201"].url)
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "nodes[1]"
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 2
    assert result["properties"] == {"index": 1, "node": 1}


def test_a_sarif_fix_applied_mends_the_finding():
    [run] = log_of(("m.ir.json", check_text(BROKEN)))["runs"]
    [change] = run["results"][0]["fixes"][0]["artifactChanges"]
    lines = LineIndex(BROKEN)
    edits = []
    for replacement in change["replacements"]:
        region = replacement["deletedRegion"]
        start = lines.offset(Position(region["startLine"] - 1, region["startColumn"] - 1))
        end = lines.offset(Position(region["endLine"] - 1, region["endColumn"] - 1))
        edits.append((start, end, replacement["insertedContent"]["text"]))
    text = BROKEN
    for start, end, inserted in sorted(edits, reverse=True):
        text = text[:start] + inserted + text[end:]
    assert text == BROKEN.replace("[1, 8]", "[1, 4]")
    assert apply_edits(BROKEN, ()) == BROKEN


def test_sarif_uris_are_relative_and_percent_encoded(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert uri("./a b/é%:#.ir.json") == "a%20b/%C3%A9%25%3A%23.ir.json"
    assert uri(str(tmp_path / "x.ir.json")) == "x.ir.json"
    assert uri("/elsewhere/a b.json") == "file:///elsewhere/a%20b.json"


def test_a_file_that_cannot_be_read_is_a_sarif_notification():
    log = SarifLog()
    log.unreadable("gone.ir.json", "No such file or directory")
    validate(log.value())
    [invocation] = log.value()["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    message = invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert message == "gone.ir.json: No such file or directory"


def test_sarif_leaves_fixes_out_before_they_fill_the_disk(monkeypatch):
    monkeypatch.setattr("torchlean_core.check.output.sarif.MAX_REPLACEMENTS", 1)
    log = log_of(("a.ir.json", check_text(BROKEN)), ("b.ir.json", check_text(BROKEN)))
    fixed = [result.get("fixes", []) for result in log["runs"][0]["results"]]
    assert [len(fixes) for fixes in fixed] == [1, 0]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_a_report_and_closes(name):
    stream, shown = io.StringIO(), []
    writer = make_writer(name, stream, shown.append)
    writer.add("m.ir.json", check_text(BROKEN))
    writer.unreadable("gone.ir.json", "gone")
    writer.close()
    assert "TL201" in stream.getvalue() + "".join(text.plain for text in shown)
    if name in ("json", "sarif"):
        json.loads(stream.getvalue())
