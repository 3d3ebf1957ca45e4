"""A folder is judged entry by entry: what cannot be read is one message, and the rest is judged all the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.cli.support import BROKEN, GOOD, torchlean


def link_to_itself(folder: Path) -> None:
    (folder / "l.ir.json").symlink_to("l.ir.json")


def plain_link_to_itself(folder: Path) -> None:
    (folder / "l.json").symlink_to("l.json")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "p.ir.json")


def device(folder: Path) -> None:
    (folder / "zero.ir.json").symlink_to("/dev/zero")


def device_as_settings(folder: Path) -> None:
    (folder / "torchlean.toml").symlink_to("/dev/zero")


def pipe_as_settings(folder: Path) -> None:
    os.mkfifo(folder / "pyproject.toml")


def deep_settings(folder: Path) -> None:
    (folder / "torchlean.toml").write_text("x=" + "[" * 20_000 + "]" * 20_000)


def settings_from_elsewhere(folder: Path) -> None:
    (folder / "torchlean.toml").symlink_to("/etc/hosts")


def device_as_ignores(folder: Path) -> None:
    (folder / ".gitignore").symlink_to("/dev/zero")


def pipe_as_ignores(folder: Path) -> None:
    os.mkfifo(folder / ".gitignore")


def settings_that_are_a_circle(folder: Path) -> None:
    (folder / "torchlean.toml").symlink_to("torchlean.toml")


def project_that_is_a_circle(folder: Path) -> None:
    (folder / "pyproject.toml").symlink_to("other")
    (folder / "other").symlink_to("pyproject.toml")


def ignores_that_are_a_circle(folder: Path) -> None:
    (folder / ".gitignore").symlink_to(".gitignore")


def file_of_the_system(folder: Path) -> None:
    (folder / "p.ir.json").symlink_to("/proc/self/pagemap")


def parameters_of_the_system(folder: Path) -> None:
    (folder / "p.ir.json").write_text(GOOD)
    (folder / "p.params.safetensors").symlink_to("/proc/self/pagemap")


ODD = {
    settings_that_are_a_circle: "torchlean.toml: Too many levels of symbolic links",
    project_that_is_a_circle: "pyproject.toml: Too many levels of symbolic links",
    ignores_that_are_a_circle: ".gitignore: Too many levels of symbolic links",
    file_of_the_system: "p.ir.json: is a file of the system",
    link_to_itself: "l.ir.json: Too many levels of symbolic links",
    plain_link_to_itself: "l.json: Too many levels of symbolic links",
    pipe: "p.ir.json: is a pipe or socket, no regular file",
    device: "zero.ir.json: is a device, no regular file",
    device_as_settings: "torchlean.toml: is a link that leads out of the project; it is not followed",
    pipe_as_settings: "pyproject.toml: is a pipe or socket, no regular file",
    deep_settings: "torchlean.toml: nested too deep",
    settings_from_elsewhere: "torchlean.toml: is a link that leads out of the project; it is not followed",
    device_as_ignores: ".gitignore: is a link that leads out of the project; it is not followed",
    pipe_as_ignores: ".gitignore: is a pipe or socket, no regular file",
}


@pytest.mark.parametrize("place", ["here", "below"])
@pytest.mark.parametrize("odd", ODD, ids=lambda make: make.__name__)
def test_one_odd_entry_is_one_message_and_the_others_are_judged(
    tmp_path: Path, odd: Callable[[Path], None], place: str
) -> None:
    (tmp_path / "a.ir.json").write_text(GOOD)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.ir.json").write_text(BROKEN)
    odd(tmp_path if place == "here" else tmp_path / "sub")
    done = torchlean("check", "--output-format", "json", ".", cwd=tmp_path)
    assert [one["file"] for one in json.loads(done.stdout)] == ["sub/b.ir.json"]
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and ODD[odd] in lines[0]
    assert done.returncode == 2


def test_a_name_that_is_no_text_is_judged_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.ir.json").write_text(GOOD)
    name = os.fsdecode(b"b\xff.ir.json")
    (tmp_path / name).write_text(BROKEN)
    for form in ("text", "json", "sarif", "github"):
        done = torchlean("check", "--output-format", form, ".", cwd=tmp_path)
        assert done.returncode == 1 and b"TL201" in done.stdout, (form, done.stderr)


def test_folders_may_be_nested_as_deep_as_somebody_likes(tmp_path: Path) -> None:
    folders = [f"{tmp_path}{'/d' * depth}" for depth in range(1, 1_201)]
    for folder in folders:
        os.mkdir(folder)  # noqa: PTH102 - `pathlib` calls itself for each level
    try:
        (tmp_path / "a.ir.json").write_text(BROKEN)
        done = torchlean("check", "--output-format", "json", ".", cwd=tmp_path)
    finally:
        for folder in reversed(folders):
            os.rmdir(folder)  # noqa: PTH106 - and who tidies up after tests does, too
    assert [one["file"] for one in json.loads(done.stdout)] == ["a.ir.json"]
    assert done.returncode == 1
