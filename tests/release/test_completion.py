"""Completion in real shells: commands, options, values and files, as a person gets them by the tab key."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time

import pytest

from torchlean_core.check.rules import RULES
from torchlean_core.cli.main import COMMANDS, main, whole_parser
from torchlean_core.completion import FOLDER, SCRIPTS, script
from torchlean_core.completion.arguments import _TAKEN, Files, Words, arguments, taken_by

PATIENCE = 20.0

# What is typed before the tab key, and what stands there then.
CASES = [
    ("gra", "graph"),
    ("params inl", "params inline"),
    ("check --sel", "check --select"),
    ("check --select TL52", "check --select TL521"),
    ("check --select TL201,TL52", "check --select TL201,TL521"),
    ("rules TL52", "rules TL521"),
    ("train m.ir.json --loss hu", "train m.ir.json --loss huber"),
    ("train m.ir.json --device cu", "train m.ir.json --device cuda"),
    ("capture model.py:Net --dialect gen", "capture model.py:Net --dialect generalized"),
    ("graph n", "graph net.ir.json"),
    ("check folder/in", "check folder/inner.ir.json"),
    ("train m.ir.json --data n", "train m.ir.json --data numbers.npz"),
    ("capture n", "capture nets.py"),
]
NONE = ("graph no", "graph no")
"""No name in the folder goes on so and ends in .json; zsh alone offers other files then."""


@pytest.fixture
def folder(tmp_path):
    for name in (
        "net.ir.json",
        "nets.py",
        "numbers.npz",
        "notes.txt",
        "folder/inner.ir.json",
        "folder/in.txt",
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    (tmp_path / "home").mkdir()
    return tmp_path


def shell(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def typed(command, setup, folder, cases):
    """What stands behind `torchlean` in the shell's line after the tab key, for what is typed in each case."""
    mark = "READY7"
    environment = {
        "HOME": str(folder / "home"),
        "PATH": os.environ["PATH"],
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    try:
        # The line is not run by what completes it: a function of the same name shows its words.
        os.write(terminal, f'{setup}\ntorchlean() {{ echo "<<$*>>"; }}; echo {mark[:-1]}$((3+4))\n'.encode())
        _until(terminal, mark)
        for text, _ in cases:
            os.write(terminal, f"torchlean {text}\t\n".encode())
            said = _until(terminal, ">>")
            yield text, said.rpartition("<<")[2].partition(">>")[0].strip()
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _until(terminal, mark):
    said = ""
    end = time.monotonic() + PATIENCE
    while mark not in said:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"no {mark} in: {said}"
        said += os.read(terminal, 1 << 16).decode(errors="replace")
    return said


@shell("bash")
def test_bash_completes(folder):
    setup = f"PS1='$ '; bind 'set enable-bracketed-paste off'; source '{FOLDER / SCRIPTS['bash']}'"
    assert list(typed(["bash", "--norc", "--noprofile", "-i"], setup, folder, [*CASES, NONE])) == [
        *CASES,
        NONE,
    ]


@shell("zsh")
def test_zsh_completes(folder):
    functions = folder / "functions"
    functions.mkdir()
    (functions / "_torchlean").write_text(script("zsh"))
    setup = f"PS1='$ '; unset zle_bracketed_paste; fpath+=({functions}); autoload -U compinit; compinit -D -u"
    assert list(typed(["zsh", "-f", "-i"], setup, folder, CASES)) == CASES


@shell("fish")
def test_fish_completes(folder):
    asked = "; ".join(f"echo '<<{text}>>'; complete -C 'torchlean {text}'" for text, _ in [*CASES, NONE])
    ask = f"source '{FOLDER / SCRIPTS['fish']}'; {asked}"
    environment = {"HOME": str(folder / "home"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    _, *answers = done.stdout.split("<<")
    found = [answer.partition(">>\n")[::2] for answer in answers]
    words = [(text, [line.partition("\t")[0] for line in lines.splitlines()]) for text, lines in found]
    assert words == [
        (text, [whole.rpartition(" ")[2]] if whole != text else []) for text, whole in [*CASES, NONE]
    ]
    assert done.stderr == ""


@shell("pwsh")
@pytest.mark.parametrize(("text", "whole"), [case for case in CASES if "," not in case[0]])
def test_powershell_completes(folder, text, whole):
    line = f"torchlean {text}"
    ask = (
        f". '{FOLDER / SCRIPTS['powershell']}'; "
        f"(TabExpansion2 '{line}' {len(line)}).CompletionMatches | ForEach-Object CompletionText"
    )
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", ask], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [whole.rpartition(" ")[2]]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_command_prints_the_script_of_a_shell(capsys, name):
    assert main(["completion", name]) == 0
    assert capsys.readouterr().out == script(name)
    assert all(command in script(name) for command in COMMANDS)


def test_another_shell_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    said = capsys.readouterr().err
    assert all(name in said for name in SCRIPTS)


def test_of_every_argument_it_is_known_what_it_takes():
    parser = whole_parser()
    known = {
        key for command, action in arguments(parser) for key in (f"{command} {action.dest}", action.dest)
    }
    for command, action in arguments(parser):
        taken_by(command, action.dest)
    assert set(_TAKEN) <= known, "no argument is called so"


def test_what_a_command_takes_itself_goes_before_what_the_others_take():
    assert taken_by("run", "out") == Files((".npy",))
    assert taken_by("init", "out") != taken_by("convert", "out")
    assert taken_by("check", "select") == Words(tuple(RULES), many=True)


def test_the_scripts_are_those_of_the_command_line():
    pytest.importorskip("shtab", reason="shtab, which writes the scripts, is not installed")
    from torchlean_core.cli.completion_scripts import scripts

    for name, text in scripts().items():
        assert (FOLDER / name).read_text("utf-8") == text, "`make completion` writes the scripts again"
