-- Run inside Neovim by test_neovim.py: does what $TORCHLEAN_PROBE says, writes what was seen as JSON, and quits.
local task = vim.json.decode(assert(os.getenv('TORCHLEAN_PROBE')))
local PATIENCE = 30000

local seen = { notifications = {}, exited = false, judged = 0 }

---@diagnostic disable-next-line: duplicate-set-field
vim.notify = function(message, level)
  table.insert(seen.notifications, { message = message, level = level })
end

-- What is chosen where several things are offered; several fixes may match: the first is the narrowest.
local wanted = '.'

---@diagnostic disable-next-line: duplicate-set-field
vim.ui.select = function(items, options, on_choice)
  for index, item in ipairs(items) do
    if (options.format_item or tostring)(item):find(wanted) then
      return on_choice(item, index)
    end
  end
  error('nothing that matches ' .. wanted .. ' is offered: ' .. vim.inspect(items))
end

local function wait(what, condition)
  if not vim.wait(PATIENCE, condition, 20) then
    error('waited in vain: ' .. what)
  end
end

local function diagnostics()
  return vim.tbl_map(function(found)
    return {
      code = found.code,
      message = found.message,
      severity = vim.diagnostic.severity[found.severity],
      line = found.lnum,
      character = found.col,
      end_character = found.end_col,
    }
  end, vim.diagnostic.get(0))
end

local function notified(pattern)
  return vim.iter(seen.notifications):any(function(entry)
    return entry.message:lower():find(pattern) ~= nil
  end)
end

local steps = {}

--- The server has judged the file: also when it found nothing.
function steps.diagnostics()
  wait('diagnostics', function()
    return seen.judged > 0
  end)
  seen.diagnostics = diagnostics()
end

function steps.fix()
  steps.diagnostics()
  local wrong = assert(seen.diagnostics[1], 'nothing to fix')
  vim.api.nvim_win_set_cursor(0, { wrong.line + 1, wrong.character + 1 })
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title:lower():find('set shape') ~= nil
    end,
  })
  wait('no errors', function()
    return #vim.diagnostic.get(0, { severity = vim.diagnostic.severity.ERROR }) == 0
  end)
  seen.text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

function steps.emit()
  steps.diagnostics()
  vim.cmd.TorchLeanEmit()
  wait('the written module', function()
    return vim.uv.fs_stat(task.module) ~= nil and #seen.notifications > 0
  end)
end

--- A Python file: nothing is judged there until it is captured, so the command waits for the server only.
function steps.capture()
  wait('the server', function()
    return #vim.lsp.get_clients({ name = 'torchlean', bufnr = 0 }) > 0
  end)
  vim.cmd.TorchLeanCapture('Net', '1,4')
  wait('the message', function()
    return #seen.notifications > 0
  end)
end

--- A command that makes no sense is refused at once.
function steps.refused()
  steps.diagnostics()
  vim.cmd.TorchLeanTrain('0')
  wait('the message', function()
    return notified('whole number')
  end)
end

local function text_of(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n')
end

--- Puts the cursor where a text stands first.
local function go_to(text)
  for row, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    local column = line:find(text, 1, true)
    if column then
      vim.api.nvim_win_set_cursor(0, { row, column - 1 })
      return
    end
  end
  error('not there: ' .. text)
end

local function attached()
  return #vim.lsp.get_clients({ name = 'torchlean', bufnr = 0 }) > 0
end

local function lens_titles()
  return vim.tbl_map(function(lens)
    return lens.command.title
  end, vim.lsp.codelens.get(0))
end

--- Runs a lens over the class, as `grx` or a mapping of the user's does.
local function run_lens(title)
  wait('the lens ' .. title, function()
    vim.lsp.codelens.refresh({ bufnr = 0 })
    return vim.iter(lens_titles()):any(function(one)
      return one:find(title) ~= nil
    end)
  end)
  go_to('class Net')
  wanted = title
  vim.lsp.codelens.run()
  wanted = '.'
end

local function inlay_hints()
  return vim.tbl_map(function(found)
    return {
      line = found.inlay_hint.position.line,
      character = found.inlay_hint.position.character,
      label = found.inlay_hint.label,
    }
  end, vim.lsp.inlay_hint.get({ bufnr = 0 }))
end

local function hints_at(count)
  wait(count .. ' hints', function()
    return #vim.lsp.inlay_hint.get({ bufnr = 0 }) == count
  end)
  return inlay_hints()
end

--- The text of the window that hover opens at the cursor.
local function hover()
  local found
  vim.lsp.buf.hover()
  wait('the hover', function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      if vim.api.nvim_win_get_config(window).relative ~= '' then
        found = text_of(vim.api.nvim_win_get_buf(window))
        vim.api.nvim_win_close(window, true)
        return true
      end
    end
    return false
  end)
  return found
end

--- From a model with an operator that has no exact form to its artifact and back, as a person does it.
function steps.journey()
  wait('the server', attached)
  vim.lsp.inlay_hint.enable(true, { bufnr = 0 })
  run_lens('^Capture')
  seen.lenses = lens_titles()
  wait('the finding', function()
    return #vim.diagnostic.get(0) > 0
  end)
  seen.diagnostics = diagnostics()
  wait('the message', function()
    return #seen.notifications > 0
  end)
  seen.hints = hints_at(3)

  go_to('F.gelu')
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title:find('tanh', 1, true) ~= nil and action.title:find('numbers', 1, true) ~= nil
    end,
  })
  wait('the fix', function()
    return text_of(0):find('approximate=', 1, true) ~= nil
  end)
  seen.fixed = text_of(0)
  vim.cmd.write()
  wait('the artifact', function()
    return vim.uv.fs_stat(task.artifact) ~= nil
  end)
  wait('no findings', function()
    return #vim.diagnostic.get(0) == 0
  end)
  seen.hints_after = hints_at(3)
  go_to('h = self')
  seen.hover = hover()

  run_lens('^Open')
  wait('the artifact in a window', function()
    return vim.api.nvim_buf_get_name(0) == task.artifact and attached()
  end)
  go_to('"tanh"')
  vim.lsp.buf.definition()
  wait('the model', function()
    return vim.api.nvim_buf_get_name(0) == task.file
  end)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  seen.definition = vim.api.nvim_buf_get_lines(0, row - 1, row, false)[1]:sub(column + 1)
end

function steps.health()
  steps.diagnostics()
  vim.cmd.checkhealth('torchlean')
  seen.health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

function steps.exit()
  wait('the end of the server', function()
    return seen.exited
  end)
  seen.diagnostics = diagnostics()
end

local function main()
  vim.api.nvim_create_autocmd('DiagnosticChanged', {
    callback = function()
      seen.judged = seen.judged + 1
    end,
  })
  vim.lsp.config('torchlean', {
    cmd = task.cmd,
    settings = task.settings and { torchlean = task.settings },
    on_exit = function()
      seen.exited = true
    end,
  })
  vim.lsp.enable('torchlean')
  vim.cmd.edit(vim.fn.fnameescape(task.file))
  steps[task.step]()
end

local ok, problem = xpcall(main, debug.traceback)
if not ok then
  seen.problem = problem
end
vim.fn.writefile({ vim.json.encode(seen) }, task.report)
vim.cmd.quitall({ bang = true })
