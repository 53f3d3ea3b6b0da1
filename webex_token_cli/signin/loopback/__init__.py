"""The listener that receives the redirect on this machine."""
