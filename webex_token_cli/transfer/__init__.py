"""Sign-ins as documents that move between machines and tools."""
