"""The errors that clients can get: HTTP status, reason in the JSON API, code in the XML API, and message."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Kind:
    """A kind of error, with its names in both APIs."""

    status: int  # HTTP
    reason: str  # JSON: error.errors[0].reason
    code: str  # XML: <Code>
    message: str
    domain: str = "global"  # JSON: error.errors[0].domain


# fmt: off
NO_SUCH_BUCKET = Kind(404, "notFound", "NoSuchBucket", "The specified bucket does not exist.")
NO_SUCH_OBJECT = Kind(404, "notFound", "NoSuchKey", "The specified key does not exist.")
NO_SUCH_UPLOAD = Kind(404, "notFound", "NoSuchUpload", "The specified upload does not exist.")
NO_SUCH_ROUTE = Kind(404, "notFound", "NotFound", "Not Found")
NO_SUCH_ACCOUNT = Kind(404, "notFound", "NotFound", "Unknown service account")
NO_SUCH_HMAC_KEY = Kind(404, "notFound", "NotFound", "The specified HMAC key does not exist.")
NO_SUCH_RETRY_TEST = Kind(404, "notFound", "NotFound", "The specified retry test does not exist.")
NO_SUCH_ENTRY = Kind(404, "notFound", "NotFound", "The specified ACL entry does not exist.")
NO_SUCH_FOLDER = Kind(404, "notFound", "NotFound", "The specified managed folder does not exist.")
FOLDER_EXISTS = Kind(409, "conflict", "Conflict", "The specified managed folder already exists.")
NO_SUCH_NOTIFICATION = Kind(404, "notFound", "NotFound", "The specified notification does not exist.")
NO_SUCH_RETENTION = Kind(404, "notFound", "NoSuchObjectRetentionConfiguration", "The object has no retention.")
NO_SUCH_LABELS = Kind(404, "notFound", "NoSuchTagSet", "The bucket has no labels.")
METHOD_NOT_ALLOWED = Kind(405, "methodNotAllowed", "MethodNotAllowed",
                          "The specified method is not allowed against this resource.")
BUCKET_EXISTS = Kind(409, "conflict", "BucketAlreadyOwnedByYou",
                     "Your previous request to create the named bucket succeeded and you already own it.")
BUCKET_NOT_EMPTY = Kind(409, "conflict", "BucketNotEmpty", "The bucket you tried to delete is not empty.")
NOT_MODIFIED = Kind(304, "notModified", "NotModified", "Not Modified")
PRECONDITION = Kind(412, "conditionNotMet", "PreconditionFailed",
                    "At least one of the pre-conditions you specified did not hold.")
NEEDS_UNIFORM_ACCESS = Kind(412, "conditionNotMet", "PreconditionFailed", "A policy with conditions cannot be set: "
                            "please enable uniform bucket-level access.")
INVALID = Kind(400, "invalid", "InvalidArgument", "Invalid argument.")
REQUIRED = Kind(400, "required", "InvalidArgument", "Required parameter is missing.")
PARSE_ERROR = Kind(400, "parseError", "InvalidArgument", "Parse Error")
INVALID_BUCKET_NAME = Kind(400, "invalid", "InvalidBucketName", "The specified bucket is not valid.")
BAD_DIGEST = Kind(400, "invalid", "BadDigest", "The checksum you specified did not match what we received.")
TOO_LARGE = Kind(400, "uploadTooLarge", "EntityTooLarge", "Your proposed upload is larger than the maximum object size "
                 "specified in your Policy Document.")
TOO_SMALL = Kind(400, "invalid", "EntityTooSmall", "Your proposed upload is smaller than the minimum object size "
                 "specified in your Policy Document.")
LENGTH_REQUIRED = Kind(411, "required", "MissingContentLength", "You must provide the Content-Length HTTP header.")
RANGE = Kind(416, "requestedRangeNotSatisfiable", "InvalidRange", "The requested range cannot be satisfied.")
RANGE_NOT_CONTIGUOUS = Kind(503, "backendError", "ServiceUnavailable",
                            "Invalid request. The uploaded bytes do not follow those that the session has.")
PUBLIC_PREVENTED = Kind(412, "conditionNotMet", "PreconditionFailed", "The member bindings allUsers and "
                        "allAuthenticatedUsers are not allowed since public access prevention is enforced.")
INVALID_PART = Kind(400, "invalid", "InvalidPart", "One or more of the specified parts could not be found, or the "
                    "specified entity tag does not match.")
INVALID_PART_ORDER = Kind(400, "invalid", "InvalidPartOrder", "The list of parts was not in ascending order.")
PART_TOO_SMALL = Kind(400, "invalid", "EntityTooSmall", "Every part but the last must have at least 5 MiB.")
INCOMPLETE_BODY = Kind(400, "invalid", "IncompleteBody", "The body is not what its headers say.")
INVALID_POLICY = Kind(400, "invalid", "InvalidPolicyDocument", "The content of the form does not meet the conditions "
                      "specified in the policy document.")
NOT_IMPLEMENTED = Kind(501, "notImplemented", "NotImplemented", "A part of the request is not implemented.")
CANCELLED = Kind(499, "cancelled", "Cancelled", "The upload was cancelled.")
ACCESS_DENIED = Kind(403, "forbidden", "AccessDenied", "Access denied.")
FORBIDDEN = Kind(403, "forbidden", "AccessDenied", "Access denied.")
UNIFORM_ACCESS = Kind(400, "invalid", "InvalidArgument", "Cannot get or change the access control list of a bucket or "
                      "object while uniform bucket-level access is enabled.")
EXPIRED = Kind(400, "invalid", "ExpiredToken", "The provided token has expired.")
MALFORMED = Kind(400, "invalid", "MalformedSecurityHeader", "Your request has a malformed header.")
SKEWED = Kind(403, "forbidden", "RequestTimeTooSkewed",
              "The difference between the request time and the server's time is too large.")
WRONG_SIGNATURE = Kind(403, "forbidden", "SignatureDoesNotMatch", "The request signature we calculated does not match "
                       "the signature you provided. Check your Google secret key and signing method.")
INVALID_SECURITY = Kind(403, "forbidden", "InvalidSecurity", "The provided security credentials are not valid.")
RATE_LIMITED = Kind(429, "rateLimitExceeded", "SlowDown", "Please reduce your request rate.", "usageLimits")
INTERNAL = Kind(500, "backendError", "InternalError", "We encountered an internal error. Please try again.")
# fmt: on


class ApiError(Exception):
    """An error for the client. `details` gives the exact reason; `elements` are added to the XML body."""

    def __init__(self, kind: Kind, details: str = "", **elements: str) -> None:
        super().__init__(details or kind.message)
        self.kind = kind
        self.details = details
        self.elements = elements
        self.headers: list[tuple[str, str]] = []  # of the answer

    def json_body(self) -> bytes:
        """The body of the answer in the JSON API."""
        message = self.details or self.kind.message
        first = {"message": message, "domain": self.kind.domain, "reason": self.kind.reason}
        if self.kind is PRECONDITION:
            message = first["message"] = self.kind.message
            first |= {"locationType": "header", "location": "If-Match"}
        error = {"code": self.kind.status, "message": message, "errors": [first]}
        return json.dumps({"error": error}, indent=2).encode() + b"\n"

    def xml_body(self) -> bytes:
        """The body of the answer in the XML API."""
        elements = {"Code": self.kind.code, "Message": self.kind.message, **self.elements}
        if self.details:
            elements["Details"] = self.details
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
        return f"<?xml version='1.0' encoding='UTF-8'?><Error>{inner}</Error>".encode(errors="replace")


def no_such_bucket(bucket: str) -> ApiError:
    """Make the 404 error for a bucket."""
    return ApiError(NO_SUCH_BUCKET, f"The specified bucket does not exist: {bucket}")


def no_such_object(bucket: str, name: str) -> ApiError:
    """Make the 404 error for an object."""
    return ApiError(NO_SUCH_OBJECT, f"No such object: {bucket}/{name}")


def malformed(parameter: str, details: str) -> ApiError:
    """Make the 400 error for a part of a signed request that cannot be read; the error names the part."""
    return ApiError(MALFORMED, details, ParameterName=parameter)
