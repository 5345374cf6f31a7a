"""Mutants that change nothing that a test could see, as the run prints them, each looked at by hand."""

from __future__ import annotations

_CODE_PAGES = "vm_worker/intake/files/code_pages.py"
_CYRILLIC = f"""{_CODE_PAGES} _cyrillic: other comparison: "'\u0400' <= text[place] <= '\u045f'\""""

EQUIVALENT: frozenset[str] = frozenset(
    {
        # No code page has a character at that place, or the character at the bound.
        f"{_CODE_PAGES} _simplified: other constant: '176 <= raw[0] <= 247' -> '176 <= raw[0] <= 248'",
        f"{_CODE_PAGES} _korean: other constant: '176 <= raw[0] <= 200' -> '176 <= raw[0] <= 201'",
        f"{_CODE_PAGES} _latin: other comparison: \"text[place] > '\u024f'\" -> \"text[place] >= '\u024f'\"",
        f"""{_CYRILLIC} -> "'\u0400' < text[place] <= '\u045f'\"""",
        f"""{_CYRILLIC} -> "'\u0400' <= text[place] < '\u045f'\"""",
        # The order of the scores stays, as all are divided by the same number.
        f"{_CODE_PAGES} candidates: other constant: 'sum(map(_foreign, words)) or 1'"
        " -> 'sum(map(_foreign, words)) or 2'",
        f"{_CODE_PAGES} candidates: other arithmetic: 'sum((_score(word, name) for word in words)) / bytes_'"
        " -> 'sum((_score(word, name) for word in words)) * bytes_'",
        # One byte more of 20,000, or of the head of a file, in which no kind has its mark.
        f"{_CODE_PAGES} : other constant: 'BYTES_MOST = 20000' -> 'BYTES_MOST = 20001'",
        f"{_CODE_PAGES} _words: other comparison: 'left < 0' -> 'left <= 0'",
        f"{_CODE_PAGES} _words: other constant: 'left < 0' -> 'left < 1'",
        "vm_worker/intake/files/kinds.py : other constant: 'HEAD_BYTES = 32' -> 'HEAD_BYTES = 33'",
        # AVIF as the major brand is in the table of brands too.
        "vm_worker/intake/files/kinds.py picture_kind: other constant: '8:' -> '9:'",
        # A wait of exactly the longest is never drawn.
        "jobs/mail/postman.py Postman._due: other comparison: 'wait > LONGEST_WAIT' -> 'wait >= LONGEST_WAIT'",
        # A job that a worker can take again has had a lease.
        "jobs/operator.py retry.change: other constant: 'job.lease.token if job.lease else 0'"
        " -> 'job.lease.token if job.lease else 1'",
        # A field without content is no path.
        "vm_worker/intake/files/entry_paths.py _unicode_path: other constant: 'len(extra) >= 4' -> 'len(extra) >= 5'",
        "vm_worker/intake/files/entry_paths.py _unicode_path: other comparison: 'len(extra) >= 4' -> 'len(extra) > 4'",
    }
)
