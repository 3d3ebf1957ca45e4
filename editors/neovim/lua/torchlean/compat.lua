-- What Neovim 0.10, 0.11 and 0.12 call differently.
local M = {}

M.has_config = vim.fn.has('nvim-0.11') == 1
local METHODS = vim.fn.has('nvim-0.11') == 1
local OF_012 = vim.fn.has('nvim-0.12') == 1

--- Calls a method of a client: from 0.11 on methods take the client itself.
---@param client vim.lsp.Client
---@param method string
function M.call(client, method, ...)
  if METHODS then
    return client[method](client, ...)
  end
  return client[method](...)
end

--- The result of a command of the server, at once; empty where it does not answer soon.
---@param client vim.lsp.Client
---@param bufnr integer
---@param command string
---@param ... table its argument, where it takes one
---@return table
function M.execute_sync(client, bufnr, command, ...)
  local params = { command = command, arguments = { ... } }
  local answer = M.call(client, 'request_sync', 'workspace/executeCommand', params, 1000, bufnr)
  return vim.tbl_get(answer or {}, 'result') or {}
end

--- Shows the code lenses of a buffer, or shows them anew. From 0.12 on the server is listened to, and asking is needless.
--- Before, vim.lsp.codelens.refresh() would wait for ever for the answer of a server that was ended meanwhile.
---@param client vim.lsp.Client
---@param bufnr integer
function M.show_lenses(client, bufnr)
  if OF_012 then
    vim.lsp.codelens.enable(true, { bufnr = bufnr })
    return
  end
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
  M.call(client, 'request', 'textDocument/codeLens', params, vim.lsp.codelens.on_codelens, bufnr)
end

--- Asks for the diagnostics of open buffers anew: 0.12 asks for those of the others only, where a server has both.
local function refresh_diagnostics(err, result, context)
  local client = vim.lsp.get_client_by_id(context.client_id)
  for bufnr in pairs(client and client.attached_buffers or {}) do
    local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
    M.call(client, 'request', 'textDocument/diagnostic', params, nil, bufnr)
  end
  return vim.lsp.handlers['workspace/diagnostic/refresh'](err, result, context)
end

--- Handlers of the client that differ from Neovim's own.
---@type table<string, function>
M.handlers = OF_012 and { ['workspace/diagnostic/refresh'] = refresh_diagnostics } or {}

--- Whether the server `torchlean` was enabled with vim.lsp.enable().
---@return boolean
function M.is_enabled()
  if not M.has_config then
    return false
  end
  if vim.lsp.is_enabled then
    return vim.lsp.is_enabled('torchlean')
  end
  return vim.lsp._enabled_configs.torchlean ~= nil
end

return M
