"""Programs of `torch.export` as models: `.pt2` files, looked through before anything of torch reads them."""
