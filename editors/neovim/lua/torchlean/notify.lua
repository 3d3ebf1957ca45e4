-- Messages to the user: one line each, so that no key has to be pressed to go on.
local M = {}

---@param message string
---@param level integer
local function notify(message, level)
  vim.notify('TorchLean: ' .. message, level)
end

--- What a message says: stack traces and the like stand in the lines below.
---@param message string
---@return string
function M.first_line(message)
  return (message:match('^[^\r\n]*'))
end

--- In one line: of a message that is longer, what stands before the first semicolon.
---@param message string
---@return string
local function fitted(message)
  message = M.first_line(message)
  local is_long = vim.fn.strdisplaywidth('TorchLean: ' .. message) > vim.v.echospace
  return is_long and (message:gsub(';.*', '')) or message
end

---@param message string
function M.info(message)
  notify(fitted(message), vim.log.levels.INFO)
end

---@param message string
function M.warn(message)
  notify(fitted(message), vim.log.levels.WARN)
end

---@param message string
function M.error(message)
  notify(fitted(message), vim.log.levels.ERROR)
end

--- Says what a question that follows is about.
---@param message string
function M.prompt(message)
  vim.api.nvim_echo({ { 'TorchLean: ' .. message, 'Question' } }, false, {})
end

---@type string? what stands in the command line for as long as work goes on
local shown

--- Shows in the command line how far work is, in the place of what was shown before.
---@param message string
function M.progress(message)
  local room = vim.v.echospace
  if vim.fn.strdisplaywidth(message) > room then
    message = vim.fn.strcharpart(message, 0, math.max(room - 1, 1)) .. '…'
  end
  shown = message
  vim.api.nvim_echo({ { message } }, false, {})
end

--- Takes the progress off the command line.
function M.end_progress()
  if shown then
    shown = nil
    vim.api.nvim_echo({ { '' } }, false, {})
  end
end

return M
