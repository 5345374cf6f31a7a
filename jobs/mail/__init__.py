"""The mails to users and to the operator: their texts, the addresses that refuse them, and their sending."""
