"""Happy Eyeballs (RFC 8305): from a host's name to a connected socket within one time-out.

urllib3 gives each address of a name the whole connect time-out, one after the other, and the name look-up none. Here
look-ups run in threads of their own, as they can't be cancelled: a late one serves attempts under way or the next.
Connection attempts to the addresses overlap, so that a dead family costs a quarter of a second; an address that
connects and then gives no answer, or a refusal, is last from then on. What can't be connected to by the network that
the kernel prefers is tried by others too. All of it ends at once when the guard cuts the exchange.
"""

from __future__ import annotations

import contextlib
import errno
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import InvalidStateError
from itertools import chain, zip_longest
from typing import Any, cast

from piboothup.config import is_loopback
from piboothup.uploader.transport.errors import NameBlocked, NotConnected
from piboothup.uploader.transport.name_servers import NOWHERE, Address, Found, resolve_by_others
from piboothup.uploader.transport.other_networks import other_devices

_ATTEMPT_DELAY_S = 0.25
"""Connection Attempt Delay of RFC 8305, 5, seconds: then the next address is tried too."""
_RETRY_ALL_AFTER_S = 1.0
"""Time after the last attempt until all addresses are tried anew beside it, seconds. The kernel repeats a SYN only
after 1, 3 and 7 s, and by its first route, which is late for a network that comes back. If all attempts have failed,
the time to wait for a late look-up.
"""
_OTHER_NETWORKS_AFTER_S = 3.0
"""Time until other networks are tried beside the preferred one, seconds: after the second repetition of a lost SYN.
At once where that one refuses.
"""
_LEFT_FOR_S = 600.0
"""How long other networks go before the preferred one after the server did not answer there, seconds."""
_KEPT_S = 60.0
"""How long connections by another network are kept, seconds: it may be a modem's, whose volume costs money."""
_RESOLUTION_DELAY_S = 0.05
"""Resolution Delay of RFC 8305, 3, seconds: wait for the other family's look-up."""
_LATE_LOOKUP_S = 1.0
"""The same where all known addresses are to be avoided, seconds."""
_NEW_LOOKUP_S, _NEW_LOOKUP_MAX_S = 60.0, 600.0
"""Age of a look-up at which another is begun in its place, seconds; it doubles each time, up to the maximum. glibc
waits for a name server's answer over TCP without end, and such a look-up keeps its thread.
"""
_MAX_AVOIDED = 32
"""How many addresses to be tried last are known: a storage has new ones every few minutes."""
_FAMILIES = (socket.AF_INET6, socket.AF_INET)
_OTHER_FAMILY_ALONE = (socket.EAI_NODATA, socket.EAI_ADDRFAMILY)
"""Errors of a host that is known, but has no address of this family."""

HasLocalAddress = Callable[[socket.socket], bool]
Option = tuple[int, int, int | bytes]
_LookUp = tuple[Found, float, float]
"""What is found; when it began; and the age at which another is begun, both in seconds."""


class NameLookups:
    """Name look-ups of one thread. The result of one that timed out serves the next call, unless it hangs."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int, int], _LookUp] = {}
        self.connected: tuple[Any, ...] | None = None
        """The address that was connected to for the exchange under way; None = a kept connection is used, or none."""
        self._avoided: list[tuple[Any, ...]] = []
        """Addresses that were connected to and gave no answer, or a refusal; the latest last."""
        self._left_until_s = 0.0
        self._return_s = math.inf

    @property
    def is_return_due(self) -> bool:
        """Whether connections were made by another network so long ago that the preferred one may be back."""
        return time.monotonic() >= self._return_s

    def note_network(self, device: str) -> None:
        """Note that a connection was made by this device; "" = as the kernel prefers."""
        if device:
            self._return_s = min(self._return_s, time.monotonic() + _KEPT_S)

    def forget_networks(self) -> None:
        """Note that all connections are closed."""
        self._return_s = math.inf

    @property
    def prefers_others(self) -> bool:
        """Whether other networks go before the one that the kernel prefers."""
        return time.monotonic() < self._left_until_s

    def leave_network(self) -> None:
        """Let other networks go first for a while, or no longer: somebody answered in the server's place, or nobody.

        A network that wants a sign-in does that for each server, a filter misleads a name or cuts off each greeting,
        a modem without a signal connects by itself; and the kernel goes on to prefer it.
        """
        self._left_until_s = 0.0 if self.prefers_others else time.monotonic() + _LEFT_FOR_S

    def put_last(self) -> None:
        """Prefer every other address to the one that was connected to: it gave no answer, or a refusal.

        IPv6 through a tunnel that loses long packets connects every time, and is the first choice every time.
        """
        if self.connected is not None:
            others = [address for address in self._avoided if address != self.connected]
            self._avoided = [*others[1 - _MAX_AVOIDED :], self.connected]

    def addresses(
        self, host: str, port: int, until_s: float, wake: socket.socket, woken: socket.socket
    ) -> list[Address]:
        """The host's addresses, alternating between the families; those to be avoided come last.

        Waits until `until_s` (monotonic) on `woken`, the other end of `wake`. Raises socket.gaierror or whatever else
        getaddrinfo raises, NameBlocked, ConnectionAbortedError when `wake` was shut down.
        """
        lookups = [self._look_up(host, port, family) for family in _FAMILIES]
        for lookup in lookups:
            lookup.add_done_callback(lambda _: _wake(wake))
        others_s = time.monotonic() + _OTHER_NETWORKS_AFTER_S
        while True:
            answered = [lookup for lookup in lookups if lookup.done()]
            found = [lookup.result() for lookup in answered if lookup.exception() is None]
            if any(found):
                is_fresh = any(target not in self._avoided for _, target in chain.from_iterable(found))
                until_s = min(until_s, time.monotonic() + (_RESOLUTION_DELAY_S if is_fresh else _LATE_LOOKUP_S))
            if len(answered) == len(lookups):
                break
            if not _wait_for_wake(woken, min(until_s, others_s)):
                if others_s >= until_s:
                    break
                others_s = math.inf
                for lookup, family in zip(lookups, _FAMILIES, strict=True):
                    words = (lookup, host, port, family)
                    threading.Thread(target=resolve_by_others, args=words, name="late look-up", daemon=True).start()
        for lookup, family in zip(lookups, _FAMILIES, strict=True):
            if lookup in answered:
                del self._running[host, port, family]
        if any(found):
            listed = [address for address in chain.from_iterable(zip_longest(*found)) if address is not None]
            place = {address: number for number, address in enumerate(self._avoided, 1)}
            return sorted(listed, key=lambda address: place.get(address[1], 0))
        if found:
            raise NameBlocked
        errors = (lookup.exception() for lookup in answered)
        raise next(filter(None, errors), socket.gaierror(socket.EAI_AGAIN, "the look-up takes too long"))

    def is_running(self, host: str, port: int) -> bool:
        """Whether a look-up of the host is under way, or has ended since `addresses`."""
        return any((host, port, family) in self._running for family in _FAMILIES)

    def late(self, host: str, port: int) -> list[Address]:
        """The addresses of look-ups of the host that have ended since `addresses`, each once."""
        found: list[Address] = []
        for family in _FAMILIES:
            lookup, *_ = self._running.get((host, port, family), (None,))
            if lookup is not None and lookup.done():
                del self._running[host, port, family]
                found += lookup.result() if lookup.exception() is None else []
        return found

    def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> Found:
        found, begun_s, longest_s = self._running.get((host, port, family), (None, 0.0, 0.0))
        now_s = time.monotonic()
        if found is None or now_s - begun_s >= longest_s:
            found = Found()
            words = (found, host, port, family, self.prefers_others)
            threading.Thread(target=_resolve, args=words, name="look-up", daemon=True).start()
            longest_s = min(max(_NEW_LOOKUP_S, 2 * longest_s), _NEW_LOOKUP_MAX_S)
            self._running[host, port, family] = found, now_s, longest_s
        return found


def connect(
    host: str,
    port: int,
    timeout_s: float,
    options: Sequence[Option],
    lookups: NameLookups,
    attach: Callable[[socket.socket], None],
) -> socket.socket:
    """A connection to `host`; name look-up and all attempts take `timeout_s` at most.

    `attach` is given a socket; when another thread shuts that down, this ends. Raises socket.gaierror when the name
    is unknown or looked up too slowly, NameBlocked, NotConnected, and ConnectionAbortedError when it was ended.
    """
    until_s = time.monotonic() + timeout_s
    wake, woken = socket.socketpair()
    with contextlib.closing(wake), contextlib.closing(woken):
        attach(wake)
        addresses = lookups.addresses(host, port, until_s, wake, woken)
        try:
            made, lookups.connected, device = _race(host, port, addresses, lookups, until_s, options, woken)
        except NotConnected:
            if not is_loopback(host) and all(is_loopback(target[0]) for _, target in addresses):
                raise NameBlocked from None  # filters that lead to this machine instead
            raise
    lookups.note_network(device)
    made.settimeout(timeout_s)
    return made


def has_local_address(connection: socket.socket) -> bool:
    """Whether the connection's own address is still one of this machine's; after roaming it is not.

    The kernel keeps such a connection, though nothing that is sent on it arrives.
    """
    if connection.family not in _FAMILIES:
        return True
    try:
        host, _, *scope = connection.getsockname()
        with socket.socket(connection.family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0, *scope))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _race(
    host: str,
    port: int,
    addresses: list[Address],
    lookups: NameLookups,
    until_s: float,
    options: Sequence[Option],
    woken: socket.socket,
) -> tuple[socket.socket, tuple[Any, ...], str]:
    """The first connection to any of the addresses, to which, and by which device; the other attempts are closed.

    Those of the host's late look-ups are added to `addresses`.
    """
    untried = deque((address, "") for address in addresses)
    if lookups.prefers_others:
        untried.extendleft(reversed(_by_other_networks(addresses)))
    running: dict[socket.socket, tuple[Address, str]] = {}
    next_s = anew_s = 0.0
    others_s, were_others_tried = time.monotonic() + _OTHER_NETWORKS_AFTER_S, False
    with selectors.DefaultSelector() as selector:
        selector.register(woken, selectors.EVENT_READ)
        try:
            while (now_s := time.monotonic()) < until_s:
                if now_s >= others_s or not (untried or running or were_others_tried):
                    untried.extendleft(reversed(_by_other_networks(addresses)))
                    others_s, were_others_tried = now_s + _OTHER_NETWORKS_AFTER_S, True
                if not untried and not running and (now_s >= anew_s or not lookups.is_running(host, port)):
                    break
                if not untried and now_s >= anew_s:
                    untried.extend((address, "") for address in addresses)
                if untried and now_s >= next_s:
                    anew_s = now_s + _RETRY_ALL_AFTER_S
                    address, device = untried.popleft()
                    if (attempt := _start_connecting(address, options, device)) is not None:
                        running[attempt] = address, device
                        selector.register(attempt, selectors.EVENT_WRITE)
                        next_s = now_s + _ATTEMPT_DELAY_S
                    continue
                for key, _ in selector.select(min(until_s, others_s, next_s if untried else anew_s) - now_s):
                    if key.fileobj is woken:
                        _wait_for_wake(woken, until_s)
                        late = lookups.late(host, port)
                        untried.extend((address, "") for address in late)
                        addresses += late
                        continue
                    attempt = cast(socket.socket, key.fileobj)
                    selector.unregister(attempt)
                    (_, target), device = running.pop(attempt)
                    if attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        return attempt, target, device
                    attempt.close()
                    next_s = now_s
        finally:
            for attempt in running:
                attempt.close()
    raise NotConnected


def _by_other_networks(addresses: Sequence[Address]) -> list[tuple[Address, str]]:
    """Each address with the device of each network that the kernel does not prefer."""
    public = [address for address in addresses if not is_loopback(address[1][0])]
    return [(address, device) for address in public for device in other_devices(address[0])]


def _start_connecting(address: Address, options: Sequence[Option], device: str) -> socket.socket | None:
    """A connection attempt under way, by this device if one is named; None when there is no route to that address."""
    family, target = address
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError:  # no such family on this machine
        return None
    with contextlib.suppress(OSError):
        made.setblocking(False)
        for option in options:
            made.setsockopt(*option)
        if device:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        if made.connect_ex(target) in (0, errno.EINPROGRESS):
            return made
    made.close()
    return None


def _resolve(found: Found, host: str, port: int, family: socket.AddressFamily, by_others: bool) -> None:
    """Look up as the kernel prefers; by other networks before that if wished, else where it fails or is misled."""
    if by_others and resolve_by_others(found, host, port, family):
        return
    addresses: list[Address] = []
    failure: OSError | UnicodeError | None = None
    try:
        listed = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)
        addresses = [(info[0], info[4]) for info in listed if info[4][0] not in NOWHERE]
    except (OSError, UnicodeError) as error:  # UnicodeError: no host can be called that
        failure = error
    is_known = bool(addresses) or (isinstance(failure, socket.gaierror) and failure.errno in _OTHER_FAMILY_ALONE)
    if is_known or by_others or not resolve_by_others(found, host, port, family):
        with contextlib.suppress(InvalidStateError):
            found.set_result(addresses) if failure is None else found.set_exception(failure)


def _wake(wake: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the caller has gone on
        wake.send(b"!")


def _wait_for_wake(woken: socket.socket, until_s: float) -> bool:
    """Wait to be woken; return False when that takes too long. Raises ConnectionAbortedError when cut."""
    woken.settimeout(max(0.001, until_s - time.monotonic()))
    try:
        received = woken.recv(16)
    except TimeoutError:
        return False
    if not received:
        raise ConnectionAbortedError
    return True
