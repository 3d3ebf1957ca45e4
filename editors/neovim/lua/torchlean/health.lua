-- :checkhealth torchlean
if vim.fn.has('nvim-0.10') == 0 then
  return {
    check = function()
      require('health').report_error('Neovim 0.10 or newer is needed')
    end,
  }
end

local compat = require('torchlean.compat')
local options = require('torchlean.options')
local server = require('torchlean.server')
local trust = require('torchlean.trust')

local M = {}

local health = vim.health
local PATIENCE = 60000

---@class torchlean.DoctorItem
---@field section string
---@field name string
---@field state string
---@field detail string
---@field remedy string
---@field required boolean

--- The command line of the same program that tells what it finds.
---@param cmd string[]
---@return string[]
local function doctor_command(cmd)
  local words = {}
  for _, word in ipairs(cmd) do
    if word == 'server' then
      break
    end
    table.insert(words, word)
  end
  return vim.list_extend(words, { 'doctor', '--output-format', 'json' })
end

---@param item torchlean.DoctorItem
local function tell(item)
  local text = ('%s: %s'):format(item.name, item.detail)
  local remedy = item.remedy ~= '' and { item.remedy } or nil
  if item.state == 'ok' then
    health.ok(text)
  elseif item.required then
    health.error(text, remedy)
  elseif item.section == 'Devices' or item.section == 'Optional' then
    health.info(text)
  else
    health.warn(text, remedy)
  end
end

--- Runs `torchlean doctor`, and tells what it finds; where the program is, and of editors, is known here.
---@param cmd string[]
local function run_doctor(cmd)
  local program = cmd[1]
  if vim.fn.executable(program) == 0 then
    health.error(("the server '%s' is not installed"):format(program), {
      'pip install torchlean-ls',
      "or say where it is: require('torchlean').setup({ cmd = { '/path/to/torchlean', 'server', '--stdio' } })",
    })
    return
  end
  health.ok(("server: '%s'"):format(vim.fn.exepath(program)))
  local ok, answer = pcall(function()
    return vim.system(doctor_command(cmd), { text = true, timeout = PATIENCE }):wait()
  end)
  local is_read, report = pcall(vim.json.decode, ok and answer.stdout or '')
  if not is_read or type(report) ~= 'table' or type(report.items) ~= 'table' then
    local said = ok and vim.trim(answer.stderr or '') or tostring(answer)
    health.error(("'%s doctor' failed: %s"):format(program, said ~= '' and said or 'it said nothing'))
    return
  end
  local own = require('torchlean').version
  if report.version == own then
    health.ok(('torchlean-ls %s'):format(own))
  else
    health.warn(('the server is of version %s, this plugin of version %s'):format(report.version, own), {
      ('pip install torchlean-ls==%s'):format(own),
    })
  end
  local section
  for _, item in ipairs(report.items) do
    local is_told = item.section == 'Editors' or item.name == 'torchlean'
    if not is_told then
      if item.section ~= section then
        section = item.section
        health.start('torchlean doctor: ' .. section)
      end
      tell(item)
    end
  end
end

local function tell_clients()
  local clients = server.clients()
  if #clients == 0 then
    health.info('the server does not run: it starts where an artifact is, or a Python file that uses torch')
  end
  for _, client in ipairs(clients) do
    local root = client.root_dir
    local is_trusted = root and trust.state(root)
    health.ok(
      ('runs for %d buffer(s) of %s; its code %s'):format(
        vim.tbl_count(client.attached_buffers),
        root and vim.fn.fnamemodify(root, ':~') or 'no folder',
        is_trusted and 'may be run by capture and training' or 'is not run (:TorchLean trust)'
      )
    )
    local python = vim.tbl_get(client.config.settings or {}, 'torchlean', 'python', 'interpreter')
    health.info(('models run in %s'):format(python or "the server's own Python"))
  end
end

function M.check()
  health.start('torchlean')
  local version = vim.version()
  health.ok(('Neovim %d.%d.%d'):format(version.major, version.minor, version.patch))
  for _, problem in ipairs(options.problems()) do
    health.error(problem)
  end
  if server.is_enabled() then
    health.ok('enabled')
  else
    health.warn('not enabled', { "require('torchlean').setup()" })
  end
  if compat.has_config and not vim.lsp.config.torchlean then
    health.error("no configuration 'torchlean'", { "is editors/neovim on 'runtimepath'?" })
    return
  end
  tell_clients()
  local cmd = server.command()
  if type(cmd) == 'table' then
    run_doctor(cmd)
  end
end

return M
