---@brief
---
--- Language server for `torchlean.ir.v1` artifacts, and for the Python files that they come from.
---
--- Install it with `pip install torchlean-ls`, and enable it with `require('torchlean').setup()` or
--- `vim.lsp.enable('torchlean')`. It starts where an artifact is, or a Python file that uses torch.
---
--- Neovim's list of trusted folders (|trust|) says whether it may run code of the project, which capture does when
--- asked to.

local server = require('torchlean.server')

---@type vim.lsp.Config
return vim.tbl_extend('error', server.config(), {
  filetypes = server.FILETYPES,
  root_dir = server.begin,
  reuse_client = server.reuse_client,
})
