"""A mail provider for one machine: takes SendGrid's `/v3/mail/send`, puts each mail into a folder.

python -m infra.local.mailbox --folder DIR     -> DIR/1-report.eml, DIR/1-report.html, ...
"""
