-- The models of a Python file, as the server finds them: it tells them as code lenses.
local compat = require('torchlean.compat')
local notify = require('torchlean.notify')

local M = {}

---@class torchlean.Model
---@field line integer of its name, from 0
---@field name? string nil where the folder is not trusted: nothing captures it there
---@field capture? table what the command that captures it takes
---@field artifact? string URI
---@field module? string URI

---@param lenses lsp.CodeLens[]
---@return torchlean.Model[]
local function models_of(lenses)
  local by_line, found = {}, {}
  for _, lens in ipairs(lenses) do
    local line, command = lens.range.start.line, lens.command or {}
    local argument = type(command.arguments) == 'table' and command.arguments[1] or {}
    if not by_line[line] then
      by_line[line] = { line = line }
      table.insert(found, by_line[line])
    end
    local model = by_line[line]
    if command.command == 'torchlean.capture' then
      model.name, model.capture = argument.name, argument
    elseif command.command == 'torchlean.openFile' and vim.endswith(argument.uri, '.py') then
      model.module = argument.uri
    elseif command.command == 'torchlean.openFile' then
      model.artifact = argument.uri
    end
  end
  return found
end

---@param bufnr integer
local function params_of(bufnr)
  return { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
end

--- Asks the server for the models of a buffer.
---@param client vim.lsp.Client
---@param bufnr integer
---@param on_models fun(models: torchlean.Model[])
function M.of(client, bufnr, on_models)
  compat.call(client, 'request', 'textDocument/codeLens', params_of(bufnr), function(err, lenses)
    if err then
      notify.error(err.message)
    else
      on_models(models_of(lenses or {}))
    end
  end, bufnr)
end

--- The names of the models of a buffer, at once; none where the server does not answer soon. For completion.
---@param client vim.lsp.Client
---@param bufnr integer
---@return string[]
function M.names(client, bufnr)
  local answer = compat.call(client, 'request_sync', 'textDocument/codeLens', params_of(bufnr), 1000, bufnr)
  local names = {}
  for _, model in ipairs(models_of(answer and answer.result or {})) do
    table.insert(names, model.name)
  end
  return names
end

--- How a model is shown where one is chosen: its name, its shape and its artifact.
---@param model torchlean.Model
---@param bufnr integer
---@return string
local function label(model, bufnr)
  local line = vim.api.nvim_buf_get_lines(bufnr, model.line, model.line + 1, false)[1] or ''
  local parts = { model.name or line:match('^%s*class%s+([%w_]+)') or vim.trim(line) }
  if model.capture then
    local shape = model.capture.exampleShape
    table.insert(parts, shape and ('(%s)'):format(shape) or 'shape not known yet')
  end
  if model.artifact then
    table.insert(parts, vim.fs.basename(vim.uri_to_fname(model.artifact)))
  end
  return table.concat(parts, ' · ')
end

--- Chooses a model: the only one at once, else the user does; the one at the cursor stands first.
---@param models torchlean.Model[]
---@param bufnr integer
---@param prompt string
---@param on_choice fun(model: torchlean.Model)
function M.choose(models, bufnr, prompt, on_choice)
  if #models <= 1 then
    if models[1] then
      on_choice(models[1])
    end
    return
  end
  local cursor = vim.fn.bufwinid(bufnr) == -1 and 0
    or vim.api.nvim_win_get_cursor(vim.fn.bufwinid(bufnr))[1] - 1
  local nearest = 1
  for index, model in ipairs(models) do
    if model.line <= cursor then
      nearest = index
    end
  end
  local sorted = vim.list_extend({ models[nearest] }, {})
  for index, model in ipairs(models) do
    if index ~= nearest then
      table.insert(sorted, model)
    end
  end
  vim.ui.select(sorted, {
    prompt = prompt,
    format_item = function(model)
      return label(model, bufnr)
    end,
  }, function(model)
    if model then
      on_choice(model)
    end
  end)
end

--- Finds the artifact that a command in this buffer is about: itself, or that of one of its models.
---@param client vim.lsp.Client
---@param bufnr integer
---@param prompt string
---@param on_uri fun(uri: string)
function M.artifact(client, bufnr, prompt, on_uri)
  if vim.bo[bufnr].filetype ~= 'python' then
    on_uri(vim.uri_from_bufnr(bufnr))
    return
  end
  M.of(client, bufnr, function(models)
    local captured = vim.tbl_filter(function(model)
      return model.artifact ~= nil
    end, models)
    if #captured == 0 then
      local name = vim.fs.basename(vim.api.nvim_buf_get_name(bufnr))
      notify.error(('no model of %s has an artifact yet; :TorchLean capture makes one'):format(name))
      return
    end
    M.choose(captured, bufnr, prompt, function(model)
      on_uri(model.artifact)
    end)
  end)
end

return M
