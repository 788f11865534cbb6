"""Refusals that firewalls, content networks and gateways send in a server's place, as found in the wild.

Shortened where they repeat themselves; wording, types and shapes are original.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """Body of a refusal and its Content-Type."""

    content_type: str
    body: str
    headers: tuple[str, ...] = ()


PAGES = {
    "cloudflare 1020": Page(
        "text/html; charset=UTF-8",
        '<!DOCTYPE html>\n<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->\n<head>\n'
        "<title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1>"
        "<h2>You are unable to access eventpics.net</h2><p>Cloudflare Ray ID: 8a1b2c3d4e5f6071</p></body></html>",
        ("Server: cloudflare", "CF-RAY: 8a1b2c3d4e5f6071-FRA"),
    ),
    "cloudflare challenge": Page(
        "text/html; charset=UTF-8",
        '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
        "<noscript>Enable JavaScript and cookies to continue</noscript></body></html>",
        ("Server: cloudflare", "cf-mitigated: challenge"),
    ),
    "cloudflare text": Page("text/plain; charset=UTF-8", "error code: 1020", ("Server: cloudflare",)),
    "cloudflare problem": Page(
        "application/problem+json",
        '{"type": "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/'
        'error-1020/", "title": "Error 1020: Access denied", "status": 403, "detail": "The site owner has blocked '
        'access.", "instance": "8a1b2c3d4e5f6071", "error_code": 1020, "cloudflare_error": true, "retryable": false}',
        ("Server: cloudflare",),
    ),
    "cloudfront": Page(
        "text/html",
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">\n'
        "<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>403 ERROR</H1>"
        "Request blocked. We can't connect to the server for this app or website at this time.</BODY></HTML>",
        ("Server: CloudFront", "X-Cache: Error from cloudfront"),
    ),
    "aws load balancer": Page(
        "text/html",
        "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n"
        "</body>\r\n</html>\r\n",
        ("Server: awselb/2.0",),
    ),
    "aws gateway": Page("application/json", '{"message":"Forbidden"}', ("x-amzn-ErrorType: ForbiddenException",)),
    "aws gateway, no such way": Page("application/json", '{"message":"Missing Authentication Token"}'),
    "aws gateway, nothing": Page("application/json", '{"message": null}'),
    "fortigate": Page(
        "text/html",
        '<!DOCTYPE html>\n<html lang="en">\n<head><title>Web Filter Violation</title></head>\n<body><h1>FortiGuard '
        "Intrusion Prevention - Access Blocked</h1><h2>Web Page Blocked</h2><p>Category: File Sharing and Storage</p>"
        "</body></html>",
    ),
    "fortigate, old": Page(
        "text/html", "<head><title>Blocked</title></head><body>You have tried to access a blocked page</body>"
    ),
    "sophos": Page(
        "text/html; charset=utf-8", "\ufeff\n<html><body>Content blocked by your organisation</body></html>"
    ),
    "palo alto": Page(
        "text/html", "<html><head><title>Web Page Blocked</title></head><body>User: guest</body></html>"
    ),
    "squid": Page(
        "text/html;charset=utf-8",
        '<!DOCTYPE html><html><head><title>ERROR: The requested URL could not be retrieved</title></head><body id="'
        'ERR_ACCESS_DENIED"><p>Access Denied.</p></body></html>',
        ("X-Squid-Error: ERR_ACCESS_DENIED 0",),
    ),
    "captive": Page("text/html", "<html><body onload=\"location='http://10.0.0.1/login'\"></body></html>"),
    "nginx": Page(
        "text/html",
        "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
    ),
    "zscaler": Page("text/html", "<!-- policy --><html><body>Zscaler: not allowed to upload</body></html>"),
    "express": Page("text/plain; charset=utf-8", "Forbidden"),
    "a school's text": Page("text/plain", "This site is not permitted by the acceptable use policy."),
    "kong": Page("application/json; charset=utf-8", '{"message":"no Route matched with those values"}'),
    "vercel": Page("application/json", '{"error": {"code": "403", "message": "Forbidden"}}'),
    "f5": Page("application/json", '{"supportID": "1234567890123456789"}'),
    "imperva": Page(
        "text/html",
        '<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"></head><body>Request '
        "unsuccessful. Incapsula incident ID: 0-0</body></html>",
    ),
    "json, called a page": Page("text/html", '{"blocked": true, "category": "photo sharing"}'),
    "json, a list": Page("application/json", '["blocked"]'),
    "nothing": Page("", "", ("Server: BigIP",)),
    "nothing, called json": Page("application/json", "", ("Server: gws", "Connection: close")),
}
