"""Mails to users and to the operator: what they say, who wants none, and how they leave."""
