"""The table of the codes of errors that users see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """The place where a code is shown."""

    REQUEST = "request"  # an HTTP answer
    DATASET = "dataset"  # a rejected job and its mail
    JOB = "job"  # a failed job and its mail


@dataclass(frozen=True)
class Code:
    """An error code: the place where it is shown, its HTTP status, a headline, and advice."""

    code: str
    where: Where
    http_status: int
    title: str
    advice: str


_TABLE = (
    Code(
        "bad_request",
        Where.REQUEST,
        400,
        "The request could not be read",
        "Send an email address as JSON, as a form or as ?email=.",
    ),
    Code(
        "bad_email",
        Where.REQUEST,
        400,
        "That is not one email address",
        "Give exactly one address, such as ada@example.org.",
    ),
    Code(
        "bad_option",
        Where.REQUEST,
        400,
        "An option is not known",
        "Remove the option, or give it one of the values that the message lists.",
    ),
    Code(
        "not_allowed",
        Where.REQUEST,
        403,
        "This address may not use this service",
        "Ask the person who runs the service to allow your address.",
    ),
    Code(
        "foreign_page",
        Where.REQUEST,
        403,
        "A page of another site sent this request",
        "Open the page of this service, or send the request from a program.",
    ),
    Code(
        "bad_token",
        Where.REQUEST,
        403,
        "The delete link is not valid",
        "Use the delete link from the answer to your request or from your mail.",
    ),
    Code(
        "not_found",
        Where.REQUEST,
        404,
        "There is nothing here",
        "Check the link. Jobs that expired or were deleted are gone for good.",
    ),
    Code("unknown_base", Where.REQUEST, 404, "There is no such earlier model", "Use the whole link from its mail."),
    Code(
        "method_not_allowed",
        Where.REQUEST,
        405,
        "This address does not take that method",
        "The Allow header names the methods that work.",
    ),
    Code(
        "already_uploaded",
        Where.REQUEST,
        409,
        "The photos of this job are already here",
        "Follow the job on its status page.",
    ),
    Code(
        "slow_request",
        Where.REQUEST,
        408,
        "The request came too slowly",
        "Send it again; it holds only an email address and options.",
    ),
    Code(
        "too_large",
        Where.REQUEST,
        413,
        "The request is too large",
        "Send only the email address and options; the zip goes to the upload link.",
    ),
    Code(
        "too_many_jobs",
        Where.REQUEST,
        429,
        "That is enough for today",
        "Try again after the time in the Retry-After header.",
    ),
    Code("busy", Where.REQUEST, 503, "Too many jobs are waiting", "Try again in an hour."),
    Code("storage_unavailable", Where.REQUEST, 503, "The storage does not answer", "Try again in a minute."),
    Code(
        "internal_error",
        Where.REQUEST,
        500,
        "Something broke on our side",
        "Try again in a minute; if it happens again, tell the operator.",
    ),
    Code(
        "not_a_zip",
        Where.DATASET,
        422,
        "The file is not a zip",
        "Put your class folders into one .zip file and send it again.",
    ),
    Code(
        "damaged_zip",
        Where.DATASET,
        422,
        "The zip is damaged",
        "Make the zip again and send it once more; the upload may have been cut short.",
    ),
    Code("empty_zip", Where.DATASET, 422, "The zip is empty", "Put one folder of photos for each class into the zip."),
    Code("encrypted_zip", Where.DATASET, 422, "The zip is locked with a password", "Zip it again without a password."),
    Code(
        "unsupported_zip",
        Where.DATASET,
        422,
        "The zip uses a compression that cannot be read",
        'Make the zip with your system\'s own "compress" command.',
    ),
    Code(
        "unsafe_zip",
        Where.DATASET,
        422,
        "The zip is not safe to open",
        "Make a fresh zip from the folders themselves and send that.",
    ),
    Code(
        "too_large_zip",
        Where.DATASET,
        422,
        "The zip holds too much",
        "Send fewer or smaller photos; the limits are in the message.",
    ),
    Code(
        "no_class_folders",
        Where.DATASET,
        422,
        "There are no class folders",
        "Put the photos of each class into a folder named after the class.",
    ),
    Code(
        "ambiguous_folders",
        Where.DATASET,
        422,
        "The folders can be read in two ways",
        "Say by the option classes=inner or classes=outer which folders are the classes, or put these side by side.",
    ),
    Code(
        "zip_in_zip",
        Where.DATASET,
        422,
        "There are zips inside the zip",
        "Unpack the inner zips, so that the zip holds folders of photos.",
    ),
    Code(
        "no_images",
        Where.DATASET,
        422,
        "No photo in the zip could be used",
        "Send JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC files.",
    ),
    Code(
        "one_class",
        Where.DATASET,
        422,
        "There is only one class",
        "A model tells classes apart: add at least a second folder of photos.",
    ),
    Code(
        "too_many_classes",
        Where.DATASET,
        422,
        "There are too many classes",
        "Merge or remove folders; the limit is in the message.",
    ),
    Code(
        "bad_architecture", Where.DATASET, 422, "The network cannot be built", "Correct its text as the message says."
    ),
    Code(
        "class_too_small", Where.DATASET, 422, "A class has too few photos", "Add photos to that folder, or remove it."
    ),
    Code(
        "class_name_collision",
        Where.DATASET,
        422,
        "Two classes have the same name",
        "Rename or merge the folders, so that names differ by more than upper and lower case.",
    ),
    Code(
        "copied_class",
        Where.DATASET,
        422,
        "A class holds all photos of another one",
        "Remove the folder that holds copies: no model can tell equal photos apart.",
    ),
    Code(
        "too_many_broken",
        Where.DATASET,
        422,
        "Too many photos could not be read",
        "The message says what is wrong with the first ones; what is saved again as JPEG can mostly be read.",
    ),
    Code(
        "labels_unreadable",
        Where.DATASET,
        422,
        "A label file cannot be read",
        "Export the labels again, as COCO, Pascal VOC or YOLO; the file is named in the message.",
    ),
    Code(
        "labels_mixed",
        Where.DATASET,
        422,
        "There are labels in more than one format",
        "Export the labels once, in one format: COCO, Pascal VOC or YOLO.",
    ),
    Code(
        "labels_without_photos",
        Where.DATASET,
        422,
        "The labels have no photos",
        "Put the photos into the same zip as the label files, under the names that the labels give.",
    ),
    Code(
        "photos_without_labels",
        Where.DATASET,
        422,
        "Most photos have no labels",
        "Label the other photos, or remove them. A label file without boxes says that a photo shows nothing.",
    ),
    Code(
        "too_few_boxes",
        Where.DATASET,
        422,
        "There are too few labelled objects",
        "Label more photos; the limits are in the message.",
    ),
    Code(
        "too_many_boxes",
        Where.DATASET,
        422,
        "There are too many labelled objects",
        "Send fewer photos, or cut them into parts; the limits are in the message.",
    ),
    Code(
        "internal",
        Where.JOB,
        500,
        "The training failed on our side",
        "Your photos were fine. The operator has been told; you can send them again later.",
    ),
    Code(
        "crashed",
        Where.JOB,
        500,
        "The training stopped three times",
        "Try again with fewer or smaller photos, or with fewer candidates.",
    ),
    Code(
        "worker_lost",
        Where.JOB,
        500,
        "The training machine was lost too often",
        "Your photos were fine. Send them again later.",
    ),
    Code("cancelled", Where.JOB, 500, "The operator stopped this job", "Ask the person who runs the service."),
    Code("deadline", Where.JOB, 500, "The job did not end in time", "Your photos were fine. Send them again later."),
)

CODES: dict[str, Code] = {row.code: row for row in _TABLE}
