"""One file a command: options in, one call below, words out."""
