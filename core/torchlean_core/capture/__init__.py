"""Capture: from an `nn.Module` to an artifact that computes exactly the same (or an error that says why not).

Data flows one way: `load` (the user's file to a module), `trace` (the module to ATen operators), `lower` (the
operators to nodes, through the functions in `lowerings`), `verify`, and `job`, which writes the files. All of
that needs torch and runs in a worker; `target` and `errors` do not.
"""
