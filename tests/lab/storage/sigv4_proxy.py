"""Proxy in front of an S3 server that checks a version-4 URL's signature, its age and its signed headers.

s3rver checks none of these. The expected signature comes from botocore, AWS's own code.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Now = Callable[[], datetime]


class SigV4Proxy(ThreadingHTTPServer):
    """Proxy that forwards correctly signed requests to the server at `behind`, and answers 403 to the rest."""

    daemon_threads = True

    def __init__(self, behind: int, key: str, now: Now = lambda: datetime.now(UTC)) -> None:
        """`key`: name and secret of the only account."""
        self.behind = behind
        self.key = key
        self.now = now
        self.refused: list[str] = []
        """Why, one after the other."""
        super().__init__(("127.0.0.1", 0), _Request)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def trouble(self, method: str, url: str, headers: dict[str, str]) -> str:
        """Reason to refuse the request; empty when it is correct. `headers` by names in lower case."""
        asked = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        signature, signed = asked.pop("X-Amz-Signature", ""), asked.get("X-Amz-SignedHeaders", "").split(";")
        try:
            made = datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            valid_s = int(asked["X-Amz-Expires"])
            _, _, region, service, _ = asked["X-Amz-Credential"].split("/")
        except (KeyError, ValueError):
            return "no version-4 URL"
        if not 0 <= (self.now() - made).total_seconds() + 1 <= valid_s + 1:
            return "expired"
        unsigned = [
            header
            for header in headers
            if (header.startswith("x-amz-") or header == "content-md5") and header not in signed
        ]
        if unsigned:
            return f"unsigned {unsigned[0]}"
        query = urlencode(asked, quote_via=quote)
        request = AWSRequest(method, url.partition("?")[0] + "?" + query)
        for name in signed:
            request.headers[name] = headers.get(name, "")
        request.context["timestamp"] = asked["X-Amz-Date"]
        auth = S3SigV4QueryAuth(Credentials(self.key, self.key), service, region)
        again = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return "" if again == signature else "another signature"


class _Request(BaseHTTPRequestHandler):
    server: SigV4Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_PUT(self) -> None:
        """Forward or refuse."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        trouble = self.server.trouble("PUT", f"http://{self.headers['Host']}{self.path}", headers)
        if trouble:
            self.server.refused.append(trouble)
            self._answer(403, [], f"<Error><Code>SignatureDoesNotMatch</Code>{trouble}</Error>".encode())
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        behind.request("PUT", self.path, body, {**headers, "connection": "close"})
        answer = behind.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() in ("etag", "date")]
        self._answer(answer.status, kept, answer.read())
        behind.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the lines would hold signatures."""
