-- What the server found, in the quickfix list.
local M = {}

local OF_CAPTURE = 'TorchLean: capture'
local OF_ALL = 'TorchLean: findings'

-- How long a failed capture's findings are waited for
local PATIENCE = 2000

---@param pattern string of the codes that count
---@return table[] entries in the order of their places
local function entries(pattern)
  local found = vim.tbl_filter(function(one)
    return one.source == 'torchlean' and tostring(one.code):find(pattern) ~= nil
  end, vim.diagnostic.get(nil))
  local items = {}
  for _, one in ipairs(found) do
    local text = ('%s %s'):format(one.code, vim.split(one.message, '\n')[1])
    local item = vim.diagnostic.toqflist({ one })[1]
    item.text = text
    item.nr = nil
    table.insert(items, item)
  end
  table.sort(items, function(a, b)
    local first, second = vim.api.nvim_buf_get_name(a.bufnr), vim.api.nvim_buf_get_name(b.bufnr)
    if first ~= second then
      return first < second
    end
    return a.lnum < b.lnum or (a.lnum == b.lnum and a.col < b.col)
  end)
  return items
end

--- Puts entries into the quickfix list: into ours where that is the current one, else into a new one.
---@param title string
---@param items table[]
local function put(title, items)
  local is_ours = vim.fn.getqflist({ title = true }).title == title
  vim.fn.setqflist({}, is_ours and 'r' or ' ', { title = title, items = items })
end

--- Opens the window of the quickfix list, and stays where the cursor is.
---@param count integer entries
local function open(count)
  local window = vim.api.nvim_get_current_win()
  vim.cmd(('botright copen %d'):format(math.max(3, math.min(count, 10))))
  vim.api.nvim_set_current_win(window)
end

--- Puts everything that was found in the open files into the quickfix list.
---@return integer count
function M.list()
  local items = entries('.')
  put(OF_ALL, items)
  if #items > 0 then
    open(#items)
  else
    vim.cmd.cclose()
  end
  return #items
end

--- Puts what a failed capture found into the quickfix list: as soon as it is there, which may be after the answer.
function M.after_failed_capture()
  local shown = {}
  local function take()
    local items = entries('^TL6')
    if #items > 0 and not vim.deep_equal(items, shown) then
      local is_first = #shown == 0
      shown = items
      put(OF_CAPTURE, items)
      if is_first then
        open(#items)
      end
    end
  end
  local follower = vim.api.nvim_create_autocmd('DiagnosticChanged', { callback = vim.schedule_wrap(take) })
  vim.defer_fn(function()
    vim.api.nvim_del_autocmd(follower)
  end, PATIENCE)
  take()
end

--- Empties the list of an earlier capture that failed, where it is the current one.
function M.after_capture()
  if vim.fn.getqflist({ title = true }).title == OF_CAPTURE then
    put(OF_CAPTURE, {})
    vim.cmd.cclose()
  end
end

return M
