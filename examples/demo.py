"""The main job of TorchLean LS, shown once from end to end (`make demo`).

Runs the real command line and a real language-server session on `tiny_mlp.py`, and prints what they answer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "demo-out"
COLOR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def heading(number: int, text: str) -> None:
    """Print the title of a step."""
    title = f"{number}. {text}"
    print(f"\n\033[1;36m{title}\033[0m" if COLOR else f"\n{title}\n{'-' * len(title)}", flush=True)


def torchlean(*arguments: str, expect: int = 0) -> None:
    """Run a command as a user would, and show it."""
    print(f"$ torchlean {' '.join(arguments)}", flush=True)
    environment = {**os.environ, **({"FORCE_COLOR": "1"} if COLOR else {})}
    command = [sys.executable, "-m", "torchlean_core", *arguments]
    done = subprocess.run(command, cwd=OUT, env=environment, stderr=subprocess.STDOUT, check=False)
    if done.returncode != expect:
        sys.exit(f"demo: expected exit code {expect}, got {done.returncode}")


def lines_around(text: str, mark: str, before: int, after: int) -> str:
    """Some lines of a text, around the first that holds a mark."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if mark in line)
    return "\n".join("    " + line for line in lines[max(0, at - before) : at + after])


async def session(artifact: Path) -> None:
    """Open an artifact as an editor does; show its diagnostics; apply the quick fix."""
    client = LanguageClient("demo", "1")
    pushed: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def _(params: types.PublishDiagnosticsParams) -> None:
        pushed.put_nowait(params)

    await client.start_io(sys.executable, "-m", "torchlean_core", "server", "--stdio")
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            code_action=types.CodeActionClientCapabilities(
                code_action_literal_support=types.ClientCodeActionLiteralOptions(
                    types.ClientCodeActionKindOptions([types.CodeActionKind.QuickFix])
                )
            )
        )
    )
    await client.initialize_async(types.InitializeParams(capabilities))
    client.initialized(types.InitializedParams())
    uri, text = artifact.as_uri(), artifact.read_text()
    print(f"editor -> server   open {artifact.name}")
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "json", 1, text))
    )
    found = (await pushed.get()).diagnostics
    errors = [item for item in found if item.severity == types.DiagnosticSeverity.Error]
    for item in errors:
        start = item.range.start
        print(
            f"server -> editor   line {start.line + 1}, column {start.character + 1}: {item.code} {item.message}"
        )
    print("editor -> server   what can be done there?")
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), errors[0].range, types.CodeActionContext(errors[:1])
        )
    )
    fix = next(action for action in actions or [] if isinstance(action, types.CodeAction) and action.edit)
    print(f"server -> editor   quick fix: {fix.title}")
    assert fix.edit is not None and fix.edit.changes is not None
    edit = fix.edit.changes[uri][0]
    change = types.TextDocumentContentChangePartial(edit.range, edit.new_text)
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(2, uri), [change])
    )
    left = [
        item for item in (await pushed.get()).diagnostics if item.severity == types.DiagnosticSeverity.Error
    ]
    print(f"editor -> server   the edit, applied\nserver -> editor   errors left: {len(left)}")
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


def main() -> None:
    """Run all steps."""
    start = time.perf_counter()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    print("TorchLean LS: from a PyTorch model to a checked artifact, and back to PyTorch.")
    print(f"Everything below is written to {OUT.name}/.")

    heading(1, "Capture examples/tiny_mlp.py: the model becomes a torchlean.ir.v1 artifact, with its weights")
    torchlean("capture", "../examples/tiny_mlp.py:TinyMLP", "-o", "tiny_mlp.ir.json")
    print((OUT / "tiny_mlp.ir.json").read_text())

    heading(
        2, "Check it: every rule that TorchLean's importer has, on every node (TL404 is a note on batches)"
    )
    torchlean("check", "tiny_mlp.ir.json", "--ignore", "TL404")

    heading(3, "Live: what a capture learns of the source, as an editor shows it while you write the model")
    torchlean(
        "capture", "../examples/gelu_block.py:GeluBlock", "-o", "gelu_block.ir.json", "--explain", expect=1
    )
    print("It was refused for one expression; with `--approximate gelu=tanh` it is captured, and says so:")
    torchlean(
        "capture",
        "../examples/gelu_block.py:GeluBlock",
        "-o",
        "gelu_block.ir.json",
        "--approximate",
        "gelu=tanh",
    )

    heading(4, "Break a copy: node 2, a relu, now claims another shape than its operand has")
    broken = OUT / "broken.ir.json"
    whole = (OUT / "tiny_mlp.ir.json").read_text()
    broken.write_text(
        whole.replace(
            '"kind": "relu", "parents": [1], "shape": [1, 8]',
            '"kind": "relu", "parents": [1], "shape": [1, 9]',
        )
    )
    torchlean("check", "broken.ir.json", "--ignore", "TL404", expect=1)

    heading(5, "The same in a real language-server session, as your editor sees it")
    asyncio.run(session(broken))

    heading(6, "Emit the nn.Module that the artifact describes")
    torchlean("emit", "tiny_mlp.ir.json", "--class-name", "TinyMLP")
    print(lines_around((OUT / "tiny_mlp.py").read_text(), "def forward", 0, 9))

    heading(
        7, "Initialize its parameters anew: the same seed gives the same bits, and the module is now stale"
    )
    torchlean("init", "tiny_mlp.ir.json", "--seed", "7", "--force")
    torchlean("emit", "tiny_mlp.ir.json", "--check", expect=1)

    heading(8, "Train it for a few steps (on synthetic data, as none is given)")
    torchlean(
        "train", "tiny_mlp.ir.json", "--steps", "200", "--log-every", "50", "--lr", "0.05", "--device", "cpu"
    )

    heading(9, "Evaluate the trained network with the reference interpreter")
    torchlean("run", "tiny_mlp.ir.json", "--input", "random", "--params", "tiny_mlp.trained.safetensors")

    heading(10, "Say it in the dialect of later TorchLean, with the trained numbers in the file itself")
    torchlean(
        "convert",
        "tiny_mlp.ir.json",
        "-o",
        "later.ir.json",
        "--dialect",
        "generalized",
        "--params",
        "tiny_mlp.trained.safetensors",
    )
    torchlean("check", "later.ir.json")
    torchlean("run", "later.ir.json", "--input", "random")

    print(
        f"\nDone in {time.perf_counter() - start:.0f} s. docs/how-to/ says how to see this in VS Code and Neovim."
    )


if __name__ == "__main__":
    main()
