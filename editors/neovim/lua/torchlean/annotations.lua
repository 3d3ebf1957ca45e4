-- Inlay hints and code lenses, where the option `annotations` is on.
local compat = require('torchlean.compat')
local options = require('torchlean.options')

local M = {}

local PAUSE = 200

local group = vim.api.nvim_create_augroup('torchlean.annotations', {})

---@type table<integer, uv.uv_timer_t> buffers whose lenses are about to be shown anew
local due = {}

--- Shows the lenses of a buffer anew, once for all reasons that come together.
---@param bufnr integer
local function refresh(bufnr)
  if due[bufnr] or not vim.b[bufnr].torchlean_annotations then
    return
  end
  due[bufnr] = vim.defer_fn(function()
    due[bufnr] = nil
    local client = require('torchlean.server').clients(bufnr)[1]
    if client and vim.api.nvim_buf_is_loaded(bufnr) then
      compat.show_lenses(client, bufnr)
    end
  end, PAUSE)
end

--- A client serves a buffer: its hints and lenses are shown.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  if not options.get('annotations') then
    return
  end
  vim.b[bufnr].torchlean_annotations = true
  vim.lsp.inlay_hint.enable(true, { bufnr = bufnr })
  compat.show_lenses(client, bufnr)
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.api.nvim_create_autocmd({ 'BufEnter', 'BufWritePost', 'InsertLeave', 'TextChanged', 'DiagnosticChanged' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      refresh(bufnr)
    end,
  })
end

--- Shows the lenses of all buffers of a client anew: work of its ended.
---@param client vim.lsp.Client
function M.refresh(client)
  for bufnr in pairs(client.attached_buffers) do
    refresh(bufnr)
  end
end

return M
