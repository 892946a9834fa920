"""Posts made to cost time or to be misread: no post stops the service, and nobody else notices."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote_plus, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools.loopback import HOST
from form_backend.web.guards import MOST_BYTES, MOST_FIELDS, URLENCODED
from tests.parts.forms import ENQUIRY, REQUEST, token
from tests.parts.processes import children
from tests.parts.relays import Mailbox, scripted_relay
from tests.parts.stack import Backend, Serve

HEADERS = {"Content-Type": URLENCODED, "Sec-Fetch-Site": "same-origin"}
MOST_CPU = 50_000_000  # nanoseconds
REPEATED = {
    "spaces": " ",
    "no-break spaces": "\u00a0",
    "line ends": "\r\n",
    "line separators": "\u2028",
    "nulls": "\0",
    "combining marks in falling order": "\u0345\u0360\u0301\u0323\u0316\u0327\u0334",
    "combining marks in turn": "\u0301\u0316",
    "Hangul": "\u1100\u1161\u11a8",
    "ligatures": "\ufb03\ufdfa",
    "digits": "1",
    "digits and brackets": "(1)",
    "extensions": "ext.1 ",
    "percent signs": "%",
    "escaped percent signs": "%25",
    "dots": "a.",
    "at signs": "@",
    "brackets": "[(<",
    "nested quotes": "\"'\\",
    "markup": "</textarea>&amp;",
    "punycode": "xn--",
    "zero-width": "\u200b",
    "tags": "\U0001f3f4\U000e0067",
    "joined emoji": "\U0001f469\u200d",
}
SHAPES = {
    "empty fields": "&" * MOST_BYTES,
    "many fields": "a=&" * (MOST_BYTES // 3),
    "one field many times": "name=a&" * (MOST_BYTES // 7),
    "as many fields as are read": "&".join(f"{'a' * 2600}{n}=1" for n in range(MOST_FIELDS)),
    "an escaped name": "%61" * (MOST_BYTES // 3 - 1) + "=1",
    "equals signs": "=" * MOST_BYTES,
    "plus signs": "+" * MOST_BYTES,
    "nothing": "",
}


def fill(field: str, pattern: str, words: dict[str, str], characters: int) -> str:
    """Return a body in which one field repeats a pattern, as far as the body may grow."""
    start = urlencode({name: text for name, text in words.items() if name != field}) + f"&{field}="
    room = min(characters * 12, MOST_BYTES - len(start))
    escaped = quote_plus(pattern)
    return start + escaped * min(room // len(escaped), characters)


def cpu(backend: Backend) -> int:
    """Return the nanoseconds that the worker has spent on a processor."""
    [worker] = children(backend.process)
    return int(Path(f"/proc/{worker}/schedstat").read_text("utf-8").split()[0])


def cost(backend: Backend, path: str, body: str) -> int:
    """Return the CPU of one post; of three where it seems too much, since the worker has other work too."""
    spent = MOST_CPU + 1
    for _ in range(3):
        if spent > MOST_CPU:
            before = cpu(backend)
            answer = backend.client.post(path, content=body, headers=HEADERS)
            spent = min(spent, cpu(backend) - before)
            assert answer.status_code in (303, 400, 422), f"{answer.status_code} for {body[:200]}"
    return spent


FIELDS = [
    *(("/enquiry/", field) for field in [*ENQUIRY, "marketing", "token", "website", "unknown"]),
    *(("/your-information/", field) for field in ("request", "details", "authority")),
]


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_no_post_costs_much(backend: Backend, path: str, field: str) -> None:
    """Whatever a field repeats, up to the size of a post or to its own bound, costs at most 50 ms of CPU."""
    words = (ENQUIRY if path == "/enquiry/" else REQUEST) | {"token": token(backend.form(path))}
    lengths = {"name": [120], "phone": [60], "email": [250]}.get(field, [])
    costs = {
        (name, length): cost(backend, path, fill(field, pattern, words, length))
        for name, pattern in REPEATED.items()
        for length in [MOST_BYTES, *lengths]
    }

    assert {case: spent for case, spent in costs.items() if spent > MOST_CPU} == {}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_a_body_costs_much(backend: Backend, mailbox: Mailbox, shape: str) -> None:
    """A body of very many or odd fields is refused in a page, at little cost."""
    body = SHAPES[shape][:MOST_BYTES]

    assert cost(backend, "/enquiry/", body) <= MOST_CPU
    assert mailbox.received == []


def test_others_are_served_meanwhile(backend: Backend) -> None:
    """While costly posts keep coming, everybody else is answered."""
    body = fill("email", REPEATED["combining marks in falling order"], ENQUIRY, MOST_BYTES)
    with ThreadPoolExecutor(9) as clients:
        posts = [
            clients.submit(backend.client.post, "/enquiry/", content=body, headers=HEADERS) for _ in range(60)
        ]
        pages = [backend.form().status_code for _ in range(20)]

    assert pages == [200] * 20
    assert {post.result().status_code for post in posts} == {422}
    assert len(children(backend.process)) == 1


def test_copies_hold_no_place_of_others(serve: Serve) -> None:
    """Copies of one message wait for the one that is being sent; beyond a few they hear so at once."""
    with scripted_relay() as relay, ThreadPoolExecutor(40) as people:
        relay.follow(taken=(3600.0, b"250 fine\r\n"))
        backend = serve(relay.relay, FLASK_MAIL_DEADLINE="25")
        shown = backend.form()
        copies = [people.submit(backend.post, ENQUIRY, shown=shown) for _ in range(30)]
        while relay.taken < 1 or sum(copy.done() for copy in copies) < 30 - 1 - 8:
            relay.over.wait(0.02)
        innocent = people.submit(backend.post, ENQUIRY | {"message": "Something else"}, shown=shown)
        while relay.taken < 2:
            relay.over.wait(0.02)
        relay.over.set()
        statuses = sorted(copy.result().status_code for copy in copies)

    assert innocent.result().status_code == 303
    assert statuses == [303] * 9 + [503] * 21
    assert relay.taken == 2


def test_malformed_chunk_is_the_clients_fault(backend: Backend) -> None:
    """A chunked body that cannot be read is answered 400, and logged as no fault of ours."""
    place = urlsplit(backend.url)
    request = (
        f"POST /enquiry/ HTTP/1.1\r\nHost: {place.netloc}\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: {URLENCODED}\r\n\r\n5\r\nname=\r\nnonsense\r\n"
    )
    with socket.create_connection((HOST, place.port or 0)) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "fault" not in [line["event"] for line in backend.log]


BYTES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from([*ENQUIRY, *REQUEST, "token", "website", "marketing", "%00", "", "a"])
PIECES = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=30).map(lambda text: quote_plus(text, errors="replace").encode()),
    st.sampled_from(
        [b"%", b"%E", b"%EB", b"%u0041", b"&", b"=", b";", b"+", b"%00", b"%0d%0a", b"yes", b"update"]
    ),
)


@BYTES
@given(
    pairs=st.lists(st.tuples(NAMES, st.lists(PIECES, max_size=4)), max_size=12),
    path=st.sampled_from(["/enquiry/", "/your-information/"]),
)
def test_any_bytes_are_answered(backend: Backend, pairs: list[tuple[str, list[bytes]]], path: str) -> None:
    """Whatever bytes are posted, the answer is a page of the site and no fault of ours."""
    body = b"&".join(quote_plus(name).encode() + b"=" + b"".join(parts) for name, parts in pairs)
    answer = backend.client.post(path, content=body, headers=HEADERS)

    assert answer.status_code in (303, 400, 422)
    assert "fault" not in [line["event"] for line in backend.log[-2:]]
