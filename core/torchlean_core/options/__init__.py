"""What can be asked for, by its name; no torch here, since the server and the command line ask, too."""
