---@brief
---
--- Language server for `torchlean.ir.v1` artifacts, and for the Python files that they come from.
---
--- Install it with `pip install torchlean-ls` and enable it with `vim.lsp.enable('torchlean')`.
---
--- `init_options.trusted` says whether the server may run code of the project, which capture does when asked to. Set
--- it to false for code that you do not trust.
---
--- Shapes beside the lines of models are inlay hints, and capture and state of a model are code lenses: Neovim shows
--- either when asked to, see |torchlean-models|. `settings.torchlean.captureOnSave` captures a file's models when it is
--- saved.

---@type vim.lsp.Config
return {
  cmd = { 'torchlean', 'server', '--stdio' },
  filetypes = { 'json', 'python' },
  root_markers = { 'torchlean.toml', 'pyproject.toml', '.git' },
  init_options = { trusted = true },
  settings = {
    torchlean = {
      device = 'auto',
    },
  },
  commands = require('torchlean').commands,
  handlers = {
    ['workspace/executeCommand'] = function(...)
      return require('torchlean').on_result(...)
    end,
  },
}
