" A graph as text: marks of roles, places of nodes, kinds, shapes and what they are computed from.
if exists('b:current_syntax')
  finish
endif

syntax match torchleanGraphNode /^\S\+\s\+\d\+\s\+\S\+/ contains=torchleanGraphMark,torchleanGraphId
syntax match torchleanGraphMark /^\S\+/ contained nextgroup=torchleanGraphId skipwhite
syntax match torchleanGraphId /\d\+/ contained nextgroup=torchleanGraphKind skipwhite
syntax match torchleanGraphKind /\S\+/ contained
syntax match torchleanGraphShape /\[[0-9, ×?]*\]/
syntax match torchleanGraphParents /←.*$/ contains=torchleanGraphOutput
syntax match torchleanGraphOutput /(output)/

highlight default link torchleanGraphMark Special
highlight default link torchleanGraphId Number
highlight default link torchleanGraphKind Function
highlight default link torchleanGraphShape Type
highlight default link torchleanGraphParents Comment
highlight default link torchleanGraphOutput Keyword

let b:current_syntax = 'torchlean-graph'
