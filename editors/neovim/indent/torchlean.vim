" An artifact is JSON.
runtime! indent/json.vim
