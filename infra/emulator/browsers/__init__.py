"""Requests of web pages: the CORS rules of buckets, and what pages may not do."""
