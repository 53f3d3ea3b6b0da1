"""Export and import: sign-ins as JSON documents that other machines and tools can read."""
