"""The XML API of Cloud Storage, which signed URLs and HTML forms use."""
