"""What the server shows on Python model files; modules of this package are asked by the features."""
