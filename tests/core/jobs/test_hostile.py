"""Models that are hostile or unusual, captured in workers: what a person gets, and that nothing is left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.jobs.conftest import Run
from tests.core.jobs.test_jobs import wait_until_gone
from tests.hostile import (
    ALLOCATES,
    ENDLESS,
    LAYERS,
    MISSING_IMPORT,
    PRINTS,
    RELATIVE,
    SLOW_IMPORT,
    STARTS_PROCESSES,
    UNUSUAL,
    model,
)
from torchlean_core.jobs import JobError, JobTimeout, WarmWorker, run_job

Capture = Callable[..., dict[str, Any]]


def capture(run: Run, folder: Path, source: str | bytes, **options: Any) -> dict[str, Any]:
    """The result of capturing a file with this source, with what was printed as `printed`."""
    file = folder / options.pop("file", "net.py")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(source if isinstance(source, bytes) else source.encode())
    request = {
        "file": str(file),
        "name": options.pop("name", "Net"),
        "out": str(folder / "net.ir.json"),
        "example_shape": [1, 4],
    }
    events: list[dict[str, Any]] = []
    result = run("capture", request, cwd=folder, on_event=events.append, **options)
    printed = "".join(event["text"] for event in events if event["event"] == "output")
    return {**result, "printed": printed}


@pytest.fixture
def warmly(warm: WarmWorker, tmp_path: Path) -> Capture:
    """Captures a source in a warm worker."""

    def captured(source: str | bytes, **options: Any) -> dict[str, Any]:
        return capture(lambda *args, **more: run_job(*args, warm=warm, **more), tmp_path, source, **options)

    return captured


# -- what ends in a message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constructor", "message"),
    [
        ("raise ValueError('no such luck')", r"net\.py:11: TL602 ValueError: no such luck"),
        ("os._exit(4)", r"ended the worker process itself \(exit code 4"),
        ("sys.exit(4)", r"net\.py:11: TL602 sys\.exit\(4\) was called"),
        ("os.kill(os.getpid(), 11)", r"ended by SIGSEGV: a crash in native code"),
    ],
)
def test_a_constructor_that_does_not_return_is_a_message(
    run: Run, tmp_path: Path, constructor: str, message: str
) -> None:
    with pytest.raises(JobError, match=message) as caught:
        capture(run, tmp_path, model(constructor))
    assert "internal error" not in str(caught.value)
    assert not (tmp_path / "net.ir.json").exists()


@pytest.mark.parametrize("place", ENDLESS)
def test_a_loop_without_end_runs_into_the_time_limit(warmly: Capture, place: str) -> None:
    with pytest.raises(JobTimeout, match=r"ran past its time limit of 1 s .*; it was at line \d+ of net\.py"):
        warmly(ENDLESS[place], timeout=1)


def test_a_slow_import_runs_into_the_time_limit(warmly: Capture) -> None:
    with pytest.raises(JobTimeout, match="ran past its time limit of 1 s"):
        warmly(SLOW_IMPORT, timeout=1)


@pytest.mark.parametrize("what", ALLOCATES)
def test_memory_without_end_runs_into_the_limit(warmly: Capture, what: str) -> None:
    with pytest.raises(
        JobError, match=r"net\.py:11: TL602 the capture needs more than its memory limit of 4,096 MiB"
    ):
        warmly(ALLOCATES[what], memory_limit=4 << 30)


def test_a_missing_module_says_which_interpreter_looked_for_it(run: Run, tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        capture(run, tmp_path, MISSING_IMPORT)
    assert re.search(
        r"net\.py:1: TL602 ModuleNotFoundError: No module named 'not_there_at_all' \(with the interpreter /\S+; "
        r"an editor's setting `torchlean\.python\.interpreter` selects another\)$",
        str(caught.value),
    )


@pytest.mark.parametrize("wrapped", ["torch.jit.script(Net())", "torch.jit.trace(Net(), torch.zeros(1, 4))"])
def test_torchscript_is_refused_in_words(warmly: Capture, wrapped: str) -> None:
    with pytest.raises(
        JobError,
        match=r"net\.py:\d+: TL603 the model is TorchScript .* capture the module that it was made from",
    ):
        warmly(model() + f"\n\ndef make():\n    return {wrapped}\n", name="make")


def test_a_part_that_is_torchscript_is_named(warmly: Capture) -> None:
    with pytest.raises(JobError, match=r"net\.py:\d+: TL603 `layer` is TorchScript"):
        warmly(model("self.layer = torch.jit.script(self.layer)"))


# -- what is captured all the same ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", UNUSUAL)
def test_unusual_files_are_captured(warmly: Capture, what: str) -> None:
    assert warmly(UNUSUAL[what])["nodes"] == 2


def test_a_compiled_model_is_captured_as_what_was_compiled(warmly: Capture) -> None:
    source = model() + "\n\ndef make():\n    return torch.compile(Net())\n"
    assert warmly(source, name="make")["nodes"] == 2


def test_what_a_model_prints_and_writes_to_descriptors_is_output(run: Run, tmp_path: Path) -> None:
    printed = capture(run, tmp_path, PRINTS)["printed"].split()
    assert set(printed) == {"printed", "one", "two", "three"}


def test_processes_that_a_model_starts_end_with_its_capture(run: Run, tmp_path: Path) -> None:
    pids = [int(pid) for pid in capture(run, tmp_path, STARTS_PROCESSES)["printed"].split()]
    assert pids
    wait_until_gone(pids)


def test_a_sibling_that_was_edited_between_two_captures_is_seen(run: Run, tmp_path: Path) -> None:
    source = "import sibling\n" + model("self.layer = nn.Linear(4, sibling.WIDTH)")
    for width in (2, 3):
        (tmp_path / "sibling.py").write_text(f"WIDTH = {width}\n", encoding="utf-8")
        os.utime(tmp_path / "sibling.py", (1e9, 1e9))  # in the same second, of the same size
        result = capture(run, tmp_path, source)
        assert result["parameters"] == 5 * width


def test_nothing_of_a_model_reaches_the_next_one(warmly: Capture) -> None:
    warmly("import builtins, torch\nbuiltins.left = 1\ntorch.left = 1\n" + model())
    check = "import builtins, torch\nassert not hasattr(builtins, 'left') and not hasattr(torch, 'left')\n"
    assert warmly(check + model())["nodes"] == 2


# -- packages -------------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a module `layers`."""
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "layers.py").write_text(LAYERS, encoding="utf-8")
    return folder


def test_a_module_of_a_package_may_import_relatively(run: Run, tmp_path: Path, package: Path) -> None:
    assert capture(run, tmp_path, RELATIVE, file="pkg/net.py")["nodes"] == 2


def test_the_outermost_package_counts(warmly: Capture, package: Path) -> None:
    (package / "inner").mkdir()
    (package / "inner" / "__init__.py").touch()
    source = (
        "from pkg.layers import LAYER\nfrom ..layers import LAYER as SAME\nassert LAYER is SAME\n" + model()
    )
    assert warmly(source, file="pkg/inner/net.py")["nodes"] == 2


def test_a_module_that_its_package_imports_is_run_once(warmly: Capture, package: Path) -> None:
    (package / "__init__.py").write_text("from pkg.net import Net\n", encoding="utf-8")
    assert warmly("print('run')\n" + RELATIVE, file="pkg/net.py")["printed"].split() == ["run"]


def test_a_module_of_a_package_may_import_its_siblings_as_a_script_does(
    warmly: Capture, package: Path
) -> None:
    source = "from layers import LAYER\n" + model("self.layer = LAYER(4, 2)")
    assert warmly(source, file="pkg/net.py")["nodes"] == 2


def test_a_relative_import_of_what_is_not_there_says_what_is_missing(warmly: Capture, tmp_path: Path) -> None:
    with pytest.raises(
        JobError, match=rf"net\.py:1: TL602 ModuleNotFoundError: No module named '{tmp_path.name}\.\w+'"
    ):
        warmly(RELATIVE)


def test_a_package_that_cannot_be_imported_is_a_message(warmly: Capture, package: Path) -> None:
    (package / "__init__.py").write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    with pytest.raises(JobError, match="RuntimeError: not today"):
        warmly(RELATIVE, file="pkg/net.py")
