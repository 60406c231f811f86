"""From a path of the REST API to an answer that is checked: quoting, envelopes, errors, and waits on operations.

Each server's ways of saying no (an error body, HTTP 200 with an error body, a failed operation in a good body, plain
text, a redirect) end here: what leaves is an answer that says yes, or a typed error.
"""

from lxdnb.api._answers import metadata, operation_id
from lxdnb.api._at_once import at_once
from lxdnb.api._node import NO_CERTIFICATE, APINode
from lxdnb.api._waits import has_ended, wait_for_operation

__all__ = ["NO_CERTIFICATE", "APINode", "at_once", "has_ended", "metadata", "operation_id", "wait_for_operation"]
