#!/usr/bin/env python3
"""Connects as nobody should, and asks for health meanwhile.

Usage: hostile_connections.py --grpc HOST:PORT --http HOST:PORT [--http ...]
           [--count N] [--until FILE] [--seconds S] [--tls]

Holds N connections, spread over the ports, each of one of these kinds, and
opens another for each that is closed:

  silent     says nothing
  trickle    sends a request a byte a second
  headers    sends headers without end
  chunks     sends a body in pieces without end
  unread     asks for metrics and reads nothing
  preface    begins HTTP/2 and goes no further
  handshake  begins TLS, always in the clear, and goes no further
  unknown    asks for metrics with a token that nobody has
  frames     sends a call's headers, in HTTP/2, without end
  giant      calls with a message of 2 GiB, and with --token's token

Ends when FILE exists, or after S seconds. Prints, as JSON, how many connections
there were of each kind, and for each port of --http how often health was asked
for, how often it was not answered with 200, and the longest time it took.
With --tls the kinds are sent within TLS to the ports that speak it, and half of
them in the clear.
"""

import argparse
import collections
import json
import os
import socket
import ssl
import threading
import time

KINDS = ("silent", "trickle", "headers", "chunks", "unread", "preface",
         "handshake", "unknown", "frames", "giant")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"


def frame(kind, flags, payload, stream=1):
    """A frame of HTTP/2: 0 DATA, 1 HEADERS, 9 CONTINUATION."""
    return (len(payload).to_bytes(3, "big") + bytes((kind, flags))
            + stream.to_bytes(4, "big") + payload)


def field(name, value):
    """A header as HPACK has it, written out; at most 126 bytes of each."""
    return (b"\0" + bytes((len(name),)) + name.encode()
            + bytes((len(value),)) + value.encode())


def call(token):
    """The headers of a call of the service."""
    return b"".join(field(*pair) for pair in (
        (":method", "POST"), (":scheme", "https"),
        (":path", "/halfpipe.v1.TrainingService/ListJobs"),
        (":authority", "localhost"), ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("authorization", f"Bearer {token or 'hpt_unknown'}")))


def giant(token):
    return (PREFACE + frame(1, 4, call(token))
            + frame(0, 0, b"\0\x7f\xff\xff\xff" + b"x" * 4000))


BEGIN = {
    "silent": b"",
    "trickle": b"GET /healthz HTTP/1.1\r\n",
    "headers": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
    "chunks": b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unread": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "preface": PREFACE,
    "handshake": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 32,
    "unknown": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
    b"Authorization: Bearer hpt_unknown\r\n\r\n",
    "frames": PREFACE + frame(1, 0, call("")),
    "giant": giant(""),
}
MORE = {
    "headers": b"X-Header: " + b"x" * 4000 + b"\r\n",
    "chunks": b"fa0\r\n" + b"x" * 4000 + b"\r\n",
    "frames": frame(9, 0, field("x-header", "x" * 100) * 30),
    "giant": frame(0, 0, b"x" * 4000),
}
PATIENCE = 5  # seconds until health counts as not answered


def host_port(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


class Connection:
    """One hostile connection, driven by the loop below."""

    def __init__(self, address, kind, context):
        self.kind = kind
        self.next_byte = 0.0
        plain = socket.create_connection(address, timeout=2)
        self.socket = plain
        if context is not None and kind != "handshake":
            plain.settimeout(2)
            self.socket = context.wrap_socket(plain)
        self.socket.setblocking(False)
        self._send(BEGIN[kind])

    def _send(self, data):
        try:
            if data:
                self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass

    def goes_on(self, now):
        """Sends a little more; False: the other side has closed."""
        try:
            if self.kind in MORE:
                self._send(MORE[self.kind])
            elif self.kind == "trickle" and now >= self.next_byte:
                self.next_byte = now + 1
                self._send(b"X")
            if self.kind == "unread":
                data = self.socket.recv(1, 0) if not isinstance(
                    self.socket, ssl.SSLSocket) else b"?"
            else:
                data = self.socket.recv(65536)
            return bool(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass


class Health:
    """Asks one port for its health, again and again."""

    def __init__(self, address, context, token):
        self.address, self.context, self.token = address, context, token
        self.asked = self.failed = 0
        self.longest = 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def answer(self):
        with socket.create_connection(self.address, timeout=PATIENCE) as plain:
            one = plain
            if self.context is not None:
                one = self.context.wrap_socket(plain)
            request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
            if self.token:
                request += f"Authorization: Bearer {self.token}\r\n"
            one.sendall(request.encode() + b"\r\n")
            return one.recv(65536)

    def run(self):
        while not self.stop.wait(0.2):
            start = time.monotonic()
            try:
                good = self.answer().startswith(b"HTTP/1.1 200")
            except OSError:
                good = False
            self.asked += 1
            self.failed += not good
            self.longest = max(self.longest, time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc", action="append", default=[])
    parser.add_argument("--http", action="append", default=[])
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--until")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    context = hostile_context = None
    if options.tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # gRPC talks to nobody who does not ask for HTTP/2.
        hostile_context = ssl.create_default_context()
        hostile_context.check_hostname = False
        hostile_context.verify_mode = ssl.CERT_NONE
        hostile_context.set_alpn_protocols(["h2", "http/1.1"])
    BEGIN["giant"] = giant(options.token)
    ports = [host_port(text) for text in options.grpc + options.http]
    health = [Health(host_port(text), context, options.token)
              for text in options.http]
    end = time.monotonic() + options.seconds
    made = collections.Counter()
    held, turn = [], 0
    while time.monotonic() < end and not (
            options.until and os.path.exists(options.until)):
        # A hundred at a time, so that those that are held get on, too.
        for _ in range(min(100, options.count - len(held))):
            kind = KINDS[turn % len(KINDS)]
            address = ports[turn // len(KINDS) % len(ports)]
            # The kinds are as many as is even: every round the other way.
            within = (hostile_context if turn // len(KINDS) // len(ports) % 2
                      else None)
            turn += 1
            made[kind] += 1
            try:
                held.append(Connection(address, kind, within))
            except OSError:
                pass
        now = time.monotonic()
        going = []
        for connection in held:
            if connection.goes_on(now):
                going.append(connection)
            else:
                connection.close()
        held = going
        time.sleep(0.02)
    for one in health:
        one.stop.set()
        one.thread.join()
    print(json.dumps({
        "connections": made,
        "health": [{"asked": one.asked, "failed": one.failed,
                    "longest_seconds": round(one.longest, 3)}
                   for one in health]}))


if __name__ == "__main__":
    main()
