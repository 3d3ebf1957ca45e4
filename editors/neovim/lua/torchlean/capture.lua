-- Capturing: the server asks for the model and its shape, and what a failed capture found goes to the quickfix list.
local findings = require('torchlean.findings')
local notify = require('torchlean.notify')
local request = require('torchlean.request')
local trust = require('torchlean.trust')

local M = {}

--- What a capture found stands in the files, and is listed: the message is short then.
---@param name? string
---@param err { message: string, data?: table }
---@return boolean shown
local function show_findings(name, err)
  local count = type(err.data) == 'table' and err.data.findings or 0
  if type(count) ~= 'number' or count == 0 then
    return false
  end
  local counted = count == 1 and '1 finding' or ('%d findings'):format(count)
  findings.after_failed_capture()
  notify.error(('%s was not captured: %s, in the quickfix list'):format(name or 'the model', counted))
  return true
end

--- Captures a model.
---@param client vim.lsp.Client
---@param command string `torchlean.capture` or `torchlean.captureAndEmit`
---@param argument table
function M.run(client, command, argument)
  if not client.root_dir or trust.state(client.root_dir) ~= true then
    notify.error('capturing runs code of this folder, which is not trusted; :TorchLean trust')
    return
  end
  request.execute({
    client = client,
    command = command,
    argument = argument,
    on_result = function(result)
      findings.after_capture()
      request.show(result)
    end,
    on_error = function(err, sent)
      return show_findings(sent.name, err)
    end,
  })
end

return M
