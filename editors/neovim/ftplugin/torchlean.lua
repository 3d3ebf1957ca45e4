-- An artifact is JSON: comments it has none, and nodes stand one to a line.
if vim.b.did_ftplugin then
  return
end
vim.b.did_ftplugin = 1

vim.bo.commentstring = ''
vim.bo.comments = ''
vim.bo.expandtab = true
vim.bo.shiftwidth = 2
vim.bo.softtabstop = 2
vim.b.undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop<'

-- Whoever has a parser for JSON sees its colours here, too.
vim.treesitter.language.register('json', 'torchlean')
