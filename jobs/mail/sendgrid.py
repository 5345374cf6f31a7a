"""Mails through SendGrid, or through another server with the same API at the given address."""

from __future__ import annotations

import base64
import http.client
import logging

import sendgrid
from python_http_client.exceptions import HTTPError
from sendgrid.helpers import mail as parts

from jobs.errors import Transient
from jobs.mail.message import Mail, Misconfigured, Undeliverable, without_addresses

NOT_ACCEPTED = (401, 403)  # a wrong or an ended key, one that may not send, or a sender that is not verified
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500  # the lowest HTTP status of these errors

# At level DEBUG the client logs the address, the body and the key.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class SendgridMailer:
    """A mailer that uses SendGrid's own client: one request a mail, with a time limit, without retries of its own."""

    def __init__(self, key: str, url: str, timeout: float) -> None:
        # Without any key the client would look for one in the environment.
        api = sendgrid.SendGridAPIClient(key or "no-key", host=url.rstrip("/"))
        self._client = api.client
        self._timeout = timeout  # seconds

    def send(self, mail: Mail) -> None:
        """Send the mail.

        Raises Transient for 429, 5xx and a lost connection, Misconfigured for 401 and 403, else Undeliverable.
        """
        try:
            self._client.mail.send.post(request_body=_request(mail), timeout=self._timeout)
        except HTTPError as error:
            if error.status_code == TOO_MANY_REQUESTS or error.status_code >= SERVER_ERRORS:
                raise Transient(f"the mail provider answered {error.status_code}") from None
            if error.status_code in NOT_ACCEPTED:
                answer = f"the mail provider answered {error.status_code}: {_reason(error)}"
                raise Misconfigured(f"{answer}. Check MODELMAIL_SENDGRID_KEY and MODELMAIL_SENDER") from None
            raise Undeliverable(f"the mail provider answered {error.status_code}: {_reason(error)}") from None
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are kinds of OSError
            raise Transient(f"the mail provider cannot be reached: {type(error).__name__}") from None


def _request(mail: Mail) -> dict[str, object]:
    message = parts.Mail(
        from_email=parts.From(mail.sender),
        to_emails=_recipient(mail.to),
        subject=mail.subject,
        plain_text_content=mail.text,
        html_content=mail.html,
    )
    # SendGrid allows this header. It is the same in every try, so that a mail that is sent twice shows once.
    message.add_header(parts.Header("Message-ID", mail.message_id))
    for name, value in mail.headers.items():
        message.add_header(parts.Header(name, value))
    message.add_category(parts.Category(mail.kind))
    message.tracking_settings = _no_tracking()
    for picture in mail.pictures:
        message.add_attachment(
            parts.Attachment(
                base64.b64encode(picture.data).decode(), picture.filename, "image/png", "inline", picture.cid
            )
        )
    request: dict[str, object] = message.get()
    return request


def _recipient(address: str) -> parts.To:
    """Return the address unchanged: the constructor would parse it as "name <address>"."""
    to = parts.To()
    to.email = address
    return to


def _no_tracking() -> parts.TrackingSettings:
    """Switch tracking off. Click tracking changes links, so that their secrets would pass through another server.

    Subscription tracking would replace this project's unsubscribe link by the provider's.
    """
    tracking = parts.TrackingSettings()
    tracking.subscription_tracking = parts.SubscriptionTracking(enable=False)
    tracking.click_tracking = parts.ClickTracking(enable=False, enable_text=False)
    tracking.open_tracking = parts.OpenTracking(enable=False)
    return tracking


def _reason(error: HTTPError) -> str:
    body = error.body if isinstance(error.body, bytes) else b""
    return without_addresses(body.decode(errors="replace"))
