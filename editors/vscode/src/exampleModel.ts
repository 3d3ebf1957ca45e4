// A small model to begin with, as a file of the workspace.
import * as vscode from 'vscode';

const NAME = 'tiny_mlp.py';

const TEXT = `import torch
from torch import nn


# torchlean: example-shape=1,4
class TinyMLP(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.scores = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.hidden(x))
        return self.scores(x)
`;

/** Writes it into a folder of the workspace, and opens it; one that is there already is opened as it is. */
export async function createExampleModel(): Promise<void> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const folder = folders.length > 1 ? await vscode.window.showWorkspaceFolderPick() : folders[0];
  if (folder === undefined) {
    if (folders.length === 0) {
      await vscode.commands.executeCommand('workbench.action.files.openFolder');
    }
    return;
  }
  const file = vscode.Uri.joinPath(folder.uri, NAME);
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(file, { ignoreIfExists: true, contents: new TextEncoder().encode(TEXT) });
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(file);
}
