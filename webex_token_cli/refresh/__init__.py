"""How stored tokens stay fresh."""
