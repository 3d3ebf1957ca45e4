-- Training: what it needs to know is asked, and the answers are proposed the next time.
local notify = require('torchlean.notify')
local request = require('torchlean.request')

local M = {}

M.DEVICES = { 'auto', 'cpu', 'cuda' }
M.LOSSES = { 'mse', 'l1', 'huber', 'cross_entropy', 'bce_with_logits' }

---@type table<string, fun(text: string): any> options of :TorchLean train, and how their values are read
M.OPTIONS = {}
for _, name in ipairs({ 'data', 'device', 'loss', 'optimizer', 'schedule', 'x', 'y' }) do
  M.OPTIONS[name] = tostring
end
for _, name in ipairs({ 'batch_size', 'epochs', 'lr', 'output', 'seed', 'steps', 'val_split' }) do
  M.OPTIONS[name] = tonumber
end

local SYNTHETIC = 'Synthetic data: random inputs, and targets that another network of this graph makes of them'
local FILE = 'A file (.npz, .safetensors or .csv) or a function (module:function)…'
local SAMPLES = { npz = true, safetensors = true, csv = true }
local NO_SAMPLES = '%.(%a+)%.safetensors$' -- parameters of some kind: the name says of what

---@type table<string, table<string, any>> the last answers by the artifact's URI
local remembered = {}

--- Data as the server finds it, which looks from the artifact's folder: a file that is named from here in full.
---@param text string
---@return string
local function data(text)
  local path = vim.fn.fnamemodify(text, ':p')
  return vim.uv.fs_stat(path) and path or text
end

M.OPTIONS.data = data

---@param items string[]
---@param first? string what was chosen the last time
---@return string[]
local function with_first(items, first)
  local sorted = vim.tbl_filter(function(item)
    return item == first
  end, items)
  for _, item in ipairs(items) do
    if item ~= first then
      table.insert(sorted, item)
    end
  end
  return sorted
end

--- Files beside the artifact that may be samples.
---@param folder string
---@return string[]
local function files_in(folder)
  local found = {}
  for name, kind in vim.fs.dir(folder) do
    local is_sample = SAMPLES[vim.fn.fnamemodify(name, ':e'):lower()] and not name:find(NO_SAMPLES)
    if kind == 'file' and is_sample then
      table.insert(found, name)
    end
  end
  table.sort(found)
  return found
end

--- Reads `name=value` words.
---@param words string[]
---@return table<string, any>? options nil, and a message, where one is none
function M.read(words)
  local options = {}
  for _, word in ipairs(words) do
    local name, text = word:match('^([%w_]+)=(.+)$')
    local read = name and M.OPTIONS[name]
    local value = read and read(text)
    if value == nil then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(M.OPTIONS)), '=, ')
      notify.error(("'%s' is no option of a training; there are %s="):format(word, names))
      return nil
    end
    options[name] = value
  end
  return options
end

---@alias torchlean.Answers table<string, any>
---@alias torchlean.Question fun(answers: torchlean.Answers, next: fun())

---@param folder string
---@param last torchlean.Answers
---@return torchlean.Question
local function ask_data(folder, last)
  return function(answers, next)
    local items = { SYNTHETIC }
    vim.list_extend(items, files_in(folder))
    table.insert(items, FILE)
    vim.ui.select(with_first(items, last.choice), { prompt = 'Train with:' }, function(choice)
      answers.choice = choice
      if choice == FILE then
        local options = { prompt = 'Data: ', default = last.data, completion = 'file' }
        vim.ui.input(options, function(text)
          if text and vim.trim(text) ~= '' then
            answers.data = data(vim.trim(text))
            next()
          end
        end)
      elseif choice then
        answers.data = choice ~= SYNTHETIC and choice or nil
        next()
      end
    end)
  end
end

---@param last torchlean.Answers
---@return torchlean.Question
local function ask_loss(last)
  return function(answers, next)
    if not answers.data then
      next()
      return
    end
    vim.ui.select(with_first(M.LOSSES, last.loss), { prompt = 'Loss:' }, function(choice)
      if choice then
        answers.loss = choice
        next()
      end
    end)
  end
end

---@param last torchlean.Answers
---@return torchlean.Question
local function ask_length(last)
  return function(answers, next)
    local default = last.epochs and ('%d epochs'):format(last.epochs) or ('%d steps'):format(last.steps or 200)
    vim.ui.input({ prompt = 'How long (200 steps, 20 epochs): ', default = default }, function(text)
      if not text or vim.trim(text) == '' then
        return
      end
      local count, unit = text:match('^%s*(%d+)%s*(%a*)%s*$')
      local is_good = count and tonumber(count) > 0
      if is_good and vim.startswith('epochs', unit:lower()) and unit ~= '' then
        answers.epochs = tonumber(count)
      elseif is_good and vim.startswith('steps', unit:lower()) then
        answers.steps = tonumber(count)
      else
        notify.error(("'%s' is neither a number of steps nor of epochs"):format(vim.trim(text)))
        return
      end
      next()
    end)
  end
end

---@param last torchlean.Answers
---@return torchlean.Question
local function ask_device(last)
  local words = { auto = 'auto (a GPU where there is one)' }
  return function(answers, next)
    vim.ui.select(with_first(M.DEVICES, last.device), {
      prompt = 'Device:',
      format_item = function(device)
        return words[device] or device
      end,
    }, function(choice)
      if choice then
        answers.device = choice
        next()
      end
    end)
  end
end

---@param client vim.lsp.Client
---@param uri string
---@param options torchlean.Answers
---@param given table what the command's argument has besides
local function start(client, uri, options, given)
  local argument = vim.tbl_extend('force', given, options, { uri = uri })
  request.execute({
    client = client,
    command = 'torchlean.train',
    argument = argument,
    on_result = function(result)
      local file = vim.fs.basename(result.output)
      local losses = ('loss %.4g → %.4g'):format(result.first_loss, result.last_loss)
      notify.info(('%s: %s after %d steps'):format(file, losses, result.steps))
    end,
  })
end

--- Trains an artifact; asks for what to train with where no options are given.
---@param client vim.lsp.Client
---@param uri string
---@param options? torchlean.Answers
---@param given? table what the command's argument has besides, as that of a lens
function M.train(client, uri, options, given)
  if options and next(options) then
    start(client, uri, options, given or {})
    return
  end
  local last = remembered[uri] or {}
  local answers = {}
  local questions = {
    ask_data(vim.fs.dirname(vim.uri_to_fname(uri)), last),
    ask_loss(last),
    ask_length(last),
    ask_device(last),
  }
  local function ask(index)
    if questions[index] then
      questions[index](answers, function()
        ask(index + 1)
      end)
      return
    end
    remembered[uri] = vim.deepcopy(answers)
    answers.choice = nil
    start(client, uri, answers, given or {})
  end
  ask(1)
end

return M
