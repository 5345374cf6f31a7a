"""A mail provider for one machine: it accepts SendGrid's `/v3/mail/send`, and writes each mail into a folder.

python -m infra.local.mailbox --folder DIR     -> DIR/1-report.eml, DIR/1-report.html, ...
"""
