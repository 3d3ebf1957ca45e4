"""`torchlean check --fix` and `--diff`: what is written, what is only shown, and the exit codes."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest

from tests.core.cli.support import BROKEN, GOOD, torchlean
from torchlean_core.cli.textdiff import unified_diff

MISSPELT = GOOD.replace('"relu"', '"rleu"')


def test_fix_mends_the_file_in_place_and_says_how_much(tmp_path):
    file = tmp_path / "m.ir.json"
    file.write_text(BROKEN)
    file.chmod(0o640)
    done = torchlean("check", "--fix", "m.ir.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode().strip() == "1 artifact checked: fixed 1 finding; left: none"
    assert file.read_text() == GOOD
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["m.ir.json"]


def test_fix_leaves_unsafe_fixes_alone_unless_told(tmp_path):
    file = tmp_path / "m.ir.json"
    file.write_text(MISSPELT)
    done = torchlean("check", "--fix", "m.ir.json", cwd=tmp_path)
    assert done.returncode == 1 and b"error[TL014]" in done.stdout
    assert file.read_text() == MISSPELT
    assert torchlean("check", "--fix", "--unsafe-fixes", "m.ir.json", cwd=tmp_path).returncode == 0
    assert file.read_text() == GOOD


def test_fix_keeps_line_ends_and_does_not_touch_a_clean_file(tmp_path):
    crlf = tmp_path / "crlf.ir.json"
    crlf.write_bytes(BROKEN.replace(', "', ',\r\n"').encode())
    clean = tmp_path / "clean.ir.json"
    clean.write_text(GOOD)
    before = clean.stat()
    assert torchlean("check", "--fix", ".", cwd=tmp_path).returncode == 0
    assert crlf.read_bytes() == GOOD.replace(', "', ',\r\n"').encode()
    assert (clean.stat().st_mtime_ns, clean.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_fix_of_standard_input_prints_the_text_and_says_the_rest_on_stderr(tmp_path):
    done = torchlean("check", "--fix", "-", cwd=tmp_path, stdin=BROKEN.encode())
    assert (done.returncode, done.stdout) == (0, GOOD.encode())
    done = torchlean("check", "--fix", "-", cwd=tmp_path, stdin=MISSPELT.encode())
    assert (done.returncode, done.stdout) == (1, MISSPELT.encode())
    assert b"error[TL014]" in done.stderr
    done = torchlean("check", "--fix", "-", "--output-format", "json", cwd=tmp_path, stdin=MISSPELT.encode())
    assert done.stdout == MISSPELT.encode()
    assert json.loads(done.stderr)[0]["code"] == "TL014"


def test_what_is_not_utf_8_is_reported_and_passed_on_unchanged(tmp_path):
    content = BROKEN.encode().replace(b"relu", b"rel\xff")
    done = torchlean("check", "--fix", "-", cwd=tmp_path, stdin=content)
    assert (done.returncode, done.stdout) == (1, content)
    assert b"TL003" in done.stderr


def test_fix_mends_only_the_codes_that_are_selected(tmp_path):
    text = BROKEN.replace('"format": "torchlean.ir.v1", ', "")
    done = torchlean("check", "--fix", "--ignore", "TL201", "-", cwd=tmp_path, stdin=text.encode())
    assert done.stdout.decode().count("[1, 3]") == 1 and b"torchlean.ir.v1" in done.stdout
    done = torchlean("check", "--fix", "--select", "TL2", "-", cwd=tmp_path, stdin=text.encode())
    assert b"[1, 3]" not in done.stdout and b"torchlean.ir.v1" not in done.stdout


def test_a_file_that_cannot_be_written_is_a_message(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    (tmp_path / "other.ir.json").write_text(MISSPELT)
    code = (
        "import sys, torchlean_core.files as files\n"
        "def refuse(path, text): raise PermissionError(13, 'Permission denied')\n"
        "files.write_text = refuse\n"
        "from torchlean_core.cli.main import main\n"
        "sys.exit(main(['check', '--fix', 'm.ir.json', 'other.ir.json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"torchlean: m.ir.json: Permission denied" in done.stderr
    assert b"TL014" in done.stdout and (tmp_path / "m.ir.json").read_text() == BROKEN


def test_diff_shows_the_change_writes_nothing_and_exits_1(tmp_path):
    file = tmp_path / "m.ir.json"
    file.write_text(BROKEN)
    done = torchlean("check", "--diff", "m.ir.json", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        "--- m.ir.json",
        "+++ m.ir.json",
        "@@ -1 +1 @@",
        f"-{BROKEN.rstrip()}",
        f"+{GOOD.rstrip()}",
    ]
    assert b"would fix 1 finding" in done.stderr
    assert file.read_text() == BROKEN


def test_diff_of_a_clean_file_is_empty_and_exits_0(tmp_path):
    done = torchlean("check", "--diff", "-q", "-", cwd=tmp_path, stdin=GOOD.encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_diff_exits_1_where_errors_stay(tmp_path):
    done = torchlean("check", "--diff", "-", cwd=tmp_path, stdin=MISSPELT.encode())
    assert (done.returncode, done.stdout) == (1, b"")


def test_diff_has_colours_on_terminals_that_want_them(tmp_path):
    arguments = ("check", "--diff", "-")
    done = torchlean(*arguments, cwd=tmp_path, stdin=BROKEN.encode(), FORCE_COLOR="1")
    assert b"\x1b[32m+" in done.stdout
    done = torchlean(*arguments, "--no-color", cwd=tmp_path, stdin=BROKEN.encode(), FORCE_COLOR="1")
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--unsafe-fixes",), "--unsafe-fixes: works with --fix or --diff"),
        (("--diff", "--output-format", "json"), "--diff: prints a diff"),
    ],
)
def test_options_that_make_no_sense_together_are_usage_errors(tmp_path, arguments, message):
    done = torchlean("check", "-", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr.decode()


# -- the diff itself ------------------------------------------------------------------------------------------

OLD = "".join(f"line {i}\n" for i in range(40))


@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("line 3\n", "changed\n"),
        OLD.replace("line 3\n", ""),
        "first\n" + OLD,
        OLD + "last",
        OLD.replace("line 3\n", "").replace("line 30\n", "a\nb\nc\n"),
        OLD.replace("line 3\n", "").replace("line 30\n", "line 3\nline 30\n"),
        OLD.replace("\n", "\r\n"),
        OLD[:-1],
        "",
        "\u2028\x85one line\n" + OLD,
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_diff_is_a_patch(tmp_path, new, backwards):
    old, new = (new, OLD) if backwards else (OLD, new)
    (tmp_path / "f").write_bytes(old.encode())
    patch = "".join(unified_diff(old, new, "f")).encode()
    done = subprocess.run(["git", "apply", "-p0", "--unidiff-zero"], input=patch, cwd=tmp_path, check=False)
    if old and new:
        assert done.returncode == 0
        assert (tmp_path / "f").read_bytes() == new.encode()


def test_the_diff_shows_three_lines_around_a_change_only():
    lines = list(unified_diff(OLD, OLD.replace("line 20\n", "new\n"), "f"))
    assert lines[2] == "@@ -18,7 +18,7 @@\n"
    assert [line for line in lines if line[0] in "+-"][2:] == ["-line 20\n", "+new\n"]
    assert len(lines) == 11


def test_many_changes_far_apart_are_found_one_by_one():
    old = [f'{{"id": {i}, "shape": [4]}}\n' for i in range(20_000)]
    new = [line.replace("[4]", "[8]") if i % 2 else line for i, line in enumerate(old)]
    new.insert(10_000, "inserted\n")
    marks = [line[0] for line in unified_diff("".join(old), "".join(new), "f")][2:]
    assert marks.count("-") == 10_000 and marks.count("+") == 10_001
