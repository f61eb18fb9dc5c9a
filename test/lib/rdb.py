"""Dump payloads and RDB files by hand: checksums, old encodings, damage. Needs nothing but Python."""
import struct

POLYNOMIAL = 0x95AC9329AC4BC9B5


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ POLYNOMIAL if byte & 1 else byte >> 1
        table.append(byte)
    return table


TABLE = _table()


def crc64(data, crc=0):
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc


def seal(body, version=10):
    """Type and value as a payload of RESTORE."""
    body += struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


def length(number):
    if number < 64:
        return bytes([number])
    if number < 1 << 14:
        return bytes([0x40 | number >> 8, number & 255])
    return b"\x80" + struct.pack(">I", number)


def text(data):
    return length(len(data)) + data


def ziplist(items):
    body, before, tail = b"", 0, 10
    for item in items:
        tail = 10 + len(body)
        before = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        if isinstance(item, int):
            entry = b"\xfe" + struct.pack("b", item) if -128 <= item < 128 else b"\xe0" + struct.pack("<q", item)
        elif len(item) < 64:
            entry = bytes([len(item)]) + item
        else:
            entry = bytes([0x40 | len(item) >> 8, len(item) & 255]) + item
        body += before + entry
        before = len(before + entry)
    return struct.pack("<IIH", 10 + len(body) + 1, tail, len(items)) + body + b"\xff"


def zipmap(pairs):
    body = b"".join(bytes([len(field)]) + field + bytes([len(value), 0]) + value for field, value in pairs)
    return bytes([len(pairs)]) + body + b"\xff"


def listpack(items):
    """Of short texts and small integers."""
    body = b""
    for item in items:
        entry = bytes([item]) if isinstance(item, int) else bytes([0x80 | len(item)]) + item
        body += entry + bytes([len(entry)])
    return struct.pack("<IH", 7 + len(body), len(items)) + body + b"\xff"


def file(records, version=10, checksum=True):
    """Opcodes and values as an RDB file."""
    data = b"REDIS%04d" % version + records + b"\xff"
    if version < 5:
        return data
    return data + struct.pack("<Q", crc64(data) if checksum else 0)
