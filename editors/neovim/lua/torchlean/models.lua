-- The models of a Python file, as the server finds them.
local compat = require('torchlean.compat')
local notify = require('torchlean.notify')

local M = {}

---@class torchlean.Model
---@field name string
---@field line integer of its name, from 0
---@field state string in words
---@field artifact? string URI
---@field needs? string why it cannot be captured

---@param bufnr integer
local function params_of(bufnr)
  return { command = 'torchlean.models', arguments = { { uri = vim.uri_from_bufnr(bufnr) } } }
end

--- The names of the models of a buffer that can be captured, at once; none where the server does not answer soon.
---@param client vim.lsp.Client
---@param bufnr integer
---@return string[]
function M.names(client, bufnr)
  local params = params_of(bufnr)
  local result = compat.execute_sync(client, bufnr, params.command, unpack(params.arguments))
  local names = {}
  for _, model in ipairs(result.models or {}) do
    if type(model.needs) ~= 'string' then
      table.insert(names, model.name)
    end
  end
  return names
end

--- Sorts what stands at lines of a buffer: first what is nearest above the cursor of its window.
---@generic T: { line?: integer }
---@param things T[]
---@param bufnr integer
---@return T[]
function M.nearest_first(things, bufnr)
  local window = vim.fn.bufwinid(bufnr)
  local cursor = window == -1 and 0 or vim.api.nvim_win_get_cursor(window)[1] - 1
  local nearest = 1
  for index, thing in ipairs(things) do
    if (thing.line or math.huge) <= cursor then
      nearest = index
    end
  end
  local sorted = { things[nearest] }
  for index, thing in ipairs(things) do
    if index ~= nearest then
      table.insert(sorted, thing)
    end
  end
  return sorted
end

--- Finds the artifact that a command in this buffer is about: itself, or that of one of its models.
---@param client vim.lsp.Client
---@param bufnr integer
---@param on_uri fun(uri: string)
function M.artifact(client, bufnr, on_uri)
  if vim.bo[bufnr].filetype ~= 'python' then
    on_uri(vim.uri_from_bufnr(bufnr))
    return
  end
  compat.call(client, 'request', 'workspace/executeCommand', params_of(bufnr), function(err, result)
    if err then
      notify.error(err.message)
      return
    end
    local captured = vim.tbl_filter(function(model)
      return type(model.artifact) == 'string' -- null is no nil from Neovim 0.12 on
    end, result.models)
    if #captured == 0 then
      local name = vim.fs.basename(vim.api.nvim_buf_get_name(bufnr))
      notify.error(('no model of %s has an artifact yet; :TorchLean capture makes one'):format(name))
    elseif #captured == 1 then
      on_uri(captured[1].artifact)
    else
      vim.ui.select(M.nearest_first(captured, bufnr), {
        prompt = 'The artifact of:',
        format_item = function(model)
          return ('%s · %s · %s'):format(model.name, vim.fs.basename(vim.uri_to_fname(model.artifact)), model.state)
        end,
      }, function(model)
        if model then
          on_uri(model.artifact)
        end
      end)
    end
  end, bufnr)
end

return M
