"""What a user can hand to the commands by accident or on purpose: a message and an exit code, nothing worse."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.core.emit.support import artifact_text, write

MLP = artifact_text({"kind": "input", "shape": [1, 4]}, {"kind": "linear", "parents": [0], "shape": [1, 3]})


def shell(command, cwd):
    script = command.replace("torchlean", f"{sys.executable} -m torchlean_core", 1)
    return subprocess.run(["bash", "-c", script], cwd=cwd, capture_output=True, timeout=60, check=False)


def refused(command, cwd, message):
    done = shell(command, cwd)
    assert done.returncode == 2, done.stderr
    assert message.encode() in done.stderr
    assert b"internal error" not in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "torchlean emit m.ir.json -o m.ir.json --force",
        "torchlean emit m.ir.json -o m.params.safetensors --force",
        "torchlean init m.ir.json -o m.ir.json --force",
        "torchlean train m.ir.json --steps 1 -o m.ir.json",
        "torchlean run m.ir.json --input random -o m.ir.json",
        "torchlean run m.ir.json --input random -o ./m.params.safetensors",
    ],
)
def test_no_command_overwrites_its_own_input(tmp_path, command):
    write(tmp_path, MLP)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    refused(command, tmp_path, "the output is the input")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "command", ["emit m.ir.json --force", "init m.ir.json --force", "run m.ir.json --input random"]
)
def test_a_pipe_is_not_replaced(tmp_path, command):
    write(tmp_path, MLP)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)  # so that nothing waits for the other end
    try:
        done = shell(f"torchlean {command} -o pipe", tmp_path)
        assert done.returncode == 2 and b"no regular file" in done.stderr
        assert (tmp_path / "pipe").is_fifo()
    finally:
        os.close(reader)


def test_control_characters_are_shown_and_never_act(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [1]}, {"kind": "re\n::error::\x1b[31mlu", "parents": [0], "shape": [1]}
    )
    (tmp_path / "m\x1b[2J.ir.json").write_text(text)
    for form in ("text", "github"):
        done = shell(f"torchlean check . --output-format {form}", tmp_path)
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"\n::error::" not in done.stdout
    done = shell("torchlean check . --output-format json", tmp_path)
    assert json.loads(done.stdout)[0]["code"] == "TL014"


def test_odd_things_in_a_folder_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "x.json")
    (tmp_path / "self.json").symlink_to(tmp_path)
    (tmp_path / "m.ir.json").write_text(MLP)
    assert shell("torchlean check .", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("torchlean check " + "x" * 300, "File name too long"),
        ("torchlean check m.ir.json --select ''", "no code given"),
        ("torchlean check - 0<&-", "standard input is closed"),
        ("torchlean emit .", "folder"),
        (
            "torchlean init m.ir.json --force --scheme uniform --lo 5 --hi 1",
            "--lo 5.0 is greater than --hi 1.0",
        ),
        ("torchlean emit /", "folder"),
    ],
)
def test_wrong_uses_are_refused_with_a_message(tmp_path, command, message):
    write(tmp_path, MLP)
    done = shell(command, tmp_path)
    assert done.returncode == 2
    assert message in done.stderr.decode() or "directory" in done.stderr.decode()
    assert b"internal error" not in done.stderr


def test_a_full_disk_is_a_message(tmp_path):
    (tmp_path / "m.ir.json").write_text(MLP.replace("linear", "lin"))
    done = shell("torchlean check m.ir.json --output-format json > /dev/full", tmp_path)
    assert done.returncode == 2 and b"No space left" in done.stderr
    assert b"internal error" not in done.stderr
