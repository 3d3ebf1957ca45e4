"""`torchlean rules`: the list, one rule with its example, and both as JSON."""

from __future__ import annotations

import json

from tests.core.cli.support import torchlean
from torchlean_core.check import RULES


def test_the_list_has_a_line_for_every_rule(tmp_path):
    lines = torchlean("rules", cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)


def test_one_rule_is_explained_with_its_example_and_address(tmp_path):
    text = torchlean("rules", "tl201", cwd=tmp_path).stdout.decode()
    rule = RULES["TL201"]
    assert text.startswith("TL201 shape-mismatch (error)\n")
    for part in (rule.what, f"Why: {rule.why}", f"Fix: {rule.fix}", '"shape": [1, 8]', rule.url):
        assert part in text


def test_a_mark_that_nobody_sees_is_shown(tmp_path):
    assert "<U+FEFF>{" in torchlean("rules", "TL003", cwd=tmp_path).stdout.decode()


def test_json_has_every_rule_or_the_one_asked_for(tmp_path):
    listed = json.loads(torchlean("rules", "--output-format", "json", cwd=tmp_path).stdout)
    assert [rule["code"] for rule in listed] == list(RULES)
    one = json.loads(torchlean("rules", "TL601", "--output-format", "json", cwd=tmp_path).stdout)
    assert one in listed
    assert set(one) == {"code", "name", "severity", "what", "why", "fix", "fixes", "example", "url"}
    assert "Allow … for … (in …)" in one["fixes"]
    assert one["example"]["language"] == "python" and one["example"]["artifact"] is False


def test_an_unknown_code_is_a_usage_error(tmp_path):
    done = torchlean("rules", "TL9", cwd=tmp_path)
    assert done.returncode == 2 and b"no rule `TL9`" in done.stderr


def test_the_beginning_of_codes_lists_a_group(tmp_path):
    listed = json.loads(torchlean("rules", "tl30", "--output-format", "json", cwd=tmp_path).stdout)
    assert [rule["code"] for rule in listed] == [code for code in RULES if code.startswith("TL30")]
    assert len(torchlean("rules", "TL30", cwd=tmp_path).stdout.splitlines()) == len(listed)
