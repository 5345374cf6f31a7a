"""Imported last by the process from which workers are forked: it does once what each of them would do again."""

from __future__ import annotations

import gc

from jobs import render as rendering

environment = rendering._environment()
for name in environment.list_templates(filter_func=lambda name: name.startswith("mail/")):
    environment.get_template(name)  # to translate the mails' takes a worker a quarter of a second
gc.collect()
gc.freeze()  # else the first collection in each fork would touch, and so copy, all that is here
