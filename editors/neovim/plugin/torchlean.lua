-- :TorchLean, and what follows the language server. It is enabled by require('torchlean').setup().
if vim.g.loaded_torchlean then
  return
end
vim.g.loaded_torchlean = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.api.nvim_echo({ { 'TorchLean: Neovim 0.10 or newer is needed', 'WarningMsg' } }, true, {})
  return
end

vim.api.nvim_create_user_command('TorchLean', function(args)
  require('torchlean.command').run(args)
end, {
  nargs = '+',
  bang = true,
  desc = 'Capture, emit, train and show networks (!: over files that are there)',
  complete = function(lead, line, position)
    return require('torchlean.command').complete(lead, line, position)
  end,
})

local group = vim.api.nvim_create_augroup('torchlean', {})

vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  desc = "Show how far TorchLean's work is",
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'torchlean' then
      require('torchlean.progress').on_progress(client, event.data.params)
    end
  end,
})

vim.api.nvim_create_autocmd('BufWritePost', {
  group = group,
  pattern = '*.py',
  desc = 'Start the TorchLean server for a Python file that has got a model',
  callback = function(event)
    local server = require('torchlean.server')
    if server.is_enabled() then
      server.start(event.buf)
    end
  end,
})
