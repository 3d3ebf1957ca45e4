"""What a user can hand to the commands by accident or on purpose: a message and an exit code, nothing worse."""

from __future__ import annotations

import json
import os
import pty
import stat
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


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("train m.ir.json --steps 1 -o start", "start"),
        ("train m.ir.json --steps 1 --params start -o start", "start"),
        ("train m.ir.json --steps 1 -o m.params.safetensors", "m.params.safetensors"),
        ("train m.ir.json --steps 1 -o link.safetensors", "m.ir.json"),
    ],
)
def test_training_refuses_its_output_before_it_starts(tmp_path, command, target):
    write(tmp_path, MLP)
    os.mkfifo(tmp_path / "start.metrics.jsonl")
    (tmp_path / "link.safetensors").symlink_to("m.ir.json")
    if target == "start" and "--params" in command:
        (tmp_path / "start").write_bytes((tmp_path / "m.params.safetensors").read_bytes())
    done = shell(f"torchlean {command}", tmp_path)
    assert done.returncode == 2, done.stderr
    assert b"no regular file" in done.stderr or b"the output is the input" in done.stderr
    assert b"step 1" not in done.stderr
    assert (tmp_path / "start.metrics.jsonl").is_fifo()


def test_a_device_is_not_replaced(tmp_path):
    write(tmp_path, MLP)
    device = tmp_path / "device"
    try:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    for command in ("emit", "init", "run --input random", "train --steps 1"):
        refused(f"torchlean {command} m.ir.json -o device", tmp_path, "no regular file")
        assert device.is_char_device()


@pytest.mark.parametrize(
    "command",
    [
        "emit",
        "emit --check",
        "init --force",
        "run --input random",
        "train --steps 1",
        "diff ../m.ir.json",
        "check m.ir.json --select",
        "check $'--\\x1b'",
        "doctor",
    ],
)
def test_no_message_lets_control_characters_through(tmp_path, command):
    (tmp_path / "m.ir.json").write_text(MLP)
    folder = tmp_path / "\x1b[31mx"
    folder.mkdir()
    write(folder, MLP.replace('"linear"', '"linear", "debug_target": "\\u001b"'))
    (folder / "torchlean.toml").write_text("select = []\n" if command == "doctor" else "")
    path = "" if command == "doctor" else "$'../\\x1b[31mx/m.ir.json'"
    done = shell(f"torchlean {command} {path}", folder)
    assert "␛" in (done.stdout + done.stderr).decode()
    assert b"\x1b" not in done.stderr + done.stdout


def test_a_diff_is_exact_in_a_pipe_and_harmless_on_a_terminal(tmp_path):
    (tmp_path / "m.ir.json").write_text(MLP[:-1] + ', "x": "\x1b[2J",}')
    assert b"\x1b[2J" in shell("torchlean check m.ir.json --diff", tmp_path).stdout
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "torchlean_core", "check", "m.ir.json", "--diff"]
    subprocess.run(command, cwd=tmp_path, stdout=theirs, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    assert "␛[2J".encode() in shown and b"\x1b[2J" not in shown


@pytest.mark.parametrize(
    "command",
    [
        "check m.ir.json",
        "check m.ir.json --output-format json",
        "check - --fix < m.ir.json",
        "rules",
        "doctor",
        "run m.ir.json --input random -o -",
    ],
)
def test_a_closed_standard_output_is_a_message(tmp_path, command):
    write(tmp_path, MLP)
    refused(f"torchlean {command} >&-", tmp_path, "standard output is closed")


@pytest.mark.parametrize("where", ["2>&-", "2> /dev/full"])
def test_without_standard_error_the_exit_code_still_says_it(tmp_path, where):
    done = shell(f"torchlean check missing {where}", tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (tmp_path / "m.ir.json").write_text(MLP)
    assert shell(f"torchlean check m.ir.json {where}", tmp_path).returncode == 0


def test_a_path_without_a_name_is_no_output(tmp_path):
    write(tmp_path, MLP)
    refused("torchlean train m.ir.json --steps 1 -o ''", tmp_path, "is a folder")
    refused("torchlean train . --steps 1", tmp_path, "s a directory")
