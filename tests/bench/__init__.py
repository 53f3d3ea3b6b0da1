"""How long commands take, and what a watch uses: ``python -m tests.bench`` measures it. No test asserts a time."""
