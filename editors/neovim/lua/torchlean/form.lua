-- A form of the server's, such as what to train with: a list of its fields, each with what is chosen, and the start.
local notify = require('torchlean.notify')

local M = {}

---@class torchlean.Chosen
---@field label string
---@field answer table what the command's argument gets

---@type table<string, table<string, torchlean.Chosen>> what was chosen the last time, by form and field
local remembered = {}

---@param choice { label: string, detail?: string }
local function told(choice)
  return choice.detail and choice.detail ~= '' and ('%s (%s)'):format(choice.label, choice.detail) or choice.label
end

--- A file as the server finds it, which looks from the artifact's folder: one that is there is named in full.
---@param text string
---@return string
function M.path(text)
  local path = vim.fn.fnamemodify(text, ':p')
  return vim.uv.fs_stat(path) and path or text
end

--- The value of an answer that was typed; nil, and a message, where it is none.
---@param ask { type: string, prompt: string, above?: number }
---@param text string
local function value_of(ask, text)
  if ask.type == 'file' then
    return M.path(text)
  end
  local number = tonumber(text)
  local is_good = number and number > (ask.above or -math.huge) and number < math.huge -- which nan is not, either
  is_good = is_good and (ask.type ~= 'whole' or number % 1 == 0)
  if not is_good then
    local kind = ask.type == 'whole' and 'a whole number' or 'a number'
    notify.error(("%s: expected %s above %s, found '%s'"):format(ask.prompt, kind, ask.above, text))
    return nil
  end
  return number
end

--- Asks for an answer that is typed.
---@param ask table
---@param on_chosen fun(chosen: torchlean.Chosen)
local function type_in(ask, on_chosen)
  local options = { prompt = ask.prompt .. ': ', default = ask.value }
  if ask.type == 'file' then
    options.completion = 'file'
  end
  vim.ui.input(options, function(text)
    text = text and vim.trim(text) or ''
    local value = text ~= '' and value_of(ask, text)
    if value then
      on_chosen({ label = vim.trim(text .. ' ' .. (ask.unit or '')), answer = { [ask.name] = value } })
    end
  end)
end

---@param field table
---@param on_chosen fun(chosen?: torchlean.Chosen)
local function choose(field, on_chosen)
  vim.ui.select(field.choices, { prompt = field.label .. ':', format_item = told }, function(choice)
    if not choice then
      on_chosen()
    elseif choice.ask then
      type_in(choice.ask, on_chosen)
    else
      on_chosen({ label = told(choice), answer = choice.answer })
    end
  end)
end

--- Asks what a form has; what was chosen the last time is proposed.
---@param form table `data.form` of the server's error
---@param on_answer fun(more: table) gets what the command's argument gets besides
function M.ask(form, on_answer)
  local last = remembered[form.title] or {}
  local chosen = {}
  for _, field in ipairs(form.fields) do
    local first = field.choices[1]
    chosen[field.label] = last[field.label] or { label = told(first), answer = first.answer }
  end
  local resume = type(form.resume) == 'table' and form.resume or nil
  local function show()
    local items = { { label = form.accept } }
    if resume then
      table.insert(items, { label = resume.label, argument = resume.argument })
    end
    for _, field in ipairs(form.fields) do
      table.insert(items, { label = ('%s: %s'):format(field.label, chosen[field.label].label), field = field })
    end
    vim.ui.select(items, {
      prompt = form.title .. ':',
      format_item = function(item)
        return item.label
      end,
    }, function(item)
      if not item then
        return
      elseif item.argument then
        on_answer(item.argument)
      elseif item.field then
        choose(item.field, function(answer)
          chosen[item.field.label] = answer or chosen[item.field.label]
          show()
        end)
      else
        remembered[form.title] = chosen
        local more = {}
        for _, one in pairs(chosen) do
          more = vim.tbl_extend('force', more, one.answer or {})
        end
        on_answer(more)
      end
    end)
  end
  show()
end

return M
