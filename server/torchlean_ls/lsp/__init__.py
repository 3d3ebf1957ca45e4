"""The Language Server Protocol: JSON-RPC, the methods and the types, as far as this server has to do with them."""
