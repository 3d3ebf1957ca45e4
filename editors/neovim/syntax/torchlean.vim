" An artifact is JSON.
runtime! syntax/json.vim
