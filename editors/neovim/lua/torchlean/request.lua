-- Commands of the server: what it asks back is asked here, and what it answers is shown.
local compat = require('torchlean.compat')
local models = require('torchlean.models')
local notify = require('torchlean.notify')

local M = {}

-- Commands about the text as it is in the editor; the others speak of the file on disk.
local OF_TEXT = {
  ['torchlean.check'] = true,
  ['torchlean.openFile'] = true,
  ['torchlean.showGraph'] = true,
  ['torchlean.stop'] = true,
  ['torchlean.writeShape'] = true,
}

---@class torchlean.Call
---@field client vim.lsp.Client
---@field command string the server's command, such as `torchlean.emit`
---@field argument table what it takes
---@field on_result? fun(result: table) in the place of showing the answer's message
---@field write? { command: string, argument: table } writes down a shape that was asked for
---@field on_error? fun(err: table, argument: table): boolean? shows an error; where it does not, it gives nothing, and the message is shown

--- The buffer of a URI where it is loaded.
---@param uri? string
---@return integer?
function M.buffer_of(uri)
  local bufnr = uri and vim.uri_to_bufnr(uri)
  return bufnr and vim.api.nvim_buf_is_loaded(bufnr) and bufnr or nil
end

--- Saves the file of a URI where it is edited: hashes and workers speak of the file on disk.
---@param uri? string
---@return boolean saved
local function save(uri)
  local bufnr = M.buffer_of(uri)
  if not bufnr or not vim.bo[bufnr].modified then
    return true
  end
  local ok, problem = pcall(vim.api.nvim_buf_call, bufnr, function()
    vim.cmd('silent update')
  end)
  if not ok then
    local name = vim.fs.basename(vim.api.nvim_buf_get_name(bufnr))
    local reason = notify.first_line(tostring(problem)):gsub('^.*Vim%b():', '')
    notify.error(('%s has to be saved first: %s'):format(name, reason))
  end
  return ok
end

---@param question string
---@param accept string
---@param on_yes fun()
local function confirm(question, accept, on_yes)
  vim.ui.select({ accept, 'Keep' }, { prompt = 'TorchLean: ' .. question }, function(choice)
    if choice == accept then
      on_yes()
    end
  end)
end

--- Types a command into a terminal, where the user sees it, and starts it there or does not.
---@param words string[]
local function type_in_terminal(words)
  vim.cmd('botright 12new')
  local start = vim.fn.has('nvim-0.11') == 1 and function(shell)
    return vim.fn.jobstart(shell, { term = true })
  end or vim.fn.termopen
  local terminal = start(vim.o.shell)
  vim.api.nvim_chan_send(terminal, table.concat(vim.tbl_map(vim.fn.shellescape, words), ' '))
  vim.cmd.startinsert()
end

---@param message string
---@param interpreter { path: string, install?: string[] }
local function offer_install(message, interpreter)
  if type(interpreter.install) ~= 'table' then
    notify.error(message)
    return
  end
  local install = 'Install in a terminal'
  vim.ui.select({ install, 'Not now' }, { prompt = 'TorchLean: ' .. message }, function(choice)
    if choice == install then
      type_in_terminal(interpreter.install)
    end
  end)
end

---@param call torchlean.Call
---@param more table what the argument gets besides
---@param write? { command: string, argument: table }
local function again(call, more, write)
  local argument = vim.tbl_extend('force', call.argument, more)
  M.execute(vim.tbl_extend('force', call, { argument = argument, write = write }))
end

--- What the server asks back, by its name in an error's data.
---@type table<string, fun(call: torchlean.Call, question: table, message: string)>
local questions = {
  confirm = function(call, question)
    confirm(question.question, question.accept, function()
      again(call, question.argument)
    end)
  end,
  choices = function(call, question)
    local bufnr = M.buffer_of(call.argument.uri)
    local sorted = bufnr and models.nearest_first(question.choices, bufnr) or question.choices
    vim.ui.select(sorted, {
      prompt = question.question,
      format_item = function(choice)
        return ('%s · %s'):format(choice.label, choice.detail)
      end,
    }, function(choice)
      if choice then
        again(call, { [question.argument] = choice.value })
      end
    end)
  end,
  input = function(call, question)
    vim.ui.input({ prompt = question.question .. ': ', default = question.value }, function(text)
      local answer = text and text:gsub('%s', '') or ''
      if answer ~= '' then
        local more = { [question.argument] = answer }
        local write = question.write
        again(call, more, write and {
          command = write.command,
          argument = vim.tbl_extend('force', write.argument, more),
        })
      end
    end)
  end,
  form = function(call, question)
    require('torchlean.form').ask(question, function(more)
      local argument = vim.tbl_extend('force', call.argument, more)
      argument.ask = nil -- all of it was asked
      M.execute(vim.tbl_extend('force', call, { argument = argument }))
    end)
  end,
  interpreter = function(_, interpreter, message)
    offer_install(message, interpreter)
  end,
  offer = function(call, offer, message)
    vim.ui.select({ offer.title, 'Not now' }, { prompt = 'TorchLean: ' .. message }, function(_, index)
      if index == 1 then
        M.execute({
          client = call.client,
          command = offer.command,
          argument = { uri = call.argument.uri },
          on_result = function(result)
            M.show(result)
            M.execute(call)
          end,
        })
      end
    end)
  end,
}

---@param call torchlean.Call
---@param err { code: integer, message: string, data?: table }
local function on_error(call, err)
  local message = notify.first_line(err.message)
  for name, ask in pairs(questions) do
    local question = type(err.data) == 'table' and err.data[name]
    if type(question) == 'table' then
      ask(call, question, message)
      return
    end
  end
  if not (call.on_error and call.on_error(err, call.argument)) then
    notify.error(message)
  end
end

--- Proposes to write down a shape that the user had to give.
---@param call torchlean.Call
local function offer_to_write(call)
  local argument = call.write.argument
  local prompt = ('Write the example shape %s over %s, so that it is not asked for again?'):format(
    argument.exampleShape,
    argument.name
  )
  vim.ui.select({ 'Write it into the file', 'Not now' }, { prompt = prompt }, function(_, index)
    if index == 1 then
      M.execute({ client = call.client, command = call.write.command, argument = argument })
    end
  end)
end

--- Shows the message of an answer; it names the file that was written, since several may be written at once.
---@param result any
function M.show(result)
  if type(result) ~= 'table' then
    return
  end
  local file = type(result.output) == 'string' and vim.fs.basename(result.output) or nil
  local message = type(result.message) == 'string' and notify.first_line(result.message) or nil
  if message and file and not message:find(file, 1, true) then
    message = ('%s: %s'):format(file, message)
  end
  if message or file then
    notify.info(message or 'wrote ' .. file)
  end
end

--- Lets the server execute a command. The file is saved first where the command is about the file.
---@param call torchlean.Call
function M.execute(call)
  if not OF_TEXT[call.command] and not save(call.argument.uri) then
    return
  end
  local params = { command = call.command, arguments = { call.argument } }
  compat.call(call.client, 'request', 'workspace/executeCommand', params, function(err, result)
    notify.end_progress()
    if err then
      on_error(call, err)
    else
      (call.on_result or M.show)(result)
      if not OF_TEXT[call.command] then
        vim.cmd('silent! checktime') -- files that were written may be open
      end
      if call.write then
        offer_to_write(call)
      end
    end
    require('torchlean.annotations').refresh(call.client)
  end)
end

return M
