"""From an untrusted zip or folder of photos to a decode cache and a split. Never imports a learning framework."""
