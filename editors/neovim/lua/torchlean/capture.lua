-- Capturing: a model is chosen, and what a failed capture found goes to the quickfix list.
local compat = require('torchlean.compat')
local findings = require('torchlean.findings')
local models = require('torchlean.models')
local notify = require('torchlean.notify')
local request = require('torchlean.request')

local M = {}

local WRITE_SHAPE = 'refactor.torchlean.exampleShape'

--- What a capture found stands in the files, and is listed: the message is short then.
---@param name? string
---@param err { message: string, data?: table }
---@return boolean shown
local function show_findings(name, err)
  local count = type(err.data) == 'table' and err.data.findings or 0
  if type(count) ~= 'number' or count == 0 then
    return false
  end
  local findings_text = count == 1 and '1 finding' or ('%d findings'):format(count)
  findings.after_failed_capture()
  notify.error(('%s was not captured: %s, in the quickfix list'):format(name or 'the model', findings_text))
  return true
end

--- Writes the example shape that was asked for over its model, as the server's code action does with the one it guesses.
---@param client vim.lsp.Client
---@param model torchlean.Model
---@param bufnr integer
---@param shape string
local function write_shape(client, model, bufnr, shape)
  local place = { line = model.line, character = 0 }
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    range = { start = place, ['end'] = place },
    context = { diagnostics = {}, only = { WRITE_SHAPE } },
  }
  compat.call(client, 'request', 'textDocument/codeAction', params, function(_, actions)
    local action = (actions or {})[1]
    if not action then
      return
    end
    for _, change in ipairs(action.edit.documentChanges or {}) do
      for _, edit in ipairs(change.edits) do
        edit.newText = edit.newText:gsub('(example%-shape=)[%d,]+', '%1' .. shape)
      end
    end
    vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  end, bufnr)
end

--- Proposes to write down a shape that the user had to give.
---@param client vim.lsp.Client
---@param argument table
local function offer_to_write(client, argument)
  local bufnr = request.buffer_of(argument.uri)
  local shape = argument.exampleShape
  if not bufnr or not shape then
    return
  end
  models.of(client, bufnr, function(found)
    for _, model in ipairs(found) do
      if model.name == argument.name and not model.capture.exampleShape then
        local prompt = ('Write the example shape %s over %s, so that it is not asked for again?'):format(shape, model.name)
        vim.ui.select({ 'Write it into the file', 'Not now' }, { prompt = prompt }, function(_, index)
          if index == 1 then
            write_shape(client, model, bufnr, shape)
          end
        end)
      end
    end
  end)
end

--- Captures a model.
---@param client vim.lsp.Client
---@param command string `torchlean.capture` or `torchlean.captureAndEmit`
---@param argument table
function M.run(client, command, argument)
  local was_asked = argument.ask
  request.execute({
    client = client,
    command = command,
    argument = argument,
    on_result = function(result, sent)
      findings.after_capture()
      request.show(result)
      if was_asked then
        offer_to_write(client, sent)
      end
    end,
    on_error = function(err)
      return show_findings(argument.name, err)
    end,
  })
end

---@param found torchlean.Model[]
---@param bufnr integer
---@return boolean
local function can_capture(found, bufnr)
  local name = vim.fs.basename(vim.api.nvim_buf_get_name(bufnr))
  if #found == 0 then
    notify.error(('%s has no model that can be captured'):format(name))
    return false
  end
  local refused = vim.iter(found):all(function(model)
    return model.capture == nil
  end)
  if refused then
    notify.error('capturing runs code of this folder, which is not trusted; :TorchLean trust')
  end
  return not refused
end

--- Captures a model of a buffer: the one that is named, the only one, or the one that the user chooses.
---@param client vim.lsp.Client
---@param bufnr integer
---@param name? string
---@param shape? string
function M.choose(client, bufnr, name, shape)
  local more = { exampleShape = shape }
  models.of(client, bufnr, function(found)
    if not can_capture(found, bufnr) then
      return
    end
    local named = vim.tbl_filter(function(model)
      return name == nil or model.name == name
    end, found)
    if name and #named == 0 then
      -- Settings can name functions that the server shows no lens for; it says what is wrong where there is nothing.
      local argument = { uri = vim.uri_from_bufnr(bufnr), name = name, exampleShape = shape }
      M.run(client, 'torchlean.capture', argument)
      return
    end
    models.choose(named, bufnr, 'Capture:', function(model)
      M.run(client, 'torchlean.capture', vim.tbl_extend('force', model.capture, more))
    end)
  end)
end

return M
