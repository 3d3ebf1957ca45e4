-- Training: the server's form asks for what to train with where no options are given.
local compat = require('torchlean.compat')
local form = require('torchlean.form')
local notify = require('torchlean.notify')
local request = require('torchlean.request')

local M = {}

---@class torchlean.Option an option of a training, as the server tells it
---@field name string
---@field type 'number'|'whole'|'text'|'file'|'folder'|'flag'
---@field values string[] what it mostly gets
---@field endings string[] of files
---@field bare boolean whether its name alone means something

local COMMAND = 'torchlean.trainOptions'

--- A number that a message can hold: `nan` and `inf` are none.
---@param text string
---@return number?
local function number(text)
  local value = tonumber(text)
  return value and value == value and math.abs(value) ~= math.huge and value or nil
end

---@param text string
---@return integer?
local function whole(text)
  local value = number(text)
  return value and value % 1 == 0 and value or nil
end

---@param text string
---@return string
local function path(text)
  return vim.fn.fnamemodify(text, ':p')
end

---@type table<string, { read: fun(text: string): any, expected: string }>
local TYPES = {
  number = { read = number, expected = 'a number' },
  whole = { read = whole, expected = 'a whole number' },
  text = { read = tostring, expected = 'a word' },
  file = { read = path, expected = 'a file' },
  folder = { read = path, expected = 'a folder' },
  flag = {
    read = function(text)
      return text == 'true' or nil
    end,
    expected = 'true, or nothing behind its name',
  },
}

--- Reads one word; nil, and a message, where it means nothing.
---@param options torchlean.Option[]
---@param word string `name=value`, or the name alone of an option that needs no value
---@return string? name, any value
local function read_word(options, word)
  local name, text = word:match('^([%w_]+)=(.+)$')
  for _, option in ipairs(options) do
    if option.name == (name or word) and (name or option.bare) then
      if not name then
        return option.name, true
      end
      local kind = TYPES[option.type]
      -- the data may be a function, `module:function`, too
      local value = (name == 'data' and form.path or kind.read)(text)
      if value == nil then
        notify.error(("%s=: expected %s, found '%s'"):format(name, kind.expected, text))
        return nil
      end
      return name, value
    end
  end
  local names = table.concat(M.words(options), ', ')
  notify.error(("'%s' is no option of a training; there are %s"):format(word, names))
end

--- The options as one types them, sorted.
---@param options torchlean.Option[]
---@return string[]
function M.words(options)
  return vim.fn.sort(vim.tbl_map(function(option)
    return option.bare and option.name or option.name .. '='
  end, options))
end

--- The options of a training, at once; none where the server does not answer soon.
---@param client vim.lsp.Client
---@param bufnr integer
---@return torchlean.Option[]
function M.options(client, bufnr)
  return compat.execute_sync(client, bufnr, COMMAND).options or {}
end

--- Reads the words behind `:TorchLean train`.
---@param client vim.lsp.Client
---@param words string[]
---@param on_options fun(options: table<string, any>) called where all of them mean something
function M.read(client, words, on_options)
  if #words == 0 then
    on_options({})
    return
  end
  request.execute({
    client = client,
    command = COMMAND,
    argument = vim.empty_dict(),
    on_result = function(result)
      local options = {}
      for _, word in ipairs(words) do
        local name, value = read_word(result.options, word)
        if not name then
          return
        end
        options[name] = value
      end
      on_options(options)
    end,
  })
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
