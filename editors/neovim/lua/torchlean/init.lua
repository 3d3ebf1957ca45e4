-- TorchLean for Neovim: checks artifacts while one types, and moves networks between PyTorch and TorchLean.
local M = {}

-- The release that this plugin is part of, as the program says its own.
M.version = '0.1.0'

--- Enables the language server, for artifacts and for Python files that use torch.
---@param options? torchlean.Options
function M.setup(options)
  if vim.fn.has('nvim-0.10') == 0 then
    return -- said by the plugin
  end
  if options ~= nil then
    vim.g.torchlean = options
  end
  for _, problem in ipairs(require('torchlean.options').problems()) do
    require('torchlean.notify').error(problem)
  end
  local server = require('torchlean.server')
  if require('torchlean.compat').has_config then
    vim.lsp.enable('torchlean')
    return
  end
  server.is_started_here = true
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('torchlean.start', {}),
    pattern = server.FILETYPES,
    callback = function(event)
      server.start(event.buf)
    end,
  })
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if server.is_wanted(bufnr) then
      server.start(bufnr)
    end
  end
end

return M
