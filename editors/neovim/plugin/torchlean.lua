-- User commands for the TorchLean language server. The server itself is enabled by vim.lsp.enable('torchlean').
if vim.g.loaded_torchlean then
  return
end
vim.g.loaded_torchlean = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('TorchLean: Neovim 0.11 or newer is needed', vim.log.levels.ERROR)
  return
end

---@param name string
---@param run fun(args: vim.api.keyset.create_user_command.command_args)
---@param options table
local function command(name, run, options)
  vim.api.nvim_create_user_command(name, run, options)
end

---@param args vim.api.keyset.create_user_command.command_args
---@param arguments table<string, any>
local function forced(args, arguments)
  if args.bang then
    arguments.force = true
  end
  return arguments
end

command('TorchLeanEmit', function(args)
  require('torchlean').execute('torchlean.emit', forced(args, {}))
end, { bang = true, desc = 'Write the PyTorch module of this artifact (!: over one that was edited)' })

command('TorchLeanRefresh', function(args)
  require('torchlean').execute('torchlean.refresh', forced(args, {}))
end, { bang = true, desc = 'Write the PyTorch module of this artifact again (!: over one that was edited)' })

command('TorchLeanCheck', function()
  require('torchlean').execute('torchlean.check')
end, { desc = 'Check this artifact and say how it is' })

command('TorchLeanGraph', function()
  require('torchlean').show_graph()
end, { desc = 'Show the graph of this artifact as text' })

command('TorchLeanCapture', function(args)
  local name, shape = args.fargs[1], args.fargs[2]
  require('torchlean').execute('torchlean.capture', forced(args, { name = name, exampleShape = shape }))
end, {
  bang = true,
  nargs = '*',
  desc = 'Capture model NAME of this Python file with an example input of SHAPE, such as 1,4',
  complete = function(lead)
    local classes = {}
    for _, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
      local class = line:match('^class%s+([%w_]+)')
      if class and vim.startswith(class, lead) then
        table.insert(classes, class)
      end
    end
    return classes
  end,
})

command('TorchLeanInit', function(args)
  require('torchlean').execute('torchlean.init', forced(args, {}))
end, { bang = true, desc = 'Write new parameters for this artifact (!: over existing ones)' })

command('TorchLeanTrain', function(args)
  local steps = require('torchlean').steps(args.args)
  if steps then
    require('torchlean').execute('torchlean.train', { steps = steps })
  end
end, { nargs = 1, desc = 'Train this artifact for a number of steps' })

command('TorchLeanConvert', function(args)
  local dialect = args.fargs[1]
  require('torchlean').execute('torchlean.convert', forced(args, { dialect = dialect }))
end, {
  bang = true,
  nargs = '?',
  desc = 'Write this artifact in the other dialect, or in the one that is named (!: over a file that is there)',
})

command('TorchLeanStop', function()
  require('torchlean').execute('torchlean.stop')
end, { desc = 'Stop the work that runs for this file' })
