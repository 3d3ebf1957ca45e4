-- :checkhealth torchlean
local M = {}

local health = vim.health

---@param program string
local function check_program(program)
  if vim.fn.executable(program) == 0 then
    health.error(("'%s' is not executable"):format(program), {
      'Install the server: pip install torchlean-ls',
      "Or name it: vim.lsp.config('torchlean', { cmd = { '/path/to/torchlean', 'server', '--stdio' } })",
    })
    return
  end
  health.ok(("'%s' is %s"):format(program, vim.fn.exepath(program)))
  local ok, result = pcall(function()
    return vim.system({ program, '--version' }, { text = true, timeout = 20000 }):wait()
  end)
  if ok and result.code == 0 then
    health.ok(vim.trim(result.stdout))
    health.info(("'%s doctor' tells about Python, PyTorch and devices"):format(program))
  else
    health.error(("'%s --version' failed: %s"):format(program, ok and vim.trim(result.stderr) or result))
  end
end

function M.check()
  health.start('torchlean')
  if vim.fn.has('nvim-0.11') == 0 then
    health.error('Neovim 0.11 or newer is needed')
    return
  end
  health.ok('Neovim 0.11 or newer')

  local config = vim.lsp.config.torchlean
  if not config then
    health.error("no configuration 'torchlean'", { "Is editors/neovim on 'runtimepath'?" })
    return
  end
  if type(config.cmd) == 'table' then
    check_program(config.cmd[1])
  end

  if vim.lsp.is_enabled('torchlean') then
    health.ok('enabled')
  else
    health.warn('not enabled', { "vim.lsp.enable('torchlean')" })
  end
  local trusted = (config.init_options or {}).trusted
  health.info(trusted and 'capture and training may run code of the project' or 'code of the project is never run')

  for _, client in ipairs(vim.lsp.get_clients({ name = 'torchlean' })) do
    health.ok(
      ('client %d: root %s, %d buffers'):format(
        client.id,
        client.root_dir or '(single file)',
        vim.tbl_count(client.attached_buffers)
      )
    )
  end
end

return M
