"""How a person's consent becomes a token set."""
