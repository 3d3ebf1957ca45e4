-- Runs the commands of the TorchLean language server for the current buffer and shows what they answer.
local M = {}

-- RequestCancelled and ServerCancelled: the user wanted it so.
local CANCELLED = { [-32800] = true, [-32802] = true }

---@param message string
---@param level integer
local function notify(message, level)
  vim.notify('TorchLean: ' .. message, level)
end

--- Shows the answer to a command: its message, the file that it wrote, or its error.
---@param err? { code: integer, message: string }
---@param result? { message?: string, output?: string }
function M.on_result(err, result)
  if err then
    if not CANCELLED[err.code] then
      notify(err.message, vim.log.levels.ERROR)
    end
    return
  end
  if type(result) ~= 'table' then
    return
  end
  local text = type(result.message) == 'string' and result.message or nil
  if not text and type(result.output) == 'string' then
    text = 'wrote ' .. result.output
  end
  if text then
    notify(text, vim.log.levels.INFO)
  end
end

--- Sends `command` for the current buffer. The buffer is saved first: hashes and workers speak of the file on disk.
---@param command string the server's command, such as `torchlean.emit`
---@param arguments? table<string, any> what the command needs beside the buffer's URI
---@param handler? fun(err?: table, result?: table)
---@return boolean sent
function M.execute(command, arguments, handler)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ name = 'torchlean', bufnr = bufnr })[1]
  if not client then
    notify(
      "the language server is not attached to this buffer; see ':checkhealth torchlean'",
      vim.log.levels.ERROR
    )
    return false
  end
  if vim.api.nvim_buf_get_name(bufnr) == '' then
    notify('the buffer has to be saved first', vim.log.levels.ERROR)
    return false
  end
  vim.cmd.update()
  local argument = vim.tbl_extend('force', { uri = vim.uri_from_bufnr(bufnr) }, arguments or {})
  return (
    client:request('workspace/executeCommand', { command = command, arguments = { argument } }, handler, bufnr)
  )
end

--- Shows the graph of the current buffer's artifact in a window beside it.
function M.show_graph()
  M.execute('torchlean.showGraph', { format = 'text' }, function(err, result)
    if err then
      M.on_result(err)
      return
    end
    local buffer = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(vim.trim(result.content), '\n'))
    vim.bo[buffer].modifiable = false
    vim.bo[buffer].bufhidden = 'wipe'
    vim.api.nvim_open_win(buffer, true, { split = 'right' })
  end)
end

return M
