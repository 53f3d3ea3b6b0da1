"""A file a verb: options in, one call below, words out. Nothing is decided here."""
