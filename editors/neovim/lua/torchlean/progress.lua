-- How far the server's long work is, in the command line.
local annotations = require('torchlean.annotations')
local notify = require('torchlean.notify')
local options = require('torchlean.options')

local M = {}

---@type table<string, string> titles of what goes on, by client and token
local titles = {}

--- Shows one message of $/progress.
---@param client vim.lsp.Client
---@param params { token: any, value: table }
function M.on_progress(client, params)
  local key = ('%d %s'):format(client.id, params.token)
  local value = params.value
  if value.kind == 'end' then
    titles[key] = nil
    notify.end_progress()
    annotations.refresh(client) -- what a save captured is told in lenses, too
    return
  end
  titles[key] = titles[key] or value.title
  if not options.get('progress') then
    return
  end
  local percentage = value.percentage and value.percentage > 0 and (' %d%%'):format(value.percentage) or ''
  local message = value.message and value.message ~= '' and ' · ' .. value.message or ''
  notify.progress(('%s%s%s'):format(titles[key] or 'TorchLean', percentage, message:gsub('\n.*', '')))
end

return M
