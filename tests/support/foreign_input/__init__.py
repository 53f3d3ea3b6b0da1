"""What others wrote: examples of it, changes to them, and what every parser must do with the result."""
