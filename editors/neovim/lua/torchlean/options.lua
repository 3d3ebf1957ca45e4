-- The options: vim.g.torchlean, which require('torchlean').setup() fills.
local M = {}

---@class torchlean.Options
---@field cmd? string[] the server's command line
---@field settings? table section `torchlean` of the server's settings
---@field annotations? boolean whether inlay hints and code lenses are shown
---@field trust? 'ask'|boolean whether the server may run code of a folder
---@field progress? boolean whether the progress of long work is shown in the command line

---@type table<string, { default: any, expected: string, is_good: fun(value: any): boolean }>
local known = {
  cmd = {
    default = { 'torchlean', 'server', '--stdio' },
    expected = 'a list of strings',
    is_good = function(value)
      return type(value) == 'table' and type(value[1]) == 'string'
    end,
  },
  settings = {
    default = {},
    expected = 'a table',
    is_good = function(value)
      return type(value) == 'table'
    end,
  },
  annotations = {
    default = false,
    expected = 'true or false',
    is_good = function(value)
      return type(value) == 'boolean'
    end,
  },
  trust = {
    default = 'ask',
    expected = "'ask', true or false",
    is_good = function(value)
      return value == 'ask' or type(value) == 'boolean'
    end,
  },
  progress = {
    default = true,
    expected = 'true or false',
    is_good = function(value)
      return type(value) == 'boolean'
    end,
  },
}

--- What is wrong with the options, a sentence for each; such an option counts as not given.
---@return string[]
function M.problems()
  local given = vim.g.torchlean
  if given == nil then
    return {}
  end
  if type(given) ~= 'table' then
    return { 'the options are a table' }
  end
  local found = {}
  for name, value in vim.spairs(given) do
    if not known[name] then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(known)), ', ')
      table.insert(found, ("there is no option '%s'; there are %s"):format(name, names))
    elseif not known[name].is_good(value) then
      table.insert(
        found,
        ("option '%s': expected %s, found %s"):format(name, known[name].expected, vim.inspect(value))
      )
    end
  end
  return found
end

--- An option's value.
---@param name string
function M.get(name)
  local given = vim.g.torchlean
  local value = type(given) == 'table' and given[name] or nil
  if type(given) == 'table' and given[name] == false then
    value = false
  end
  if value == nil or not known[name].is_good(value) then
    return vim.deepcopy(known[name].default)
  end
  return value
end

return M
