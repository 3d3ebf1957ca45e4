"""`torchlean check` as a user runs it: output, exit codes, files, folders, standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.check.sarif_schema import validate
from tests.core.cli.support import BROKEN, GOOD, torchlean
from torchlean_core.cli.main import main


def test_a_clean_file_exits_0_and_says_so_on_stderr(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    done = torchlean("check", "m.ir.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"1 artifact checked: all clean" in done.stderr
    assert torchlean("check", "-q", "m.ir.json", cwd=tmp_path).stderr == b""


def test_an_error_is_shown_like_a_compiler_does(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    done = torchlean("check", "m.ir.json", cwd=tmp_path)
    text = done.stdout.decode()
    assert done.returncode == 1
    assert "m.ir.json:1:" in text and "error[TL201]" in text
    assert "^^^^^^" in text and "fix: Set shape to inferred [1, 4]" in text
    assert "\x1b" not in text


def test_json_output_has_the_public_form(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    done = torchlean("check", "--output-format", "json", "./m.ir.json", cwd=tmp_path)
    [finding] = json.loads(done.stdout)
    column = BROKEN.rindex("[1, 3]")
    assert finding == {
        "file": "./m.ir.json",
        "code": "TL201",
        "severity": "error",
        "message": "shape of `relu` should be [1, 4], found [1, 3]",
        "node": 1,
        "index": 1,
        "range": {"start": {"line": 0, "character": column}, "end": {"line": 0, "character": column + 6}},
        "fixes": ["Set shape to inferred [1, 4]"],
    }


def test_json_output_of_a_clean_file_is_an_empty_array(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    done = torchlean("check", "--output-format", "json", "m.ir.json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_standard_input_is_checked(tmp_path):
    done = torchlean("check", "-", "--output-format", "json", cwd=tmp_path, stdin=BROKEN.encode())
    assert done.returncode == 1
    assert json.loads(done.stdout)[0]["file"] == "-"


def test_a_file_that_cannot_be_read_is_one_line_and_the_others_are_judged(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    done = torchlean("check", "--output-format", "json", "none.ir.json", "m.ir.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode().strip() == "torchlean: none.ir.json: No such file or directory"
    assert [finding["file"] for finding in json.loads(done.stdout)] == ["m.ir.json"]


def test_a_folder_is_searched_by_name_and_by_marker_and_ignored_files_are_skipped(tmp_path):
    for name in (
        "a.ir.json",
        "b.torchlean.json",
        "marked.json",
        "sub/c.ir.json",
        "out/d.ir.json",
        ".h/e.ir.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(BROKEN)
    (tmp_path / "package.json").write_text('{"name": 3')
    (tmp_path / ".gitignore").write_text("out/\n")
    done = torchlean("check", ".", "--output-format", "json", "--exclude", "sub/*", cwd=tmp_path)
    names = [finding["file"] for finding in json.loads(done.stdout)]
    assert names == ["a.ir.json", "b.torchlean.json", "marked.json"]


def test_a_file_named_is_checked_whatever_it_holds(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "x"}')
    done = torchlean("check", "package.json", "--output-format", "json", cwd=tmp_path)
    assert {finding["code"] for finding in json.loads(done.stdout)} >= {"TL010"}


def test_codes_can_be_selected_and_ignored(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN.replace('"format": "torchlean.ir.v1", ', ""))
    assert torchlean("check", "m.ir.json", "--ignore", "TL201", cwd=tmp_path).returncode == 0
    done = torchlean("check", "m.ir.json", "--select", "TL2", "--output-format", "json", cwd=tmp_path)
    assert [finding["code"] for finding in json.loads(done.stdout)] == ["TL201"]
    done = torchlean("check", "m.ir.json", "--select", "X9", cwd=tmp_path)
    assert done.returncode == 2 and b"no rule's code starts with `X9`" in done.stderr


def test_colour_goes_to_terminals_that_want_it(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    assert b"\x1b[" in torchlean("check", "m.ir.json", cwd=tmp_path, FORCE_COLOR="1").stdout
    assert b"\x1b[" not in torchlean("check", "--no-color", "m.ir.json", cwd=tmp_path, FORCE_COLOR="1").stdout
    assert b"\x1b[" not in torchlean("check", "m.ir.json", cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: COMMAND"),
        (("chek",), "invalid choice"),
        (("check",), "required: PATH"),
        (("check", "--nonsense", "x"), "unrecognized arguments: --nonsense"),
    ],
)
def test_usage_errors_exit_2_with_the_usage(tmp_path, arguments, message):
    done = torchlean(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert b"usage: torchlean" in done.stderr and message.encode() in done.stderr


def test_no_input_makes_a_traceback(tmp_path):
    corpus = Path(__file__).parents[2] / "conformance" / "cases"
    done = torchlean("check", corpus, cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr


def test_sarif_and_github_outputs_are_printed(tmp_path):
    (tmp_path / "m.ir.json").write_text(BROKEN)
    done = torchlean("check", "--output-format", "sarif", "m.ir.json", "none.ir.json", cwd=tmp_path)
    assert done.returncode == 2
    log = json.loads(done.stdout)
    validate(log)
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["TL201"]
    assert not log["runs"][0]["invocations"][0]["executionSuccessful"]
    done = torchlean("check", "--output-format", "github", "m.ir.json", cwd=tmp_path, GITHUB_WORKSPACE="")
    assert done.returncode == 1
    assert done.stdout.startswith(b"::error file=m.ir.json,line=1,")


def test_a_folder_that_cannot_be_listed_is_a_message(tmp_path, monkeypatch, capsys):
    (tmp_path / "m.ir.json").write_text(GOOD)
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "."]) == 2
    said = capsys.readouterr().err
    assert "torchlean: closed: Permission denied" in said and "1 artifact checked: all clean" in said


def test_a_bad_pattern_is_a_usage_error_and_a_bad_line_of_gitignore_is_none(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    (tmp_path / ".gitignore").write_text("!\nn.ir.json\n")
    (tmp_path / "n.ir.json").write_text(BROKEN)
    assert torchlean("check", ".", cwd=tmp_path).returncode == 0
    done = torchlean("check", ".", "--exclude", "!", cwd=tmp_path)
    assert done.returncode == 2 and b"--exclude: expected a pattern" in done.stderr


def test_a_clean_check_imports_neither_fixes_nor_the_terminal(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    code = (
        "import sys; from torchlean_core.cli.main import main; main(['check', '-q', 'm.ir.json']); "
        "print([name for name in sys.modules if name.partition('.')[0] in ('rich', 'pathspec', 'tomllib', 'torch') "
        "or name.startswith('torchlean_core.check.fixes')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_a_file_named_twice_is_checked_once(tmp_path):
    (tmp_path / "a.ir.json").write_text("{}")
    done = torchlean("check", "a.ir.json", "./a.ir.json", ".", "--output-format", "json", cwd=tmp_path)
    once = torchlean("check", "a.ir.json", "--output-format", "json", cwd=tmp_path)
    assert json.loads(done.stdout) == json.loads(once.stdout)


def test_a_root_field_that_is_misspelt_is_named_and_renamed(tmp_path):
    node = '{"id": 0, "kind": "input", "parents": [], "shape": []}'
    text = f'{{"fromat": "torchlean.ir.v1", "inputid": 0, "output_id": 0, "node": [{node}]}}'
    (tmp_path / "m.ir.json").write_text(text)
    shown = torchlean("check", "m.ir.json", cwd=tmp_path).stdout.decode()
    for near in ("fromat", "inputid", "node"):
        assert f"did you mean `{near}`?" in shown
    assert torchlean("check", "m.ir.json", "--fix", "--unsafe-fixes", cwd=tmp_path).returncode == 0
    mended = text.replace("fromat", "format").replace("inputid", "input_id").replace('"node"', '"nodes"')
    assert (tmp_path / "m.ir.json").read_text() == mended


def test_an_empty_path_is_a_usage_error(tmp_path):
    done = torchlean("check", "", cwd=tmp_path)
    assert done.returncode == 2 and b"an empty path" in done.stderr


def test_unsafe_fixes_do_not_take_out_what_a_node_without_parents_may_need(tmp_path):
    nodes = [{"id": i, "kind": "tanh", "parents": [i - 1], "shape": [4]} for i in range(4)]
    nodes[0] |= {"kind": "input", "parents": []}
    nodes[3] |= {"parents": []}
    text = json.dumps({"format": "torchlean.ir.v1", "input_id": 0, "output_id": 3, "nodes": nodes})
    (tmp_path / "m.ir.json").write_text(text)
    torchlean("check", "m.ir.json", "--fix", "--unsafe-fixes", cwd=tmp_path)
    assert len(json.loads((tmp_path / "m.ir.json").read_text())["nodes"]) == 4


def test_paths_stand_before_between_and_behind_options(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.ir.json").write_text(GOOD)
    done = torchlean(
        "check", "a.ir.json", "--diff", "b.ir.json", "--select", "TL1", "c.ir.json", cwd=tmp_path
    )
    assert done.returncode == 0 and b"3 artifacts checked" in done.stderr
    done = torchlean("check", "a.ir.json", "--diff", "b.ir.json", "--wrong", cwd=tmp_path)
    assert done.returncode == 2 and b"unrecognized arguments: " in done.stderr and b"--wrong" in done.stderr


def test_a_check_needs_no_numpy_whatever_the_fixes_of_a_finding_would_compute(tmp_path):
    file = tmp_path / "m.ir.json"
    file.write_text(GOOD.replace('"relu"', '"softplus"'))
    code = (
        "import sys; sys.modules['numpy'] = None; from torchlean_core.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "TL014" in done.stdout
    assert "numpy" not in done.stderr


def test_an_onnx_file_is_captured_and_not_checked(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x08")
    result = torchlean("check", "net.onnx", cwd=tmp_path)
    assert result.returncode == 2
    said = "torchlean: net.onnx: an ONNX file; `torchlean capture net.onnx` makes an artifact of it"
    assert said in result.stderr.decode()
