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

--- Shows a graph in a window beside the current one.
---@param err? { code: integer, message: string }
---@param result? { content: string }
local function on_graph(err, result)
  if err or not result then
    M.on_result(err)
    return
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(vim.trim(result.content), '\n'))
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].bufhidden = 'wipe'
  vim.api.nvim_open_win(buffer, true, { split = 'right' })
end

--- Shows the graph of the current buffer's artifact in a window beside it.
function M.show_graph()
  M.execute('torchlean.showGraph', { format = 'text' }, on_graph)
end

--- Runs a command of a code lens or a code action, and shows what it answers.
---@param command lsp.Command
---@param context { client_id: integer, bufnr: integer }
function M.run(command, context)
  local client = vim.lsp.get_client_by_id(context.client_id)
  if not client then
    return
  end
  local arguments = vim.deepcopy(command.arguments or {})
  local shows_graph = command.command == 'torchlean.showGraph'
  if shows_graph and arguments[1] then
    arguments[1].format = 'text'
  end
  local function send()
    if vim.bo[context.bufnr].buftype == '' then
      vim.api.nvim_buf_call(context.bufnr, function()
        vim.cmd('silent update')
      end)
    end
    local params = { command = command.command, arguments = arguments }
    client:request('workspace/executeCommand', params, function(err, result)
      if shows_graph then
        on_graph(err, result)
      else
        M.on_result(err, result)
      end
      -- Neovim 0.11 cannot be asked to; where nobody wants lenses there are none.
      if vim.api.nvim_buf_is_loaded(context.bufnr) and #vim.lsp.codelens.get(context.bufnr) > 0 then
        vim.lsp.codelens.refresh({ bufnr = context.bufnr })
      end
    end, context.bufnr)
  end
  if command.command ~= 'torchlean.train' or (arguments[1] and arguments[1].steps) then
    send()
    return
  end
  vim.ui.input({ prompt = 'Steps to train: ' }, function(text)
    local steps = M.steps(text)
    if steps then
      arguments[1].steps = steps
      send()
    end
  end)
end

--- The number of steps that a text names; says so where it names none.
---@param text? string
---@return integer?
function M.steps(text)
  local steps = tonumber(text)
  if steps and steps >= 1 and steps % 1 == 0 then
    return steps
  end
  if text then
    notify('the number of steps is a whole number above 0', vim.log.levels.ERROR)
  end
end

--- The commands of code lenses and code actions, for the client: its own way shows errors only, with their numbers.
M.commands = {}
for _, name in ipairs({
  'capture',
  'captureAndEmit',
  'check',
  'convert',
  'emit',
  'init',
  'openFile',
  'refresh',
  'showGraph',
  'train',
}) do
  M.commands['torchlean.' .. name] = function(command, context)
    M.run(command, context)
  end
end

return M
