-- The language server: where it is wanted, how it is configured, started and started again.
local compat = require('torchlean.compat')
local notify = require('torchlean.notify')
local options = require('torchlean.options')
local trust = require('torchlean.trust')

local M = {}

M.FILETYPES = { 'torchlean', 'python' }
M.ROOT_MARKERS = { 'torchlean.toml', 'pyproject.toml', 'lakefile.toml', 'lakefile.lean', '.git' }

-- What a Python file with a model holds: torch, a module of another library that is one, or a directive.
local MODEL = {
  '^%s*import%s.*%f[%w_]torch',
  '^%s*from%s+torch',
  'nn%.Module',
  '^%s*#%s*torchlean:',
}

---@type table<integer, boolean> clients that were told to end, and still run
local ending = {}

--- Whether setup() started the server where Neovim cannot enable it (0.10).
M.is_started_here = false

---@type boolean whether it was said that the server is not installed
local has_complained = false

---@param line string
local function is_of_model(line)
  return vim.iter(MODEL):any(function(pattern)
    return line:find(pattern) ~= nil
  end)
end

--- Whether the server has something to say of a buffer: an artifact, or a Python file that may hold a model.
---@param bufnr integer
---@return boolean
function M.is_wanted(bufnr)
  if not vim.api.nvim_buf_is_loaded(bufnr) or vim.bo[bufnr].buftype ~= '' then
    return false
  end
  local filetype = vim.bo[bufnr].filetype
  if filetype ~= 'python' then
    return filetype == 'torchlean'
  end
  return vim.iter(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)):any(is_of_model)
end

--- The folder that a buffer belongs to: the nearest with a marker, else its own.
---@param bufnr integer
---@return string?
function M.root(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  if name == '' then
    return nil
  end
  return vim.fs.root(bufnr, M.ROOT_MARKERS) or vim.fs.dirname(name)
end

--- The Python that models run in where no setting says it: that of the environment, else that of the folder.
---@param root? string
---@return string?
function M.interpreter(root)
  local name = vim.fn.has('win32') == 1 and 'Scripts/python.exe' or 'bin/python'
  local environments = { vim.env.VIRTUAL_ENV, root and vim.fs.joinpath(root, '.venv') }
  for _, environment in pairs(environments) do
    local program = vim.fs.joinpath(environment, name)
    if vim.fn.executable(program) == 1 then
      return program
    end
  end
end

--- The server's command line, as it is configured.
---@return string[]|fun(...): any
function M.command()
  local config = compat.has_config and vim.lsp.config.torchlean
  return config and config.cmd or options.get('cmd')
end

---@return boolean
local function is_installed()
  local cmd = M.command()
  if type(cmd) ~= 'table' or vim.fn.executable(cmd[1]) == 1 then
    return true
  end
  if not has_complained then
    has_complained = true
    notify.error(("'%s' is not installed (pip install torchlean-ls); see :checkhealth torchlean"):format(cmd[1]))
  end
  return false
end

--- Finds the folder of a buffer where the server is wanted there; asks whether code may run where there is some.
---@param bufnr integer
---@param on_root fun(root?: string)
function M.begin(bufnr, on_root)
  if not M.is_wanted(bufnr) or not is_installed() then
    return
  end
  local root = M.root(bufnr)
  if not root or vim.bo[bufnr].filetype ~= 'python' or trust.state(root) ~= nil then
    on_root(root)
    return
  end
  -- Asked when the file is on the screen, and before the server starts: it is told once.
  vim.schedule(function()
    local is_trusted = trust.ask(root)
    if is_trusted and #M.clients(root) > 0 then
      M.restart(root)
    end
    if vim.api.nvim_buf_is_valid(bufnr) then
      on_root(root)
    end
  end)
end

--- Tells the server what only the client knows. Given to Neovim as `before_init`.
---@param params table what `initialize` says
---@param config vim.lsp.ClientConfig
local function before_init(params, config)
  local root = config.root_dir
  local given = config.init_options or {}
  params.initializationOptions = vim.tbl_extend('keep', given, {
    trusted = root ~= nil and trust.state(root) == true,
    confirms = true, -- questions come with the errors, and are asked here
  })
  local settings = config.settings or {}
  local section = settings.torchlean or {}
  local python = not vim.tbl_get(section, 'python', 'interpreter') and M.interpreter(root)
  if python then
    section.python = { interpreter = python }
  end
  settings.torchlean = next(section) and section or vim.empty_dict() -- an empty table would be sent as a list
end

--- The configuration, as vim.lsp.config() and vim.lsp.start() take it.
---@return vim.lsp.ClientConfig
function M.config()
  return {
    name = 'torchlean',
    cmd = options.get('cmd'),
    before_init = before_init,
    settings = { torchlean = options.get('settings') },
    commands = require('torchlean.lens_commands'),
    handlers = compat.handlers,
    get_language_id = function(_, filetype)
      return filetype == 'torchlean' and 'torchlean-ir' or filetype
    end,
    on_attach = function(client, bufnr)
      require('torchlean.annotations').attach(client, bufnr)
    end,
  }
end

--- The running clients; those of a folder, or of a buffer.
---@param where? string|integer
---@return vim.lsp.Client[]
function M.clients(where)
  local filter = { name = 'torchlean', bufnr = type(where) == 'number' and where or nil }
  return vim.tbl_filter(function(client)
    return not ending[client.id] and (type(where) ~= 'string' or client.root_dir == where)
  end, vim.lsp.get_clients(filter))
end

--- Whether a running client serves a folder: one that was told to end does not.
---@param client vim.lsp.Client
---@param config vim.lsp.ClientConfig
---@return boolean
function M.reuse_client(client, config)
  return client.name == 'torchlean' and client.root_dir == config.root_dir and not ending[client.id]
end

--- Starts the server for a buffer, or attaches the one that runs in its folder.
---@param bufnr integer
---@param root? string
local function attach(bufnr, root)
  local config = vim.deepcopy(compat.has_config and vim.lsp.config.torchlean or M.config())
  config.root_dir = root
  vim.lsp.start(config, { bufnr = bufnr, reuse_client = M.reuse_client })
end

--- Starts the server for a buffer where it is wanted and does not run.
---@param bufnr integer
function M.start(bufnr)
  if #M.clients(bufnr) == 0 then
    M.begin(bufnr, function(root)
      attach(bufnr, root)
    end)
  end
end

--- Whether somebody wants the server to start by itself.
---@return boolean
function M.is_enabled()
  return M.is_started_here or compat.is_enabled()
end

--- Starts it again for the buffers that it serves, with what is set now.
---@param root? string only the server of this folder
---@return integer count of servers
function M.restart(root)
  local clients = M.clients(root)
  for _, client in ipairs(clients) do
    ending[client.id] = true
    local buffers = vim.tbl_keys(client.attached_buffers)
    for _, bufnr in ipairs(buffers) do
      vim.lsp.buf_detach_client(bufnr, client.id)
    end
    compat.call(client, 'stop')
    for _, bufnr in ipairs(buffers) do
      attach(bufnr, client.root_dir)
    end
  end
  return #clients
end

return M
