"""Package data: the jinja2 templates of the mails, the pages and the report."""
