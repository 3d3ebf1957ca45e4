-- Whether the server may run code of a folder, as capture does. Neovim's list of trusted folders decides (|trust|).
local notify = require('torchlean.notify')
local options = require('torchlean.options')

local M = {}

-- Before 0.11 vim.secure knows files only: there an answer holds until Neovim ends.
local KNOWS_FOLDERS = vim.fn.has('nvim-0.11') == 1

---@type table<string, boolean> answers of this session by folder
local answers = {}

---@param folder string
local function real(folder)
  return vim.uv.fs_realpath(vim.fs.normalize(folder)) or folder
end

--- What Neovim's list says of a folder, without a question: vim.secure.read() would ask about one that is not on it.
---@param folder string
---@return boolean?
local function recorded(folder)
  if not KNOWS_FOLDERS then
    return nil
  end
  local file = io.open(vim.fs.joinpath(vim.fn.stdpath('state'), 'trust'), 'r')
  if not file then
    return nil
  end
  local found
  for line in file:lines() do
    local hash, path = line:match('^(%S+) (.+)$')
    if path == folder then
      found = hash == 'directory'
    end
  end
  file:close()
  return found
end

--- Whether code of a folder may run; nil where nobody was asked yet.
---@param folder string
---@return boolean?
function M.state(folder)
  local option = options.get('trust')
  if type(option) == 'boolean' then
    return option
  end
  folder = real(folder)
  if answers[folder] ~= nil then
    return answers[folder]
  end
  return recorded(folder)
end

--- Whether code of a folder may run, asking the user where that is not known.
---@param folder string
---@return boolean
function M.ask(folder)
  local known = M.state(folder)
  if known ~= nil then
    return known
  end
  folder = real(folder)
  local shown = vim.fn.fnamemodify(folder, ':~')
  if KNOWS_FOLDERS then
    notify.prompt(('Capturing a model runs code of %s. Allow it?'):format(shown))
    answers[folder] = vim.secure.read(folder) == true
  else
    local question = ('TorchLean: capturing a model runs code of %s. Allow it?'):format(shown)
    answers[folder] = vim.fn.confirm(question, '&allow\n&deny', 2) == 1
  end
  return answers[folder]
end

--- Forgets what was said of a folder, so that the user is asked again.
---@param folder string
function M.forget(folder)
  folder = real(folder)
  answers[folder] = nil
  if KNOWS_FOLDERS and recorded(folder) ~= nil then
    vim.secure.trust({ action = 'remove', path = folder })
  end
end

--- Refuses a folder, from now on and in other sessions.
---@param folder string
function M.deny(folder)
  folder = real(folder)
  answers[folder] = false
  if KNOWS_FOLDERS then
    vim.secure.trust({ action = 'deny', path = folder })
  end
end

return M
