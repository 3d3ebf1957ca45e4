"""Small tools that know nothing of artifacts: attributes made when asked for, sequences, text for a terminal."""
