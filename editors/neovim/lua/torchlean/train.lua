-- Training: what it needs to know is asked, and the answers are proposed the next time.
local notify = require('torchlean.notify')
local request = require('torchlean.request')

local M = {}

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
local NO_SAMPLES = { '%.params%.safetensors$', '%.trained%.safetensors$', '%.checkpoint%.safetensors$' }

---@type table<string, table<string, any>> the last answers by the artifact's URI
local remembered = {}

--- Files beside the artifact that may be samples.
---@param folder string
---@return string[]
local function files_in(folder)
  local found = {}
  for name, kind in vim.fs.dir(folder) do
    local is_ours = vim.iter(NO_SAMPLES):any(function(pattern)
      return name:find(pattern) ~= nil
    end)
    if kind == 'file' and SAMPLES[vim.fn.fnamemodify(name, ':e'):lower()] and not is_ours then
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
    vim.ui.select(items, { prompt = 'Train with:' }, function(choice)
      if choice == FILE then
        local options = { prompt = 'Data: ', default = last.data, completion = 'file' }
        vim.ui.input(options, function(text)
          if text and vim.trim(text) ~= '' then
            answers.data = vim.trim(text)
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

---@type torchlean.Question
local function ask_loss(answers, next)
  if not answers.data then
    next()
    return
  end
  vim.ui.select(M.LOSSES, { prompt = 'Loss:' }, function(choice)
    if choice then
      answers.loss = choice
      next()
    end
  end)
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

---@type torchlean.Question
local function ask_device(answers, next)
  local automatic = 'auto (a GPU where there is one)'
  vim.ui.select({ automatic, 'cpu', 'cuda' }, { prompt = 'Device:' }, function(choice)
    if choice then
      answers.device = choice ~= automatic and choice or 'auto'
      next()
    end
  end)
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
    ask_loss,
    ask_length(last),
    ask_device,
  }
  local function ask(index)
    if questions[index] then
      questions[index](answers, function()
        ask(index + 1)
      end)
      return
    end
    remembered[uri] = answers
    start(client, uri, answers, given or {})
  end
  ask(1)
end

return M
