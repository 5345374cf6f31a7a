"""Uploads by an HTML form (POST object). A signed policy document in the form sets conditions for its fields.

The policy is signed as V4 says, in Google's words or in Amazon's, or in the older way, with an account beside the
policy and the signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import ACCESS_DENIED, INVALID, INVALID_POLICY, WRONG_SIGNATURE, ApiError, malformed
from infra.emulator.protocol.messages import Response, parse_json
from infra.emulator.protocol.multipart import Form
from infra.emulator.resources.encryption import key_field
from infra.emulator.resources.objects import checked_object_name, config_from_pairs
from infra.emulator.resources.reading import moment
from infra.emulator.resources.rights import as_json, canned
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.signatures import claims, v2
from infra.emulator.signatures.v4 import Verifier
from infra.emulator.transfers.uploads import Expected, Plan, take
from infra.emulator.xml_api.text import xml_response
from jobs.json_values import Json

# The policy must name every other field.
_NOT_IN_POLICY = ("policy", "x-goog-signature", "x-amz-signature", "signature", *v2.FORM_SIGNERS, "file")
_KNOWN = re.compile(
    r"x-(?:goog|amz)-(?:meta-.+|algorithm|credential|date|signature|acl|storage-class|custom-time|encryption-.+)"
)
_SIGNED = ("algorithm", "credential", "date", "signature")


@dataclass(frozen=True)
class Condition:
    """A condition of a policy: a field equals a value or begins with it, or the size of the file is in a range."""

    kind: str  # eq, starts-with or content-length-range
    name: str  # name of the field, or the least number of bytes
    value: str  # value of the field, or the largest number of bytes

    @property
    def field(self) -> str:
        """The name of the field, in lower case."""
        return self.name.removeprefix("$").lower()

    def holds(self, have: str | None) -> bool:
        """Tell whether the value of the field meets the condition; never if there is no such field."""
        if have is None:
            return False
        return have == self.value if self.kind == "eq" else have.startswith(self.value)


async def post_object(call: Call) -> Response:
    """Answer POST /{bucket} with multipart/form-data."""
    form = Form(call.request.header("content-type"), call.request.stream())
    pairs = [(name.lower(), value) for name, value in await form.fields()]
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ApiError(INVALID_POLICY, "A field is there twice.")
    conditions = _verified(call, fields)
    name = checked_object_name(fields.get("key", "").replace("${filename}", form.filename))
    bucket = call.names["bucket"] or fields.get("bucket") or _bucket(conditions)
    expected = _meets(conditions, {**fields, "bucket": bucket, "key": name}, fields)
    if not bucket:  # a form of the older kind may name it in the key
        bucket, _, name = name.partition("/")
    target = Target(bucket, checked_object_name(name))
    row = await take(call.service.store, form.file(), _plan(call, target, fields, expected))
    return _answer(call, row, fields)


def _verified(call: Call, fields: Mapping[str, str]) -> Sequence[Condition]:
    """Verify the signature and the expiry of the policy; return its conditions. Raises ApiError."""
    if "policy" not in fields:
        raise ApiError(ACCESS_DENIED, "Anonymous caller does not have access to the bucket, or it may not exist.")
    text = fields["policy"]
    if not (v2.is_signed_form if v2.is_v2_form(fields) else _is_signed)(call.service.verifier, fields):
        raise ApiError(WRONG_SIGNATURE, StringToSign=text)
    try:
        policy = parse_json(base64.b64decode(text, validate=True))
        ends = moment(str(policy.get("expiration")))
    except (binascii.Error, ValueError, ApiError):
        raise ApiError(INVALID_POLICY, "The policy must be JSON in base64, with an expiration.") from None
    if ends <= call.service.verifier.now():
        raise ApiError(INVALID_POLICY, "The policy has expired.")
    return list(_conditions(policy.get("conditions")))


def _is_signed(verifier: Verifier, fields: Mapping[str, str]) -> bool:
    """Tell whether the policy's V4 signature is right. Raises ApiError."""
    prefix = "x-amz-" if "x-amz-algorithm" in fields else "x-goog-"
    names = [prefix + name for name in _SIGNED]
    for name in names:
        if name not in fields:
            raise malformed(name, "The form must have this field.")
    algorithm, credential, date, signature = names
    scheme = claims.scheme_named(fields[algorithm], algorithm)
    if scheme.prefix != prefix:
        raise malformed(algorithm, f"The fields of {scheme.algorithm} begin with {scheme.prefix}.")
    claims.moment(fields[date], date)
    signer = claims.credential(scheme, fields[credential], fields[date], credential)
    return verifier.is_signed(signer, claims.hexadecimal(fields[signature], signature), fields["policy"].encode())


def _meets(conditions: Sequence[Condition], known: Mapping[str, str], sent: Mapping[str, str]) -> Expected:
    """Check the form against the policy; return the properties that the file must have. Raises ApiError."""
    covered, least, most = set(_NOT_IN_POLICY), 0, None
    for item in conditions:
        if item.kind == "content-length-range":
            least, most = int(item.name), int(item.value)
            continue
        if not item.holds(known.get(item.field)):
            raise ApiError(INVALID_POLICY, f'Failed condition: ["{item.kind}", "${item.field}", "{item.value}"]')
        covered.add(item.field)
    for field in sent:
        if field not in covered and not field.startswith("x-ignore-"):
            raise ApiError(INVALID_POLICY, f"The policy does not name the field: {field}")
        if field.startswith(("x-goog-", "x-amz-")) and not _KNOWN.fullmatch(field):
            raise ApiError(INVALID, f"Unknown field: {field}")
    return Expected(least=least, most=most)


def _conditions(conditions: Json) -> Iterator[Condition]:
    """Read the conditions of a policy. Raises ApiError."""
    for item in conditions if isinstance(conditions, list) else ():
        if isinstance(item, dict):
            yield from (Condition("eq", str(name), str(value)) for name, value in item.items())
        elif isinstance(item, list) and len(item) == 3 and item[0] in ("eq", "starts-with", "content-length-range"):
            if item[0] == "content-length-range" and not all(type(number) is int for number in item[1:]):
                raise ApiError(INVALID_POLICY, "content-length-range must have two numbers.")
            yield Condition(str(item[0]), str(item[1]), str(item[2]))
        else:
            raise ApiError(INVALID_POLICY, f"Invalid condition: {item}")


def _bucket(conditions: Sequence[Condition]) -> str:
    """Get the bucket that the policy names, for a form that is posted to no bucket; "" if it names none."""
    return next((item.value for item in conditions if (item.kind, item.name) == ("eq", "bucket")), "")


def _plan(call: Call, target: Target, fields: Mapping[str, str], expected: Expected) -> Plan:
    renamed = [(re.sub("^x-amz-", "x-goog-", name), value) for name, value in fields.items()]
    config = config_from_pairs(renamed) | key_field(call.request)
    if acl := fields.get("x-goog-acl") or fields.get("acl"):
        config["acl"] = as_json(canned(acl, call.service.owner))
    return Plan(target, config, expected=expected)


def _answer(call: Call, row: ObjectRow, fields: Mapping[str, str]) -> Response:
    place = f"{call.base}/{row.bucket}/{quote(row.name)}"
    headers = [("location", place), ("etag", f'"{row.xml_etag}"'), ("x-goog-generation", str(row.generation))]
    if where := fields.get("success_action_redirect") or fields.get("redirect"):
        told = urlencode({"bucket": row.bucket, "key": row.name, "etag": f'"{row.xml_etag}"'})
        return Response(303, b"", [*headers[1:], ("location", f"{where}{'&' if '?' in where else '?'}{told}")])
    status = fields.get("success_action_status", "204")
    if status != "201":
        return Response(200 if status == "200" else 204, b"", headers)
    shown = [("Location", place), ("Bucket", row.bucket), ("Key", row.name), ("ETag", f'"{row.xml_etag}"')]
    answer = xml_response("PostResponse", "", shown, 201)
    answer.headers += headers
    return answer
