"""Tests that unsafe XML is refused, however it is encoded."""

from __future__ import annotations

import pytest

from infra.emulator.protocol.errors import ApiError
from infra.emulator.xml_api.text import read_xml

BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'


def test_names_lose_their_namespaces() -> None:
    root = read_xml(b'<a xmlns="x:y"><b>1</b></a>')
    assert (root.tag, root.findtext("b")) == ("a", "1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_a_document_type_is_refused_in_every_encoding(encoding: str) -> None:
    with pytest.raises(ApiError):
        read_xml(BOMB.encode(encoding))
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}'
    with pytest.raises(ApiError):
        read_xml(declared.encode(encoding))


def test_bytes_of_another_alphabet_do_not_hide_one() -> None:
    with pytest.raises(ApiError):
        read_xml(b'<?xml version="1.0" encoding="cp037"?>' + BOMB.encode("cp037"))


@pytest.mark.parametrize("data", [b"", b"<", b"<a>", b"<a></b>", b"{}"])
def test_what_is_not_xml_is_refused(data: bytes) -> None:
    with pytest.raises(ApiError, match="well-formed"):
        read_xml(data)
