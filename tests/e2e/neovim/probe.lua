-- Run inside Neovim by test_neovim.py: does what $TORCHLEAN_PROBE says, writes what was seen as JSON, and quits.
local task = vim.json.decode(assert(os.getenv('TORCHLEAN_PROBE')))
local PATIENCE = 30000

local seen = { notifications = {}, exited = false, judged = 0 }

---@diagnostic disable-next-line: duplicate-set-field
vim.notify = function(message, level)
  table.insert(seen.notifications, { message = message, level = level })
end

-- Several fixes may match: the first is the narrowest.
---@diagnostic disable-next-line: duplicate-set-field
vim.ui.select = function(items, _, on_choice)
  on_choice(items[1], 1)
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
