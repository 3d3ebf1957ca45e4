"""What is installed around the package: the packages of its extras, and a compiler."""
