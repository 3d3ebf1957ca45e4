-- Training: the server's form asks for what to train with where no options are given.
local form = require('torchlean.form')
local notify = require('torchlean.notify')
local request = require('torchlean.request')

local M = {}

---@type table<string, fun(text: string): any> options of :TorchLean train, and how their values are read
M.OPTIONS = { data = form.path }
for _, name in ipairs({ 'device', 'loss', 'optimizer', 'schedule', 'x', 'y' }) do
  M.OPTIONS[name] = tostring
end
--- A number that a message can hold: `nan` and `inf` are none.
---@param text string
---@return number?
local function number(text)
  local value = tonumber(text)
  return value and value == value and math.abs(value) ~= math.huge and value or nil
end

for _, name in ipairs({ 'batch_size', 'epochs', 'lr', 'output', 'seed', 'steps', 'val_split' }) do
  M.OPTIONS[name] = number
end

--- Reads `name=value` words.
---@param words string[]
---@return table<string, any>? options nil, and a message, where one is none
function M.read(words)
  local options = {}
  for _, word in ipairs(words) do
    local name, text = word:match('^([%w_]+)=(.+)$')
    local read = name and M.OPTIONS[name]
    local value = read and read(text)
    if read and value == nil then
      notify.error(("%s=: expected a number, found '%s'"):format(name, text))
      return nil
    elseif value == nil then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(M.OPTIONS)), '=, ')
      notify.error(("'%s' is no option of a training; there are %s="):format(word, names))
      return nil
    end
    options[name] = value
  end
  return options
end

---@param result table
local function show(result)
  local file = vim.fs.basename(result.output)
  local losses = ('loss %.4g → %.4g'):format(result.first_loss, result.last_loss)
  notify.info(('%s: %s after %d steps'):format(file, losses, result.steps))
end

--- Trains an artifact.
---@param client vim.lsp.Client
---@param argument table what the command takes
function M.train(client, argument)
  request.execute({ client = client, command = 'torchlean.train', argument = argument, on_result = show })
end

return M
