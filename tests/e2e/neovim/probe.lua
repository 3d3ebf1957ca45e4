-- Run inside Neovim by test_neovim.py: does what $TORCHLEAN_PROBE says, writes what was seen as JSON, and quits.
local task = vim.json.decode(assert(os.getenv('TORCHLEAN_PROBE')), { luanil = { object = true } })
local PATIENCE = task.patience
local OF_012 = vim.fn.has('nvim-0.12') == 1

local seen = { notifications = {}, echoed = {}, asked = {}, judged = 0 }

---@diagnostic disable-next-line: duplicate-set-field
vim.notify = function(message, level)
  table.insert(seen.notifications, { message = message, level = level })
end

local echo = vim.api.nvim_echo
---@diagnostic disable-next-line: duplicate-set-field
vim.api.nvim_echo = function(chunks, ...)
  table.insert(seen.echoed, chunks[1] and chunks[1][1] or '')
  return echo(chunks, ...)
end

-- What the user answers, in order: to a list the entry that a pattern finds, to a prompt a text.
local answers = {}

---@diagnostic disable-next-line: duplicate-set-field
vim.ui.select = function(items, options, on_choice)
  local shown = vim.tbl_map(options.format_item or tostring, items)
  table.insert(seen.asked, { prompt = options.prompt, items = shown })
  local wanted = table.remove(answers, 1) or error('nobody answers ' .. vim.inspect(seen.asked))
  for index, item in ipairs(items) do
    if shown[index]:find(wanted) then
      return on_choice(item, index)
    end
  end
  error(('nothing that matches %s is offered: %s'):format(wanted, vim.inspect(shown)))
end

---@diagnostic disable-next-line: duplicate-set-field
vim.ui.input = function(options, on_text)
  table.insert(seen.asked, { prompt = options.prompt, default = options.default })
  local answer = table.remove(answers, 1) or error('nobody answers ' .. vim.inspect(seen.asked))
  on_text(answer == 'DEFAULT' and options.default or answer)
end

---@diagnostic disable-next-line: duplicate-set-field
vim.fn.confirm = function(message, choices)
  table.insert(seen.asked, { prompt = message })
  for index, choice in ipairs(vim.split(choices, '\n')) do
    if choice == '&' .. task.trust then
      return index
    end
  end
  error('no such choice: ' .. task.trust)
end

local function wait(what, condition)
  if not vim.wait(PATIENCE, condition, 20) then
    error('waited in vain: ' .. what)
  end
end

local function clients()
  return vim.lsp.get_clients({ name = 'torchlean', bufnr = 0 })
end

local function attached()
  return #clients() > 0 and clients()[1].initialized == true
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
    return entry.message:find(pattern) ~= nil
  end)
end

local function notification(pattern)
  wait('the message ' .. pattern, function()
    return notified(pattern)
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

local function lenses()
  if not OF_012 then
    return vim.lsp.codelens.get(0)
  end
  return vim.tbl_map(function(one)
    return one.lens
  end, vim.lsp.codelens.get({ bufnr = 0 }))
end

local function lens_titles()
  return vim.tbl_map(function(lens)
    return lens.command and lens.command.title or '?'
  end, lenses())
end

local function lens(title)
  wait('the lens ' .. title, function()
    vim.cmd.redraw() -- 0.12 resolves the lenses that are on the screen
    return vim.iter(lens_titles()):any(function(one)
      return one:find(title) ~= nil
    end)
  end)
end

--- Runs a lens over the class, as `grx` or a mapping of the user's does.
local function run_lens(title)
  lens(title)
  go_to('class Net')
  table.insert(answers, 1, title)
  vim.lsp.codelens.run()
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

local function apply(filter)
  vim.lsp.buf.code_action({ apply = true, filter = filter })
end

local function judged()
  wait('diagnostics', function()
    return seen.judged > 0
  end)
end

local steps = {}

--- A wrong artifact is marked, mended, drawn, checked and emitted.
function steps.artifact()
  judged()
  seen.filetype = vim.bo.filetype
  seen.diagnostics = diagnostics()
  local wrong = assert(seen.diagnostics[1], 'nothing to fix')
  vim.cmd.TorchLean('findings')
  seen.findings = vim.tbl_map(function(item)
    return item.text
  end, vim.fn.getqflist())
  vim.cmd.cclose()

  vim.api.nvim_win_set_cursor(0, { wrong.line + 1, wrong.character + 1 })
  apply(function(action)
    return action.title:lower():find('set shape') ~= nil
  end)
  wait('no errors', function()
    return #vim.diagnostic.get(0, { severity = vim.diagnostic.severity.ERROR }) == 0
  end)
  seen.text = text_of(0)
  lens('Train')
  seen.lenses = lens_titles()

  vim.cmd.TorchLean('emit')
  notification('model.py')
  vim.cmd.TorchLean('check')
  notification('model.ir.json')

  local artifact = vim.api.nvim_get_current_win()
  vim.cmd.TorchLean('graph')
  local function graph()
    local buffer = vim.fn.bufnr('torchlean-graph://')
    return buffer ~= -1 and text_of(buffer) or ''
  end
  wait('the graph', function()
    return graph():find('relu') ~= nil
  end)
  seen.graph = graph()
  vim.cmd('%substitute/relu/tanh/')
  wait('the graph of the edited artifact', function()
    return graph():find('tanh') ~= nil
  end)
  vim.cmd.wincmd('l')
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  vim.api.nvim_feedkeys(vim.keycode('<CR>'), 'xt', false)
  seen.node = vim.api.nvim_get_current_line()
  seen.is_back = vim.api.nvim_get_current_win() == artifact
end

--- The graph of a big artifact: from a line to its node, and from a node to its line.
function steps.big_graph()
  lens('Show graph')
  local artifact = vim.api.nvim_get_current_win()
  vim.cmd.TorchLean('graph')
  local buffer
  wait('the graph', function()
    buffer = vim.fn.bufnr('torchlean-graph://')
    return buffer ~= -1 and text_of(buffer):find('input') ~= nil
  end)
  seen.graph = text_of(buffer)
  vim.cmd.wincmd('l')
  local function go(pattern)
    vim.fn.cursor(1, 1)
    vim.fn.search(pattern)
    vim.api.nvim_feedkeys(vim.keycode('<CR>'), 'xt', false)
    local line = vim.api.nvim_get_current_win() == artifact and vim.api.nvim_get_current_line() or ''
    vim.cmd.wincmd('l')
    return line
  end
  seen.of_cluster = go('▾ 1 ×')
  seen.of_node = go(' 777 ')
  vim.api.nvim_set_current_win(artifact)
  vim.fn.search('"id": 512,')
  vim.api.nvim_exec_autocmds('CursorMoved', { buffer = 0 })
  local marks = vim.api.nvim_buf_get_extmarks(buffer, -1, 0, -1, {})
  seen.marked = vim.tbl_map(function(mark)
    return vim.api.nvim_buf_get_lines(buffer, mark[2], mark[2] + 1, false)[1]
  end, marks)
end

--- Which files the server runs for: `task.files` are opened one after the other.
function steps.files()
  judged()
  seen.diagnostics = diagnostics()
  seen.served = {}
  for _, file in ipairs(task.files) do
    vim.cmd.edit(vim.fn.fnameescape(file))
    -- What is wanted attaches; that the others do not is known when a wanted one was opened after them.
    if file:find('wanted') == nil then
      wait('the server for ' .. file, attached)
    end
  end
  for _, client in ipairs(vim.lsp.get_clients({ name = 'torchlean' })) do
    for buffer in pairs(client.attached_buffers) do
      table.insert(seen.served, vim.fs.basename(vim.api.nvim_buf_get_name(buffer)))
    end
  end
  vim.cmd.edit(vim.fn.fnameescape(task.files[1]))
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { 'import torch' })
  vim.cmd.write()
  wait('the server for a file that has got a model', attached)
end

--- From a model with an operator that has no exact form to its artifact and back, as a person does it.
function steps.journey()
  wait('the server', attached)
  run_lens('^Capture')
  wait('the finding', function()
    return #vim.diagnostic.get(0) > 0
  end)
  seen.diagnostics = diagnostics()
  notification('not captured')
  wait('the quickfix list', function()
    return #vim.fn.getqflist() > 0
  end)
  seen.quickfix = vim.tbl_map(function(item)
    return { line = item.lnum, text = item.text, file = vim.fs.basename(vim.api.nvim_buf_get_name(item.bufnr)) }
  end, vim.fn.getqflist())
  seen.hints = hints_at(3)

  go_to('F.gelu')
  apply(function(action)
    return action.title:find('tanh', 1, true) ~= nil and action.title:find('numbers', 1, true) ~= nil
  end)
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

--- What is missing is asked: the folder's trust, the model, its shape; then training, which is stopped and done.
function steps.questions()
  wait('the server', attached)
  go_to('class Second')
  answers = { '^Net', 'DEFAULT', 'Write it' }
  vim.cmd.TorchLean('capture')
  wait('the example shape in the file', function()
    return text_of(0):find('example-shape=1,4', 1, true) ~= nil
  end)
  seen.text = text_of(0)
  vim.cmd.write()

  answers = { '^Amount', '^Steps', '1000000', '^Start' }
  vim.cmd.TorchLean('train')
  wait('the progress', function()
    return vim.iter(seen.echoed):any(function(text)
      return text:find('Training net.ir.json.*loss') ~= nil
    end)
  end)
  vim.cmd.TorchLean('stop')
  notification('stopped')
  answers = { '^Data', '^samples.csv', '^Amount', '^Steps', '3', '^Start' }
  vim.cmd.TorchLean('train')
  notification('after 3 steps')
  seen.files = vim.fn.getcompletion('TorchLean train data=my', 'cmdline')
  vim.cmd('TorchLean! train ' .. seen.files[1] .. ' steps=2')
  notification('after 2 steps')

  -- Captured weights are somebody's work: there is a question before they are replaced.
  local before = #seen.asked
  answers = { 'Keep' }
  vim.cmd.TorchLean('init')
  wait('the question', function()
    return #seen.asked > before
  end)
  seen.question = seen.asked[#seen.asked].prompt
  seen.trust_questions = #vim.tbl_filter(function(asked)
    return asked.prompt:find('trusted') ~= nil or asked.prompt:find('runs code') ~= nil
  end, seen.asked)
end

--- An ONNX file beside an artifact is captured by its name, once its folder is trusted.
function steps.onnx()
  wait('the server', attached)
  seen.offered = vim.fn.getcompletion('TorchLean capture my', 'cmdline')
  local command = 'TorchLean capture ' .. seen.offered[1]
  vim.cmd(command)
  notification('not trusted')
  vim.cmd.TorchLean('trust')
  notification('is trusted')
  wait('the server', attached)
  vim.cmd(command)
  notification('my net.ir.json: 3 nodes')
  vim.cmd.edit('my\\ net.ir.json')
  wait('the server', attached)
  seen.text = text_of(0)
end

--- A folder that is refused: nothing of it runs, and nobody is asked a second time.
function steps.refused()
  wait('the server', attached)
  vim.cmd.TorchLean('capture')
  notification('not trusted')
  vim.cmd.edit(vim.fn.fnameescape(task.files[1]))
  wait('the server', attached)
  task.trust = 'allow'
  vim.cmd.TorchLean('trust')
  lens('^Capture')
  seen.lenses = lens_titles()
end

--- Words that make no sense are refused at once, in one line; those that do are completed.
function steps.words()
  lens('^Capture')
  for _, word in ipairs({ 'steps=many', 'lr=nan', 'epochs=1.5', 'lr', 'best=no' }) do
    vim.cmd.TorchLean('train', word)
    notification("'" .. word:match('[^=]+$') .. "'") -- the server knows which options there are
  end
  vim.cmd.TorchLean('fly')
  vim.cmd.TorchLean('emit', 'now')
  seen.subcommands = vim.fn.getcompletion('TorchLean ', 'cmdline')
  seen.models = vim.fn.getcompletion('TorchLean capture ', 'cmdline')
  seen.options = vim.fn.getcompletion('TorchLean train ', 'cmdline')
  seen.losses = vim.fn.getcompletion('TorchLean train steps=3 loss=', 'cmdline')
  seen.dialects = vim.fn.getcompletion('TorchLean convert ', 'cmdline')
  vim.fn.mkdir('TorchLean')
  vim.fn.writefile({}, 'TorchLean/a b\\c.svg')
  seen.curves = {}
  for _, line in ipairs({
    'TorchLean train curve=mod',
    'TorchLean! train curve=TorchLean/',
    'TorchLean train curve=TorchLean/a\\ b',
    'silent TorchL train curve=mod',
    'nohlsearch | TorchLean train curve=mod',
    'TorchLean train curve={mod', -- no pattern
  }) do
    table.insert(seen.curves, vim.fn.getcompletion(line, 'cmdline'))
  end
end

--- An artifact that cannot be saved.
function steps.readonly()
  judged()
  vim.bo.readonly = true
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { '' })
  vim.cmd.TorchLean('emit')
  notification('saved first')
end

function steps.health()
  judged()
  vim.cmd.checkhealth('torchlean')
  wait('the report', function()
    return text_of(0):find('torchlean doctor: Lean', 1, true) ~= nil
  end)
  seen.health = text_of(0)
end

local function main()
  vim.api.nvim_create_autocmd('DiagnosticChanged', {
    callback = function()
      seen.judged = seen.judged + 1
    end,
  })
  require('torchlean').setup({
    cmd = task.cmd,
    settings = task.settings,
    annotations = true,
  })
  vim.cmd.edit(vim.fn.fnameescape(task.file))
  steps[task.step]()
end

local ok, problem = xpcall(main, debug.traceback)
if not ok then
  seen.problem = problem
end
vim.fn.writefile({ vim.json.encode(seen) }, task.report)
vim.cmd.quitall({ bang = true })
