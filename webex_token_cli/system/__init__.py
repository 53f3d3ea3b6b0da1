"""What is owed to the operating system."""
