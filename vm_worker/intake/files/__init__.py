"""The files of an upload as untrusted bytes: their names, their paths, their kinds."""
