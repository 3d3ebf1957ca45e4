// Files that several scenarios open.
export const FIXABLE = `{
  "format": "torchlean.ir.v1",
  "input_id": 0,
  "output_id": 2,
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]},
    {"id": 2, "kind": "relu", "parents": [1], "shape": [9, 9]}
  ]
}
`;
export const WRONG_SHAPE = '[9, 9]';
export const RIGHT_SHAPE = '[1, 3]';

export const RELU = `{
  "format": "torchlean.ir.v1",
  "captured_from": {"file": "somewhere.py", "class": "Small"},
  "input_id": 0,
  "output_id": 1,
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}
  ]
}
`;
