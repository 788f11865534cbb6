"""The wires of a panel: a simulated I2C bus 1, in CUSE without libfuse, for unmodified drivers and their ioctls.

Each message goes to the port `panel` of the machine, as a line of JSON: the panel itself is emulated outside of the
virtual Pi, whatever becomes of that. While the file /run/panel-gone exists nothing answers on the bus, and the panel
has no power; that is an empty message.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import time

ADDRESS = 0x3C
GONE = "/run/panel-gone"
PORT = "/dev/virtio-ports/panel"

CUSE_INIT, OPEN, READ, WRITE, RELEASE, FLUSH, INTERRUPT, IOCTL = 4096, 14, 15, 16, 18, 25, 36, 39
IN = struct.Struct("<IIQQIIIHH")
OUT = struct.Struct("<IiQ")

I2C_SLAVE, I2C_FUNCS, I2C_SLAVE_FORCE, I2C_RDWR, I2C_SMBUS = 0x0703, 0x0705, 0x0706, 0x0707, 0x0720
IGNORED = {0x0701, 0x0702, 0x0704, 0x0708}  # retries, timeout, ten bits, checksums
FUNCTIONS = 0x0EFF0009  # those of the Pi's adapter
SMBUS_BYTES = {0: 0, 1: 1, 2: 1, 3: 2, 5: 34, 7: 34, 8: 34}
READ_FLAG = 1
SWITCH_ON, SWITCH_OFF = b"\x00\xaf", b"\x00\xae"


class Wires:
    """What the panel receives, and what little it answers."""

    def __init__(self) -> None:
        self.is_on = False
        self._unsaid: list[bytes] = []

    def answers(self, address: int) -> bool:
        if address == ADDRESS and os.path.exists(GONE):
            self.is_on = False
            self._say("")
        return address == ADDRESS and not os.path.exists(GONE)

    def receive(self, message: bytes) -> None:
        """Take one message: what kind of bytes follow, then these."""
        if message in (SWITCH_ON, SWITCH_OFF):
            self.is_on = message == SWITCH_ON
        self._say(message.hex())

    def status(self) -> int:
        return 0x00 if self.is_on else 0x40

    def _say(self, message: str) -> None:
        self._unsaid.append(json.dumps({"t": time.monotonic(), "message": message}).encode() + b"\n")
        try:
            with open(PORT, "wb", buffering=0) as port:
                port.write(b"".join(self._unsaid))
        except OSError:
            return  # the port comes up later than the panel
        self._unsaid = []


class Bus:
    """The character device: the protocol of FUSE on one side, of i2c-dev on the other."""

    def __init__(self, panel: Wires) -> None:
        self.panel = panel
        self.addresses: dict[int, int] = {}
        self.opened = 0
        self.fd = os.open("/dev/cuse", os.O_RDWR)

    def reply(self, unique: int, body: bytes = b"", error: int = 0) -> None:
        try:
            os.write(self.fd, OUT.pack(OUT.size + len(body), -error, unique) + body)
        except OSError as failed:
            if failed.errno != errno.ENOENT:  # who asked is gone
                raise

    def done(self, unique: int, result: int = 0, data: bytes = b"") -> None:
        self.reply(unique, struct.pack("<iIII", result, 0, 0, 0) + data)

    def ask_for(self, unique: int, read: list[tuple[int, int]], write: list[tuple[int, int]]) -> None:
        """Have the kernel ask again, with these parts (address, bytes) of the caller's memory."""
        parts = b"".join(struct.pack("<QQ", *part) for part in (*read, *write))
        self.reply(unique, struct.pack("<iIII", 0, 4, len(read), len(write)) + parts)

    def ioctl(self, unique: int, handle: int, request: int, argument: int, data: bytes, room: int) -> None:
        if request in IGNORED:
            self.done(unique)
        elif request in (I2C_SLAVE, I2C_SLAVE_FORCE):
            self.addresses[handle] = argument & 0x3FF
            self.done(unique)
        elif request == I2C_FUNCS:
            if room < 8:
                self.ask_for(unique, [], [(argument, 8)])
            else:
                self.done(unique, 0, struct.pack("<Q", FUNCTIONS))
        elif request == I2C_RDWR:
            self.transfer(unique, argument, data, room)
        elif request == I2C_SMBUS:
            self.smbus(unique, self.addresses.get(handle, 0), argument, data, room)
        else:
            self.reply(unique, error=errno.ENOTTY)

    def transfer(self, unique: int, argument: int, data: bytes, room: int) -> None:
        if len(data) < 16:
            self.ask_for(unique, [(argument, 16)], [])
            return
        table, count = struct.unpack_from("<QI", data)
        head = [(argument, 16), (table, 16 * count)]
        if len(data) < 16 + 16 * count:
            self.ask_for(unique, head, [])
            return
        messages = [struct.unpack_from("<HHHxxQ", data, 16 + 16 * index) for index in range(count)]
        sent = [(pointer, size) for _, flags, size, pointer in messages if not flags & READ_FLAG]
        wanted = [(pointer, size) for _, flags, size, pointer in messages if flags & READ_FLAG]
        if len(data) < 16 + 16 * count + sum(size for _, size in sent) or room < sum(size for _, size in wanted):
            self.ask_for(unique, head + sent, wanted)
            return
        at, answer = 16 + 16 * count, b""
        for address, flags, size, _ in messages:
            if not self.panel.answers(address):
                self.reply(unique, error=errno.EREMOTEIO)
                return
            if flags & READ_FLAG:
                answer += bytes([self.panel.status()]) * size
            else:
                self.panel.receive(data[at : at + size])
                at += size
        self.done(unique, count, answer)

    def smbus(self, unique: int, address: int, argument: int, data: bytes, room: int) -> None:
        if len(data) < 16:
            self.ask_for(unique, [(argument, 16)], [])
            return
        is_read, command, kind, pointer = struct.unpack_from("<BBxxIQ", data)
        if kind not in SMBUS_BYTES:
            self.reply(unique, error=errno.EOPNOTSUPP)
            return
        size = 0 if kind == 1 and not is_read else SMBUS_BYTES[kind]
        if size and (room < size if is_read else len(data) < 16 + size):
            part = [(pointer, size)]
            self.ask_for(unique, [(argument, 16), *([] if is_read else part)], part if is_read else [])
            return
        if not self.panel.answers(address):
            self.reply(unique, error=errno.EREMOTEIO)
            return
        if is_read:
            self.done(unique, 0, bytes([self.panel.status()]) * size)
            return
        if kind:
            values = data[16 : 16 + size]
            self.panel.receive(bytes([command]) + (values if kind in (1, 2, 3) else values[1 : 1 + values[0]]))
        self.done(unique)

    def serve(self) -> None:
        while True:
            message = os.read(self.fd, 1 << 18)
            length, operation, unique, *_ = IN.unpack_from(message)
            body = message[IN.size : length]
            if operation == CUSE_INIT:
                major, minor, _, flags = struct.unpack_from("<IIII", body)
                limits = struct.pack("<8I10I", major, minor, 0, flags & 1, 131072, 131072, 0, 0, *[0] * 10)
                self.reply(unique, limits + b"DEVNAME=i2c-1\0")
            elif operation == OPEN:
                self.opened += 1
                self.reply(unique, struct.pack("<QII", self.opened, 0, 0))
            elif operation == IOCTL:
                handle, _, request, argument, size, room = struct.unpack_from("<QIIQII", body)
                self.ioctl(unique, handle, request, argument, body[32 : 32 + size], room)
            elif operation in (READ, WRITE):
                handle, _, size = struct.unpack_from("<QQI", body)
                if not self.panel.answers(self.addresses.get(handle, 0)):
                    self.reply(unique, error=errno.EREMOTEIO)
                elif operation == READ:
                    self.reply(unique, bytes([self.panel.status()]) * size)
                else:
                    self.panel.receive(body[40 : 40 + size])
                    self.reply(unique, struct.pack("<II", size, 0))
            elif operation == RELEASE:
                self.addresses.pop(struct.unpack_from("<Q", body)[0], None)
                self.reply(unique)
            elif operation == FLUSH:
                self.reply(unique)
            elif operation != INTERRUPT:
                self.reply(unique, error=errno.ENOSYS)


if __name__ == "__main__":
    Bus(Wires()).serve()
