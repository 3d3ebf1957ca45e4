-- The commands of code lenses and code actions, for the client: its own way shows errors only, with their numbers.
local capture = require('torchlean.capture')
local request = require('torchlean.request')

local M = {}

---@param command lsp.Command
---@param context { client_id: integer }
---@return vim.lsp.Client? client, table argument
local function read(command, context)
  return vim.lsp.get_client_by_id(context.client_id), vim.deepcopy((command.arguments or {})[1] or {})
end

for _, name in ipairs({ 'check', 'convert', 'emit', 'init', 'openFile', 'refresh' }) do
  M['torchlean.' .. name] = function(command, context)
    local client, argument = read(command, context)
    if client then
      request.execute({ client = client, command = command.command, argument = argument })
    end
  end
end

for _, name in ipairs({ 'capture', 'captureAndEmit' }) do
  M['torchlean.' .. name] = function(command, context)
    local client, argument = read(command, context)
    if client then
      capture.run(client, command.command, argument)
    end
  end
end

M['torchlean.showGraph'] = function(command, context)
  local client, argument = read(command, context)
  if client then
    require('torchlean.graph').show(client, argument.uri)
  end
end

M['torchlean.train'] = function(command, context)
  local client, argument = read(command, context)
  if client then
    require('torchlean.train').train(client, argument.uri, nil, argument)
  end
end

return M
