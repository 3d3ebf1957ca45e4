-- The graph of an artifact as text, in a window beside it: it follows the edits and the cursor.
local compat = require('torchlean.compat')
local notify = require('torchlean.notify')
local request = require('torchlean.request')
local server = require('torchlean.server')

local M = {}

local PAUSE = 250
local namespace = vim.api.nvim_create_namespace('torchlean.graph')
local group = vim.api.nvim_create_augroup('torchlean.graph', {})

---@type table<string, integer> how often an artifact was begun to be followed, by its URI
local followed = {}

---@param uri string
local function name_of(uri)
  return 'torchlean-graph://' .. vim.uri_to_fname(uri)
end

---@param uri string
---@return integer? buffer of the graph
local function shown(uri)
  local name = name_of(uri)
  -- bufnr() would take the name as a pattern.
  return vim.iter(vim.api.nvim_list_bufs()):find(function(bufnr)
    return vim.api.nvim_buf_is_loaded(bufnr) and vim.api.nvim_buf_get_name(bufnr) == name
  end)
end

--- The node that a line of a graph is about; that of a cluster, which may be called `0`, is about none.
---@param line string
---@return string? id
local function node_of(line)
  local rail, id = line:match('^([^%w%[]*)(%d+)%s')
  return rail and not rail:find('▾', 1, true) and id or nil
end

---@param buffer integer
---@param content string
local function fill(buffer, content)
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(vim.trim(content), '\n'))
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].modified = false
end

--- Marks the node that the cursor of the artifact's window is in, and brings it into view.
---@param graph integer
---@param artifact integer
local function mark(graph, artifact)
  vim.api.nvim_buf_clear_namespace(graph, namespace, 0, -1)
  local window = vim.fn.bufwinid(artifact)
  if window == -1 then
    return
  end
  local id = vim.api.nvim_win_call(window, function()
    local row = vim.fn.search('"id"\\s*:\\s*\\d\\+', 'bcnW')
    return vim.fn.getline(row):match('"id"%s*:%s*(%d+)')
  end)
  for row, line in ipairs(vim.api.nvim_buf_get_lines(graph, 0, -1, false)) do
    if id and node_of(line) == id then
      vim.api.nvim_buf_set_extmark(graph, namespace, row - 1, 0, { line_hl_group = 'CursorLine' })
      local graph_window = vim.fn.bufwinid(graph)
      if graph_window ~= -1 and graph_window ~= vim.api.nvim_get_current_win() then
        vim.api.nvim_win_set_cursor(graph_window, { row, 0 })
      end
      return
    end
  end
end

--- Goes to the node of the graph's line in the artifact.
---@param uri string
local function go_to_node(uri)
  local id = node_of(vim.api.nvim_get_current_line())
  if not id then
    return
  end
  local artifact = vim.uri_to_bufnr(uri)
  local window = vim.fn.bufwinid(artifact)
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
  else
    vim.cmd('leftabove vertical sbuffer ' .. artifact)
  end
  vim.cmd("normal! m'")
  vim.fn.cursor(1, 1)
  vim.fn.search(('"id"\\s*:\\s*%s\\>'):format(id), 'cW')
end

---@param client vim.lsp.Client
---@param uri string
---@param on_content fun(content: string)
---@param on_error fun(message: string)
local function draw(client, uri, on_content, on_error)
  -- Every node has a line, also where there are many: closed clusters could be neither marked nor opened here.
  local argument = { uri = uri, format = 'text', depth = 'all' }
  local params = { command = 'torchlean.showGraph', arguments = { argument } }
  compat.call(client, 'request', 'workspace/executeCommand', params, function(err, result)
    if err then
      on_error(err.message)
    else
      on_content(result.content)
    end
  end)
end

--- Draws the graph anew when the artifact rests after an edit; while it cannot be drawn, what was drawn stays.
---@param uri string
---@param artifact integer
local function follow(uri, artifact)
  vim.api.nvim_clear_autocmds({ group = group, buffer = artifact })
  followed[uri] = (followed[uri] or 0) + 1
  local turn, due = followed[uri], false
  local function draw_again()
    due = false
    local graph, client = shown(uri), server.clients(artifact)[1]
    if not graph or not client then
      return
    end
    draw(client, uri, function(content)
      if vim.api.nvim_buf_is_loaded(graph) then
        fill(graph, content)
        mark(graph, artifact)
      end
    end, function() end)
  end
  local function changed()
    if not shown(uri) or followed[uri] ~= turn then
      return true -- nobody looks any more, or it is followed anew
    end
    if not due then
      due = true
      vim.defer_fn(draw_again, PAUSE)
    end
  end
  vim.api.nvim_buf_attach(artifact, false, { on_lines = changed, on_reload = changed })
  vim.api.nvim_create_autocmd('CursorMoved', {
    group = group,
    buffer = artifact,
    callback = function()
      local graph = shown(uri)
      if not graph then
        return true
      end
      mark(graph, artifact)
    end,
  })
end

--- How wide a window has to be for a graph; the artifact keeps half of the room.
---@param content string
---@return integer
local function width_of(content)
  local widest = 0
  for line in vim.gsplit(content, '\n') do
    widest = math.max(widest, vim.fn.strdisplaywidth(line))
  end
  return math.max(20, math.min(widest + 2, math.floor(vim.api.nvim_win_get_width(0) / 2)))
end

---@param uri string
---@param content string
---@return integer buffer
local function open(uri, content)
  local buffer = shown(uri)
  local window = buffer and vim.fn.bufwinid(buffer) or -1
  if buffer and window ~= -1 then
    return buffer
  end
  buffer = buffer or vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, name_of(uri))
  window = vim.api.nvim_open_win(buffer, false, { split = 'right', width = width_of(content) })
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].filetype = 'torchlean-graph'
  vim.wo[window].wrap = false
  vim.wo[window].number = false
  vim.wo[window].relativenumber = false
  vim.wo[window].signcolumn = 'no'
  vim.keymap.set('n', '<CR>', function()
    go_to_node(uri)
  end, { buffer = buffer, desc = 'TorchLean: go to this node' })
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, desc = 'TorchLean: close the graph' })
  return buffer
end

--- Shows the graph of an artifact in a window beside the current one, or shows it anew there.
---@param client vim.lsp.Client
---@param uri string
function M.show(client, uri)
  draw(client, uri, function(content)
    local buffer = open(uri, content)
    fill(buffer, content)
    local artifact = request.buffer_of(uri)
    if artifact then
      follow(uri, artifact)
      mark(buffer, artifact)
    end
  end, notify.error)
end

return M
