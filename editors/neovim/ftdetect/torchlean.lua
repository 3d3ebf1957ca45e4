-- Artifacts are of the filetype `torchlean`: by their name, and other JSON by what it holds.
if vim.fn.has('nvim-0.10') == 0 then
  return
end

-- The format stands at the beginning of an artifact; of a big file the rest is not looked at.
local LINES, CHARACTERS = 500, 65536

---@param _ string
---@param bufnr? integer
local function by_content(_, bufnr)
  if not bufnr or not vim.api.nvim_buf_is_loaded(bufnr) then
    return nil
  end
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, LINES, false)
  local text = table.concat(lines, '\n'):sub(1, CHARACTERS)
  local has_marker = text:find('"format"%s*:%s*"torchlean%.ir%.v1"') ~= nil
  local has_fields = text:find('"nodes"%s*:') ~= nil and text:find('"input_id"%s*:') ~= nil
  return (has_marker or has_fields) and 'torchlean' or nil
end

vim.filetype.add({
  pattern = {
    ['.*%.ir%.json'] = { 'torchlean', { priority = 20 } },
    ['.*%.torchlean%.json'] = { 'torchlean', { priority = 20 } },
    ['.*%.json'] = { by_content, { priority = 10 } },
  },
})
