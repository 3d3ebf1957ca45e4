"""What a capture learns about the user's code: spans of operators, shapes of names, findings in their place."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.job import run
from torchlean_core.capture.record import Expression, Line, Record
from torchlean_core.errors import UserError

Explain = Callable[..., Record]

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"


@pytest.fixture
def explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explain:
    """The record of a capture of `Net` in a text; helpers are files beside it."""

    def of(text: str, shape: tuple[int, ...] = (1, 4), head: str = HEAD, **helpers: str) -> Record:
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        for name, content in helpers.items():
            (tmp_path / f"{name}.py").write_text(HEAD + textwrap.dedent(content), encoding="utf-8")
            sys.modules.pop(name, None)
        file = tmp_path / "model.py"
        file.write_text(head + textwrap.dedent(text), encoding="utf-8")
        request: dict[str, Any] = {
            "file": str(file),
            "name": "Net",
            "out": str(tmp_path / "o.ir.json"),
            "example_shape": list(shape),
        }
        try:
            found = run(request, lambda event: None)["record"]
        except UserError as error:
            found = error.data["record"]
        for name in ("model", "_torchlean_model_model", *helpers):
            sys.modules.pop(name, None)
        return Record.of_json(found)

    return of


def text_of(record: Record, one: Expression) -> str:
    lines = Path(record.files[one.file].path).read_text(encoding="utf-8").split("\n")
    span = one.span
    assert span.line == span.end_line
    return lines[span.line - 1][span.column : span.end_column]


def shapes(line: Line) -> dict[str, list[tuple[tuple[int, ...], int]]]:
    return {bound.name: [(seen.shape, seen.count) for seen in bound.values] for bound in line.bound}


def line_with(record: Record, text: str) -> Line:
    lines = Path(record.files[0].path).read_text(encoding="utf-8").split("\n")
    number = next(number for number, line in enumerate(lines, 1) if text in line)
    return next(line for line in record.lines if line.line == number)


def test_each_operator_has_the_span_of_its_expression_and_the_nodes_it_became(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def forward(self, x):
                y, z = torch.relu(x), torch.tanh(x) * 2
                return y + z
        """
    )
    found = {text_of(record, one): one for one in record.expressions}
    assert found["torch.relu(x)"].operators == ("aten.relu.default",)
    assert found["torch.tanh(x)"].values[0].shape == (1, 4)
    assert found["torch.tanh(x) * 2"].operators == ("aten.mul.Tensor",)
    assert found["y + z"].nodes and not set(found["y + z"].nodes) & set(found["torch.relu(x)"].nodes)


def test_columns_count_characters_where_names_are_not_ascii(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def forward(self, größe):
                naïve = "é🙂"; größe = torch.relu(größe)
                return größe
        """
    )
    assert "torch.relu(größe)" in {text_of(record, one) for one in record.expressions}


def test_a_line_that_ran_for_several_modules_keeps_each_shape_with_its_count(explain: Explain) -> None:
    record = explain(
        """
        class Part(nn.Module):
            def __init__(self, a, b):
                super().__init__()
                self.fc = nn.Linear(a, b)

            def forward(self, x):
                h = self.fc(x)
                return torch.relu(h)

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.parts = nn.Sequential(Part(4, 4), Part(4, 4), Part(4, 2))

            def forward(self, x):
                return self.parts(x)
        """
    )
    line = line_with(record, "h = self.fc(x)")
    assert shapes(line) == {"h": [((1, 4), 2), ((1, 2), 1)]}
    assert line.bound[0].values[0].modules == ("parts.0", "parts.1")
    assert line.function == "Part.forward"


def test_loops_branches_and_statements_of_several_lines_are_followed(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def forward(self, x):
                for step in range(3):
                    x = torch.cat([x, x], 1) if step else x
                if x.shape[1] > 8:
                    (y,
                     z) = x.chunk(
                        2,
                        1,
                    )
                else:
                    y = never = x
                try:
                    raise ValueError
                except ValueError:
                    z = z[:, :3]
                with torch.no_grad(): w = z + 1
                x = (
                    w
                    * 2)
                return {"a": x}["a"]
        """
    )
    assert shapes(line_with(record, "x = torch.cat")) == {"x": [((1, 4), 1), ((1, 8), 1), ((1, 16), 1)]}
    chunks = line_with(record, "(y,")
    assert shapes(chunks) == {"y": [((1, 8), 1)], "z": [((1, 8), 1)]} and chunks.end_line == chunks.line + 4
    assert shapes(line_with(record, "z = z[:, :3]")) == {"z": [((1, 3), 1)]}
    assert shapes(line_with(record, "x = (")) == {"x": [((1, 3), 1)]}
    assert not any(bound.name == "never" for line in record.lines for bound in line.bound)


def test_what_a_failing_capture_saw_until_then_is_told(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(4, 8)
                self.second = nn.Linear(9, 2)

            def forward(self, x):
                h = self.first(x)
                y = torch.relu(h); y = self.second(y)
                return y
        """
    )
    assert not record.complete and record.result is None
    assert shapes(line_with(record, "h = self.first(x)")) == {"h": [((1, 8), 1)]}
    [finding] = record.findings
    assert finding.code == "TL603" and finding.span is not None
    assert (
        text_of(record, Expression(0, finding.span, "")) == "self.second(y)"
        and "y is [1, 8]; " in finding.message.replace("self.second is", "; self.second is")
    ) or "y is [1, 8]" in finding.message
    assert "self.second is Linear(in_features=9" in finding.message


def test_one_finding_for_an_expression_counts_the_modules_it_was_found_for(explain: Explain) -> None:
    record = explain(
        """
        class Part(nn.Module):
            def __init__(self):
                super().__init__()
                self.act = nn.GELU()

            def forward(self, x):
                return self.act(x)

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.parts = nn.ModuleList(Part() for _ in range(3))

            def forward(self, x):
                for part in self.parts:
                    x = part(x)
                return x
        """
    )
    [finding] = record.findings
    assert finding.code == "TL601" and finding.allow == "gelu=erf"
    assert finding.modules == ("parts.0.act", "parts.1.act", "parts.2.act")
    assert [call.function for call in finding.calls] == ["Net.forward"]
    assert shapes(line_with(record, "return self.act(x)")) == {"return": [((1, 4), 3)]}  # none was lost


def test_findings_in_another_file_have_that_file_and_the_way_there(explain: Explain) -> None:
    record = explain(
        """
        import helper_of_test

        class Net(nn.Module):
            def forward(self, x):
                return helper_of_test.outer(x)
        """,
        helper_of_test="""
        def inner(x):
            return torch.erf(x)

        def outer(x):
            y = x * 2
            return inner(y)
        """,
    )
    [finding] = record.findings
    assert finding.file is not None and Path(finding.file).name == "helper_of_test.py"
    assert [call.function for call in finding.calls] == ["Net.forward", "outer"]
    assert finding.line is not None and finding.line == finding.calls[0].span.line
    assert [Path(file.path).name for file in record.files] == ["model.py", "helper_of_test.py"]
    assert any(line.file == 1 and shapes(line) == {"y": [((1, 4), 1)]} for line in record.lines)


def test_code_that_was_made_by_exec_has_no_place_and_stops_nothing(explain: Explain) -> None:
    record = explain(
        """
        exec("def made(x):\\n    y = x + 1\\n    return y")

        class Net(nn.Module):
            def forward(self, x):
                return made(x)
        """
    )
    assert record.result is not None
    assert {text_of(record, one) for one in record.expressions} == {"made(x)"}


def test_a_tracer_of_the_users_own_wins(explain: Explain) -> None:
    before = sys.gettrace()
    try:
        record = explain(
            """
            import sys
            seen = []

            def tracer(frame, event, argument):
                seen.append(event)

            class Net(nn.Module):
                def forward(self, x):
                    sys.settrace(tracer)
                    y = torch.relu(x)
                    return y
            """
        )
    finally:
        sys.settrace(before)
    assert record.traced_by_other and record.result is not None
    assert "torch.relu(x)" in {
        text_of(record, one) for one in record.expressions
    }  # places are known all the same


def test_generators_lambdas_decorators_and_hooks_are_recorded(explain: Explain) -> None:
    record = explain(
        """
        import functools

        def twice(function):
            @functools.wraps(function)
            def wrapper(self, x):
                return function(self, function(self, x))
            return wrapper

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(4, 4)
                self.fc.register_forward_hook(lambda module, inputs, output: output * 2)

            def pieces(self, x):
                for row in x.split(1):
                    part = row + 1
                    yield part

            @twice
            def forward(self, x):
                parts = [self.fc(part) for part in self.pieces(x)]
                return torch.cat(parts)
        """,
        (3, 4),
    )
    assert record.result is not None and record.complete
    assert shapes(line_with(record, "part = row + 1")) == {"part": [((1, 4), 6)]}
    assert shapes(line_with(record, "return torch.cat(parts)")) == {"return": [((3, 4), 2)]}
    header = line_with(record, "def forward(self, x):")
    assert shapes(header) == {"x": [((3, 4), 2)]}


def test_recording_changes_nothing_of_the_artifact(explain: Explain, tmp_path: Path) -> None:
    source = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(4, 2)

            def forward(self, x):
                return self.fc(x)
        """
    explain(source)
    first = (tmp_path / "o.ir.json").read_bytes()
    from torchlean_core.capture.target import Target
    from torchlean_core.capture.write import capture_file
    from torchlean_core.options.capture import Options

    capture_file(Target(tmp_path / "model.py", "Net"), (1, 4), tmp_path / "o.ir.json", Options())
    assert (tmp_path / "o.ir.json").read_bytes() == first


def test_a_text_that_is_not_saved_is_captured_in_place_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "unsaved.py"
    file.write_text("nothing here(", encoding="utf-8")
    text = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return torch.erf(x)\n"
    request = {"file": str(file), "name": "Net", "out": str(tmp_path / "o.ir.json"), "example_shape": [2, 3]}
    with pytest.raises(CaptureError) as caught:
        run({**request, "source": text}, lambda event: None)
    [finding] = Record.of_json(caught.value.data["record"]).findings
    assert finding.span is not None
    assert text.split("\n")[finding.span.line - 1][finding.span.column :] == "torch.erf(x)"
    assert torch.is_grad_enabled()


def test_an_error_inside_of_torch_stands_where_the_trace_came_to(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.l = nn.Linear(4, 4)

            def forward(self, x):
                y = torch.relu(x)
                try:
                    h = self.l(y[:, :3])
                except RuntimeError:
                    h = self.l(y)
                return h
        """
    )
    for finding in record.findings:
        assert finding.code == "TL603" and finding.span is not None
    assert record.complete


def test_a_lambda_gives_its_line_nothing_but_its_result(explain: Explain) -> None:
    record = explain(
        """
        class Net(nn.Module):
            def forward(self, x):
                q = (lambda t: torch.relu(t).sum(1))(x)
                return q
        """
    )
    line = line_with(record, "q = (lambda")
    assert shapes(line) == {"q": [((1,), 1)]} and line.function == "Net.forward"
    found = {text_of(record, one): one for one in record.expressions}
    assert found["(lambda t: torch.relu(t).sum(1))(x)"].values[0].shape == (1,)
    assert found["torch.relu(t)"].nodes


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("builtins.len = None", "len"),
        ("os.replace = None", "os.replace"),
        ("json.dumps = None", "json.dumps"),
    ],
)
def test_code_that_replaces_pythons_own_functions_is_told_so(
    explain: Explain, statement: str, name: str
) -> None:
    record = explain(
        f"""
        import builtins, json, os
        {statement}

        class Net(nn.Module):
            def forward(self, x):
                return x + 1
        """
    )
    [finding] = record.findings
    assert finding.message == f"the code being run replaced Python's own {name}, which the capture needs"
    assert len("all is as before") == 16
