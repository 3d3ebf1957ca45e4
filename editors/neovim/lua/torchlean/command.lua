-- :TorchLean and its subcommands.
local compat = require('torchlean.compat')
local models = require('torchlean.models')
local notify = require('torchlean.notify')
local request = require('torchlean.request')
local server = require('torchlean.server')
local trust = require('torchlean.trust')

local M = {}

---@class torchlean.Context
---@field client vim.lsp.Client
---@field bufnr integer
---@field words string[] arguments of the subcommand
---@field bang boolean

---@class torchlean.Subcommand
---@field run fun(context: torchlean.Context)
---@field complete? fun(lead: string, bufnr: integer): string[]
---@field most integer arguments that it takes
---@field alone? boolean whether it needs no server

--- A subcommand about an artifact: the buffer itself, or that of a model of the buffer.
---@param command string
---@return fun(context: torchlean.Context)
local function of_artifact(command)
  return function(context)
    models.artifact(context.client, context.bufnr, function(uri)
      local argument = { uri = uri, force = context.bang or nil }
      request.execute({ client = context.client, command = 'torchlean.' .. command, argument = argument })
    end)
  end
end

---@param name string
local function is_onnx(name)
  return name:lower():find('%.onnx$') ~= nil or name:lower():find('%.onnx%.gz$') ~= nil
end

--- The ONNX file that a capture is of: the one that is named, or the buffer.
---@param context torchlean.Context
---@return string?
local function onnx_file(context)
  local name = context.words[1] or vim.api.nvim_buf_get_name(context.bufnr)
  return is_onnx(name) and vim.fn.fnamemodify(name, ':p') or nil
end

--- The files or folders that what was typed begins; none where it is no pattern, such as `{a`.
---@param text string
---@param kind 'file'|'dir'
---@return string[]
local function files(text, kind)
  local ok, found = pcall(vim.fn.getcompletion, text, kind)
  return ok and found or {}
end

--- The ONNX files that what was typed begins, and the folders on the way to others.
---@param lead string
---@return string[]
local function onnx_files(lead)
  return vim.tbl_filter(function(name)
    return is_onnx(name) or (lead ~= '' and vim.endswith(name, '/'))
  end, files(lead, 'file'))
end

--- The options of a training, and what stands behind them: words, files.
---@param lead string
---@param bufnr integer
---@return string[]
local function complete_training(lead, bufnr)
  local train = require('torchlean.train')
  local client = server.clients(bufnr)[1]
  local options = client and train.options(client, bufnr) or {}
  local name, text = lead:match('^([%w_]+)=(.*)$')
  if not name then
    return train.words(options)
  end
  for _, option in ipairs(options) do
    if option.name == name then
      local kind = ({ file = 'file', folder = 'dir' })[option.type]
      return vim.tbl_map(function(value)
        return name .. '=' .. value
      end, kind and files(text, kind) or option.values)
    end
  end
  return {}
end

--- The dialects that an artifact can be converted to, at once; none where the server does not answer soon.
---@param _ string
---@param bufnr integer
---@return string[]
local function dialects(_, bufnr)
  local client = server.clients(bufnr)[1]
  return client and compat.execute_sync(client, bufnr, 'torchlean.dialects').dialects or {}
end

---@type table<string, torchlean.Subcommand>
local subcommands = {
  capture = {
    most = 2,
    complete = function(lead, bufnr)
      local client = server.clients(bufnr)[1]
      return vim.list_extend(client and models.names(client, bufnr) or {}, onnx_files(lead))
    end,
    run = function(context)
      local file = onnx_file(context)
      require('torchlean.capture').run(context.client, 'torchlean.capture', {
        uri = file and vim.uri_from_fname(file) or vim.uri_from_bufnr(context.bufnr),
        name = not file and context.words[1] or nil,
        exampleShape = context.words[2],
        force = context.bang or nil,
        ask = true,
      })
    end,
  },
  check = { most = 0, run = of_artifact('check') },
  convert = {
    most = 1,
    complete = dialects,
    run = function(context)
      models.artifact(context.client, context.bufnr, function(uri)
        local argument = { uri = uri, dialect = context.words[1], force = context.bang or nil }
        request.execute({ client = context.client, command = 'torchlean.convert', argument = argument })
      end)
    end,
  },
  emit = { most = 0, run = of_artifact('emit') },
  findings = {
    most = 0,
    alone = true,
    run = function()
      if require('torchlean.findings').list() == 0 then
        notify.info('nothing was found in the open files')
      end
    end,
  },
  graph = {
    most = 0,
    run = function(context)
      models.artifact(context.client, context.bufnr, function(uri)
        require('torchlean.graph').show(context.client, uri)
      end)
    end,
  },
  init = { most = 0, run = of_artifact('init') },
  log = {
    most = 0,
    alone = true,
    run = function()
      vim.cmd.tabnew(vim.fn.fnameescape(vim.lsp.get_log_path()))
    end,
  },
  refresh = { most = 0, run = of_artifact('refresh') },
  restart = {
    most = 0,
    alone = true,
    run = function()
      if server.restart() == 0 then
        server.start(vim.api.nvim_get_current_buf())
      end
    end,
  },
  stop = {
    most = 0,
    run = function(context)
      -- What goes on may have been started in another window: where nothing does here, all of it is meant.
      -- Neovim does not tell of the end of a request that was cancelled, so what was stopped is said here.
      local function stop(argument, on_none)
        request.execute({
          client = context.client,
          command = 'torchlean.stop',
          argument = argument,
          on_result = function(result)
            if result.stopped == 0 then
              on_none()
            else
              notify.info('stopped')
            end
          end,
        })
      end
      stop({ uri = vim.uri_from_bufnr(context.bufnr) }, function()
        stop(vim.empty_dict(), function()
          notify.info('nothing is going on')
        end)
      end)
    end,
  },
  train = {
    most = math.huge,
    complete = complete_training,
    run = function(context)
      local train = require('torchlean.train')
      train.read(context.client, context.words, function(options)
        options.force = context.bang or nil
        options.ask = #context.words == 0 or nil
        models.artifact(context.client, context.bufnr, function(uri)
          train.train(context.client, vim.tbl_extend('force', options, { uri = uri }))
        end)
      end)
    end,
  },
  trust = {
    most = 0,
    run = function(context)
      local root = context.client.root_dir
      if not root then
        notify.error('the file has to be saved first')
        return
      end
      local before = trust.state(root)
      if before ~= true then
        trust.forget(root)
      end
      local now = trust.ask(root)
      if now and before ~= true then
        server.restart(root)
      end
      local shown = vim.fn.fnamemodify(root, ':~')
      notify.info(now and ('%s is trusted'):format(shown) or ('%s is not trusted'):format(shown))
    end,
  },
  untrust = {
    most = 0,
    run = function(context)
      local root = context.client.root_dir
      if root then
        trust.deny(root)
        server.restart(root)
        notify.info(('code of %s is not run any more'):format(vim.fn.fnamemodify(root, ':~')))
      end
    end,
  },
  use = { most = 0, run = of_artifact('useParams') },
}

---@return string[]
local function names()
  return vim.fn.sort(vim.tbl_keys(subcommands))
end

---@param bufnr integer
---@return vim.lsp.Client?
local function client_of(bufnr)
  local graph_of = vim.api.nvim_buf_get_name(bufnr):match('^torchlean%-graph://(.*)$')
  local client = server.clients(graph_of and vim.fn.bufadd(graph_of) or bufnr)[1]
  if not client and is_onnx(vim.api.nvim_buf_get_name(bufnr)) then -- no text, which the server could read
    client = server.clients(server.root(bufnr))[1]
  end
  if not client then
    notify.error('the language server does not run for this file yet; :TorchLean restart starts it, :checkhealth torchlean tells more')
  elseif vim.api.nvim_buf_get_name(bufnr) == '' then
    notify.error('the file has to be saved first')
    return nil
  end
  return client
end

--- Runs a subcommand, as :TorchLean does.
---@param args { fargs: string[], bang: boolean }
function M.run(args)
  local name = args.fargs[1] or ''
  local subcommand = subcommands[name]
  if not subcommand then
    notify.error(("there is no ':TorchLean %s'; there are %s"):format(name, table.concat(names(), ', ')))
    return
  end
  local words = vim.list_slice(args.fargs, 2)
  if #words > subcommand.most then
    notify.error((":TorchLean %s takes no '%s'"):format(name, words[subcommand.most + 1]))
    return
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local client = not subcommand.alone and client_of(bufnr) or nil
  if client or subcommand.alone then
    subcommand.run({ client = client, bufnr = bufnr, words = words, bang = args.bang })
  end
end

--- The words behind :TorchLean as a subcommand gets them, up to the one that is typed, which may be empty.
---@param lead string
---@param line string
---@return string[]
local function words_of(lead, line)
  local ok, parsed = pcall(vim.api.nvim_parse_cmd, line, {})
  while ok and parsed.cmd ~= 'TorchLean' and parsed.nextcmd ~= '' do -- behind a bar
    ok, parsed = pcall(vim.api.nvim_parse_cmd, parsed.nextcmd, {})
  end
  local words = ok and parsed.cmd == 'TorchLean' and parsed.args or {}
  if lead == '' or #words == 0 then
    table.insert(words, lead)
  end
  return words
end

--- Completes subcommands and their arguments.
---@param lead string
---@param line string
---@param position integer of the cursor in the line, in bytes
---@return string[]
function M.complete(lead, line, position)
  local words = words_of(lead, line:sub(1, position))
  local typed = words[#words]
  local found
  if #words == 1 then
    found = names()
  else
    local subcommand = subcommands[words[1]]
    local has_room = subcommand and #words - 2 < subcommand.most
    local complete = has_room and (#words == 2 or subcommand.most == math.huge) and subcommand.complete
    found = complete and complete(typed, vim.api.nvim_get_current_buf()) or {}
  end
  local matching = vim.tbl_filter(function(one)
    return vim.startswith(one, typed)
  end, found)
  return vim.tbl_map(function(one)
    return vim.fn.escape(one, ' \t\\') -- no more than <f-args> takes off again: not as a file's name for :edit
  end, matching)
end

return M
