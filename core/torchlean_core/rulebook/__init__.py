"""Rules as they are shown: what is offered against each, and their pages."""
