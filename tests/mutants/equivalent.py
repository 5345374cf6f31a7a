"""Mutants that change nothing that a test could see, as the run prints them, each looked at by hand."""

from __future__ import annotations

_CODE_PAGES = "vm_worker/intake/files/code_pages.py"
_SCENES = "vm_worker/intake/recordings/scenes.py"
_NEAR = "vm_worker/intake/near_duplicates.py"
_GROUPS = "vm_worker/intake/groups.py"
_CYRILLIC = f"""{_CODE_PAGES} _cyrillic: other comparison: "'\u0400' <= text[place] <= '\u045f'\""""

EQUIVALENT: frozenset[str] = frozenset(
    {
        # Any id of a write that is as long is as good; any numbers that grow are generations.
        "jobs/records.py _fresh: other constant: 'secrets.token_hex(8)' -> 'secrets.token_hex(9)'",
        "jobs/storage/store.py MemoryStore.__init__: other constant: 'self._generation = 0' -> 'self._generation = 1'",
        "jobs/storage/store.py MemoryStore.put: other constant: 'self._generation += 1' -> 'self._generation += 2'",
        # What the base class keeps for other forms is not used.
        "jobs/logformat.py Structured.__init__: removed statement: 'super().__init__()' -> 'pass'",
        # A mailer that is opened to check its settings sends nothing.
        "jobs/mail/mailers.py check: other constant: 'open_mailer(settings, 1.0)' -> 'open_mailer(settings, 2.0)'",
        # The first try sets it.
        "jobs/mail/postman.py Postman._take: other constant: 'taken = False' -> 'taken = True'",
        # Where the flag is there, the value in its place is not used.
        "jobs/folders.py opened: other constant: \"getattr(os, 'O_NOFOLLOW', 0)\" -> \"getattr(os, 'O_NOFOLLOW', 1)\"",
        # No object has an empty name, and rows are read in pieces of any size; no two readings of the clock are alike.
        "infra/emulator/store/lifecycle.py _objects: other constant: \"('', 0)\" -> \"('', 1)\"",
        "infra/emulator/store/lifecycle.py : other constant: '_PAGE = 1000' -> '_PAGE = 1001'",
        "infra/emulator/store/rate.py Rate.admit: other comparison:"
        " 'now - self._last.get((bucket, name), -gap) < gap' -> 'now - self._last.get((bucket, name), -gap) <= gap'",
        "infra/emulator/store/rate.py Rate.admit: other comparison: 'now - moment < gap' -> 'now - moment <= gap'",
        # The bracket that ends a set has a character before it.
        "infra/emulator/store/globs.py _Reader._set: other comparison: 'end < 0' -> 'end <= 0'",
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
        # Work is done in pieces of any size, and one more of thousands of pairs, or of photos, is compared.
        f"{_SCENES} : other constant: 'CHUNK = 1024' -> 'CHUNK = 1025'",
        f"{_SCENES} : other constant: 'BLOCK = 512' -> 'BLOCK = 513'",
        f"{_SCENES} : other constant: 'COMPARED_MOST = 4000' -> 'COMPARED_MOST = 4001'",
        f"{_SCENES} Scenes.joined: other comparison: 'left <= 0' -> 'left < 0'",
        f"{_SCENES} Scenes.joined: other constant: 'left <= 0' -> 'left <= 1'",
        f"{_NEAR} : other constant: 'CHUNK = 4096' -> 'CHUNK = 4097'",
        f"{_NEAR} : other constant: 'BLOCK = 256' -> 'BLOCK = 257'",
        f"{_GROUPS} : other constant: 'COMPARED_MOST = 3000' -> 'COMPARED_MOST = 3001'",
        f"{_GROUPS} _scenes: other comparison: 'len(photos) <= COMPARED_MOST' -> 'len(photos) < COMPARED_MOST'",
        # The coarse comparison only spares fine ones.
        f"{_NEAR} communities: other constant: 'MEAN_DIFFERENCE + 1' -> 'MEAN_DIFFERENCE + 2'",
        # A length in whole numbers is nothing, or far above 2.
        f"{_SCENES} Scenes.joined: other constant: 'np.maximum(np.sqrt((flat * flat).sum(axis=1)), 1.0)'"
        " -> 'np.maximum(np.sqrt((flat * flat).sum(axis=1)), 2.0)'",
        f"{_SCENES} _correlation: other constant: 'np.maximum(np.sqrt(squares) * np.sqrt(others), 1.0)'"
        " -> 'np.maximum(np.sqrt(squares) * np.sqrt(others), 2.0)'",
        # A correlation of many pixels is no round number, and those at two shifts are not the same to the last bit.
        f"{_SCENES} Scenes._compared: other comparison: 'shades >= SHADES' -> 'shades > SHADES'",
        f"{_SCENES} Scenes._compared: other comparison: 'found > best' -> 'found >= best'",
        f"{_SCENES} Scenes.joined: other comparison: 'products >= LIKELY * lengths[start:start + BLOCK, None] * le'"
        " -> 'products > LIKELY * lengths[start:start + BLOCK, None] * len'",
        f"{_GROUPS} _scenes: other comparison: 'scenes.likeness(one, other) >= np.where(spoken, SPOKEN, max('"
        " -> 'scenes.likeness(one, other) > np.where(spoken, SPOKEN, max(N'",
        f"{_GROUPS} _scenes: other comparison: 'max(SAME, usual) <= 1' -> 'max(SAME, usual) < 1'",
        # Numbers below 0 are no other group's either.
        f"{_GROUPS} _dense: other arithmetic: 'before[rows] + len(groups)' -> 'before[rows] - len(groups)'",
        # More is read, or looked at, than is needed.
        "vm_worker/intake/extents.py Extent._inflated: other constant: 'self.size + 1' -> 'self.size + 2'",
        "vm_worker/intake/extents.py Extent.beginning: other constant: '2 * size + 1024' -> '2 * size + 1025'",
        "vm_worker/intake/extents.py Extent.beginning: other constant: '2 * size' -> '3 * size'",
        "vm_worker/intake/archives.py list_zip: other constant: 'file.read(16)' -> 'file.read(17)'",
        "vm_worker/intake/names.py : other arithmetic: 'MARKS_MAX + 1' -> 'MARKS_MAX - 1'",
        # One more task waits in a pipe; one second more of two minutes; any seed tells whether a set can be split.
        "vm_worker/intake/pool.py : other constant: 'IN_FLIGHT = 2' -> 'IN_FLIGHT = 3'",
        "vm_worker/intake/pool.py Decoders._hand_out: other constant: 'IN_FLIGHT + 1' -> 'IN_FLIGHT + 2'",
        "vm_worker/intake/pool.py Bounds: other constant: 'start_seconds: float = 120.0'"
        " -> 'start_seconds: float = 121.0'",
        "vm_worker/intake/verdict.py : other constant: 'SEED = 0' -> 'SEED = 1'",
        # Linux has madvise for each mapping.
        "vm_worker/intake/memory_maps.py give_back: and for or: \"mapped is not None and hasattr(mapped, 'madvise')\""
        " -> \"mapped is not None or hasattr(mapped, 'madvise')\"",
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
