"""The errors that modelmail raises on purpose, as one tree. The codes that users see are in jobs/codes.py.

ModelmailError
├── UserError    the request's or the dataset's fault; its code picks the answer and the mail
├── Transient    may work again later: storage busy, mail provider down
├── LeaseLost    another worker owns the job now; write nothing more
└── Bug          ours; ends as a `failed` job and a mail to the operator
"""

from __future__ import annotations

from jobs.codes import CODES as CODES
from jobs.codes import Code as Code
from jobs.codes import Where as Where


class ModelmailError(Exception):
    """The base class of every error that modelmail raises on purpose."""


class UserError(ModelmailError):
    """The error of a request or a dataset that cannot be used.

    `message` says what happened in one or two plain sentences; `file` names the file that caused it, if there is one.
    The advice comes from the table, by `code`.
    """

    def __init__(self, code: str, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.file = file

    @property
    def row(self) -> Code:
        """The row of the code in the table."""
        return CODES[self.code]


class Transient(ModelmailError):
    """The error of a service or a resource that is not available now. The same call may succeed later."""


class LeaseLost(ModelmailError):
    """The error of a worker whose job another worker owns now, or whose job its user has deleted."""


class Bug(ModelmailError):
    """A fault of this program: a state that should be impossible."""
