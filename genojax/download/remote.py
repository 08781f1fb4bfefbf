"""HTTP and HTTPS as downloads need it: ranges, validators, redirects, and errors in two kinds.

`Temporary` errors may be gone at the next attempt, `Absent` files will not. Proxies are those of
the environment (`https_proxy`). No other scheme is opened, also not after a redirect.
"""

import contextlib
import dataclasses
import http.client
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping

import genojax
from genojax import errors

_BUSY = (408, 425, 429, 500, 502, 503, 504)  # the server may answer otherwise later
_MAX_WAIT = 60.0  # seconds, however long a server asks to wait
_REPORTED = ('X-Linked-ETag', 'X-Repo-Commit')  # of the hub, on its redirects alone


class Temporary(Exception):
    """Another attempt may succeed.

    Attributes:
        connected: whether the server answered.
        wait: seconds that the server asks to wait.
    """

    def __init__(self, reason: str, connected: bool = True, wait: float = 0.0):
        super().__init__(reason)
        self.connected, self.wait = connected, wait


class Absent(Exception):
    """The server does not have the file, or does not give it out."""


@dataclasses.dataclass
class Answer:
    """An open answer of a server.

    Attributes:
        start: first byte of the file that it sends; None if it sends another range than asked for.
        total: bytes of the whole file; None where the server does not say.
        validator: changes with the file: a strong ETag or the time of the last change; '' if the
            server states neither.
        encoding: of the body, where the server changes it on the way.
        stated_sha256: of the file, as the server states it; ''.
        commit: of the repository; ''.
    """

    body: http.client.HTTPResponse
    url: str
    start: int | None
    total: int | None
    validator: str
    encoding: str
    stated_sha256: str
    commit: str

    def read(self, size: int) -> bytes:
        """The next bytes; b'' at the end, be it the right one or not.

        Raises:
            Temporary: the connection broke.
        """
        try:
            return self.body.read1(size)
        except (OSError, http.client.HTTPException) as error:
            raise Temporary(_reason(error)) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other hosts, keeps what they state, and leaves HTTPS never."""

    def __init__(self):
        self.stated: dict[str, str] = {}

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        for name in _REPORTED:
            if headers.get(name):
                self.stated.setdefault(name, headers[name])
        scheme = urllib.parse.urlsplit(newurl).scheme
        if scheme not in ('http', 'https') or (req.type == 'https' and scheme == 'http'):
            raise Absent(f'the server redirects to {newurl}, which is not HTTPS')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextlib.contextmanager
def opened(url: str, offset: int = 0, validator: str = '', timeout: float = 60.0):
    """Within the block, the answer to a request for a file from a byte on.

    Args:
        offset: first byte asked for; with `validator` the whole file comes if it has changed.
        timeout: seconds without a byte after which the connection counts as broken.

    Raises:
        Temporary: no connection, or a busy server.
        Absent: the file is not there, or is not given out.
        UsageError: the certificate of the server is not accepted.
    """
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    with _translated_errors():
        body = opener.open(_request(url, offset, validator), timeout=timeout)
    with body:
        yield _answer(body, offset, redirects.stated)


def read_small(url: str, limit: int, timeout: float = 60.0) -> bytes:
    """The whole of a small file.

    Raises:
        Temporary, Absent, UsageError: as of `opened`; Absent for one of more than `limit` bytes.
    """
    with opened(url, timeout=timeout) as answer:
        parts, size = [], 0
        while block := answer.read(1 << 16):
            parts.append(block)
            size += len(block)
            if size > limit:
                raise Absent(f'it has more than {limit:,} bytes')
        if answer.total is not None and size != answer.total:
            raise Temporary(f'the answer ended after {size:,} of {answer.total:,} bytes')
    return b''.join(parts)


def _request(url: str, offset: int, validator: str) -> urllib.request.Request:
    headers = {'User-Agent': f'genojax/{genojax.__version__}', 'Accept-Encoding': 'identity'}
    if offset:
        headers |= {'Range': f'bytes={offset}-', 'If-Range': validator}
    return urllib.request.Request(url, headers=headers)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        reason = f'the server answers {error.code} {error.reason}'.strip()
        if error.code in _BUSY:
            raise Temporary(reason, wait=_retry_after(error.headers)) from error
        raise Absent(reason) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise errors.UsageError(
                f'the certificate of the server is not accepted: {error.reason.verify_message}. '
                'Fix: set the clock of this machine, or name the certificates of your network in '
                'SSL_CERT_FILE'
            ) from error
        raise Temporary(_reason(error.reason), connected=False) from error
    except (OSError, http.client.HTTPException) as error:
        raise Temporary(_reason(error), connected=False) from error


def _answer(body: http.client.HTTPResponse, offset: int, stated: Mapping[str, str]) -> Answer:
    headers = body.headers
    start, total = 0, _whole_number(headers.get('Content-Length'))
    if body.status == 206:
        match = re.fullmatch(r'bytes (\d+)-\d+/(\d+|\*)', headers.get('Content-Range', '').strip())
        start = int(match[1]) if match and int(match[1]) == offset else None
        total = _whole_number(match[2]) if match else None
    etag = headers.get('ETag', '')
    validator = etag if etag and not etag.startswith('W/') else headers.get('Last-Modified', '')
    linked = stated.get('X-Linked-ETag', '').strip('"')
    return Answer(
        body=body,
        url=body.url,
        start=start,
        total=total,
        validator=validator,
        encoding=headers.get('Content-Encoding', ''),
        stated_sha256=linked if re.fullmatch('[0-9a-f]{64}', linked) else '',
        commit=stated.get('X-Repo-Commit', '') or headers.get('X-Repo-Commit', ''),
    )


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _retry_after(headers: http.client.HTTPMessage) -> float:
    return min(float(_whole_number(headers.get('Retry-After')) or 0), _MAX_WAIT)


def _reason(error: BaseException | str) -> str:
    if isinstance(error, TimeoutError):
        return 'no byte came in time'
    stated = error.strerror if isinstance(error, OSError) else None
    text = stated or str(error) or type(error).__name__
    return ' '.join(text.split())[:200].rstrip('.')
