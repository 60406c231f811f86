"""A request to S3, signed by a key of a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

__all__ = ["request"]


def request(method: str, url: str, access_key: str, secret_key: str, body: bytes = b"") -> requests.Response:
    """Send it and return the answer, whatever that is."""
    host, path = urlsplit(url).netloc, urlsplit(url).path
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    scope, payload = f"{now[:8]}/us-east-1/s3/aws4_request", hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": now}
    signed = ";".join(headers)
    lines = [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", signed, payload]
    asked = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, asked.encode(), "sha256").hex()
    said = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers=headers | {"authorization": said}, data=body, timeout=30)
