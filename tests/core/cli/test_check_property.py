"""`torchlean check --property`: findings of properties in every format, and files that are none."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from tests.core.cli.support import BROKEN, GOOD, torchlean

DECLARED = "".join(f"(declare-const {end}_{i} Real)\n" for end in "XY" for i in range(4))
BOUNDS = "".join(f"(assert (>= X_{i} 0))\n(assert (<= X_{i} 1))\n" for i in range(4))
FITS = DECLARED + BOUNDS + "(assert (<= Y_0 Y_1))\n"
WRONG = FITS.replace("(declare-const X_3", "(declare-const X_4", 1).replace("(>= X_3 0)", "(>= X_4 0)")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m.ir.json").write_text(GOOD)
    (tmp_path / "fits.vnnlib").write_text(FITS)
    (tmp_path / "wrong.vnnlib").write_text("; another network\n" + WRONG)
    return tmp_path


def check(folder, *arguments, artifact="m.ir.json"):
    return torchlean("check", artifact, *arguments, cwd=folder)


def test_a_property_that_fits_is_counted(folder):
    done = check(folder, "--property", "fits.vnnlib")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.strip() == b"1 artifact and 1 property checked: all clean"


def test_several_properties_are_checked_and_findings_stand_in_their_files(folder):
    done = check(folder, "--property", "fits.vnnlib", "--property", "wrong.vnnlib")
    assert done.returncode == 1
    text = done.stdout.decode()
    assert (
        "wrong.vnnlib:5:16: error[TL702] X_4 is declared: the network's input [1, 4] has 4 elements" in text
    )
    assert "error[TL703] an assertion names X_3, which is not declared" in text
    assert "fits.vnnlib" not in text
    assert b"1 artifact and 2 properties checked" in done.stderr


def test_json_and_sarif_have_the_propertys_file_and_range(folder):
    found = json.loads(check(folder, "--property", "wrong.vnnlib", "--output-format", "json").stdout)
    assert {one["file"] for one in found} == {"wrong.vnnlib"}
    assert found[0]["code"] == "TL702"
    assert found[0]["range"] == {"start": {"line": 4, "character": 15}, "end": {"line": 4, "character": 18}}
    (run,) = json.loads(check(folder, "--property", "wrong.vnnlib", "--output-format", "sarif").stdout)[
        "runs"
    ]
    artifacts = [(one["location"]["uri"], one["mimeType"]) for one in run["artifacts"]]
    assert artifacts == [("m.ir.json", "application/json"), ("wrong.vnnlib", "text/plain")]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["index"], place["region"]["startLine"]) == (1, 5)


def test_a_compressed_property_is_read(folder):
    with gzip.open(folder / "wrong.vnnlib.gz", "wb") as file:
        file.write(WRONG.encode())
    assert b"wrong.vnnlib.gz:4:16: error[TL702]" in check(folder, "--property", "wrong.vnnlib.gz").stdout


def test_codes_can_be_chosen(folder):
    done = check(folder, "--property", "wrong.vnnlib", "--ignore", "TL7")
    assert (done.returncode, done.stdout) == (0, b"")


def test_of_an_artifact_with_errors_the_property_alone_is_checked(folder):
    (folder / "broken.ir.json").write_text(BROKEN)
    (folder / "torn.vnnlib").write_text(FITS + "(assert")
    done = check(folder, "--property", "torn.vnnlib", artifact="broken.ir.json")
    assert done.returncode == 1
    assert b"torn.vnnlib: not compared with the artifact, which has errors" in done.stderr
    assert b"error[TL201]" in done.stdout
    assert b"error[TL701] this parenthesis is not closed" in done.stdout
    assert b"TL702" not in done.stdout


def test_a_network_of_the_other_dialect_is_the_same(folder):
    root = json.loads(GOOD)
    root["output_ids"] = [root.pop("output_id")]
    (folder / "g.ir.json").write_text(json.dumps(root))
    assert check(folder, "--property", "fits.vnnlib", artifact="g.ir.json").returncode == 0
    assert check(folder, "--property", "wrong.vnnlib", artifact="g.ir.json").returncode == 1


@pytest.mark.parametrize("named", [["."], ["m.ir.json", "m.ir.json"], ["model.py"]])
def test_a_property_goes_with_one_artifact(folder, named):
    (folder / "model.py").write_text("")
    done = torchlean("check", *named, "--property", "fits.vnnlib", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.strip().endswith(
        b"--property: goes with one artifact, the network that the property is of"
    )


def _compressed(content):
    return gzip.compress(content, 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("utf16.vnnlib", FITS.encode("utf-16"), "is no text in UTF-8 (byte 0)"),
        ("cut.vnnlib.gz", _compressed(FITS.encode())[:40], "is a gzip file that ends too early"),
        ("torn.vnnlib.gz", _compressed(FITS.encode())[:10] + b"\x07" * 40, "is a damaged gzip file"),
        ("plain.vnnlib.gz", FITS.encode(), "is no gzip file"),
        ("bomb.vnnlib.gz", _compressed(bytes(1 << 20)) * 513, "has more than 536,870,912 bytes"),
        ("absent.vnnlib", None, "No such file or directory"),
    ],
    ids=["utf-16", "cut", "torn", "plain", "bomb", "absent"],
)
def test_a_file_that_is_no_property_is_one_line(folder, name, content, message):
    if content is not None:
        (folder / name).write_bytes(content)
    done = check(folder, "--property", name)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == f"torchlean: {name}: {message}"


def test_a_pipe_and_a_folder_are_no_properties(folder):
    os.mkfifo(folder / "pipe.vnnlib")
    for name, message in (("pipe.vnnlib", "is a pipe or socket, no regular file"), (".", "Is a directory")):
        done = check(folder, "--property", name)
        assert done.returncode == 2
        assert done.stderr.decode().splitlines()[0] == f"torchlean: {name}: {message}"
