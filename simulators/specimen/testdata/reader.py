"""A card reader that knows nothing of this project: it talks to pcscd through libpcsclite and
reads cards the way public readers do, from published layouts alone. Prints JSON.

    reader.py transit STYLE        STYLE: how lengths are asked for, exact | zero | short
    reader.py social STYLE         STYLE: number | tag | sfi, the three ways to name a record
    reader.py guarded              a card of version 3, with a SAM in the second reader
"""
import ctypes
import json
import sys
from ctypes import byref, c_char_p, c_long, c_ubyte, c_ulong, create_string_buffer

lib = ctypes.CDLL("libpcsclite.so.1")


class IORequest(ctypes.Structure):
    _fields_ = [("protocol", c_ulong), ("length", c_ulong)]


def check(what, code):
    code &= 0xFFFFFFFF
    if code:
        sys.exit("%s: PC/SC error %08X" % (what, code))


class Card:
    def __init__(self, context, reader):
        self.handle, protocol = c_long(), c_ulong()
        check("connect " + reader, lib.SCardConnect(context, reader.encode(), 2, 3, byref(self.handle), byref(protocol)))
        self.protocol = protocol.value
        size, state, active, atr, atr_size = c_ulong(0), c_ulong(), c_ulong(), create_string_buffer(36), c_ulong(36)
        check("status", lib.SCardStatus(self.handle, None, byref(size), byref(state), byref(active), atr, byref(atr_size)))
        self.atr = atr.raw[:atr_size.value]

    def raw(self, apdu):
        answer, size = (c_ubyte * 4096)(), c_ulong(4096)
        send = IORequest(self.protocol, ctypes.sizeof(IORequest))
        check("transmit", lib.SCardTransmit(self.handle, byref(send), bytes(apdu), len(apdu), None, answer, byref(size)))
        if size.value < 2:
            sys.exit("transmit: no answer, as 80100069")
        return bytes(answer[:size.value])

    def ask(self, text):
        """Returns (data, status word); follows 61xx and 6Cxx as T=0 readers do."""
        apdu = bytes.fromhex(text)
        answer = self.raw(apdu)
        if answer[-2] == 0x6C:
            answer = self.raw(apdu[:4] + answer[-1:])
        data = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.raw(bytes([0x00, 0xC0, 0x00, 0x00, answer[-1]]))
            data += answer[:-2]
        return data, answer[-2] << 8 | answer[-1]

    def must(self, text):
        data, status = self.ask(text)
        if status != 0x9000:
            sys.exit("%s: %04X" % (text, status))
        return data


def readers(context):
    size = c_ulong(0)
    check("list readers", lib.SCardListReaders(context, None, None, byref(size)))
    names = create_string_buffer(size.value)
    check("list readers", lib.SCardListReaders(context, None, names, byref(size)))
    return [n.decode() for n in names.raw.split(b"\0") if n and b"Virtual PCD" in n]


def number(b):
    return int.from_bytes(b, "big")


def tag_in(fci, tag):
    at = fci.find(tag)
    return fci[at + len(tag) + 1:at + len(tag) + 1 + fci[at + len(tag)]] if at >= 0 else None


def transit(card, style):
    le = {"exact": lambda n: "%02X" % n, "zero": lambda n: "00", "short": lambda n: "%02X" % n}[style]
    out = {"atr": card.atr.hex()}
    ppse = card.must("00A404000E325041592E5359532E444446303100")
    out["names"] = [label for label in ("MOT_T_EP", "MOT_T_CASH") if label.encode() in ppse]
    older, status = card.ask("00A4040009A0000000038698070100")
    if status == 0x9000:  # readers that know the older city union take it for what the card is
        own = card.must("00B0950000")
        listed = card.ask("00A40000023F0000") and card.must("00B2020C00").hex()
        out["city_union"] = {"issuer": own[0:8].hex(), "number": own[10:20].hex(), "start": own[20:24].hex(),
                             "expiry": own[24:28].hex(), "fci": tag_in(older, b"\x9f\x0c") == own, "listed": listed}
    else:
        out["city_union_ends"] = "%04X" % status
    fci = card.must("00A4040008A000000632010105" + ("00" if style != "exact" else ""))
    info = tag_in(fci, b"\x9f\x0c")
    meta = card.must("00B09500" + le(30))
    out["fci_is_file_0015"] = meta == info
    out["number"], out["issuer"] = meta[10:20].hex(), meta[0:8].hex()
    out["issuer_city"] = meta[2:4].hex()
    out["start"], out["expiry"] = meta[20:24].hex(), meta[24:28].hex()
    region = card.must("00B09700" + ("0B" if style == "short" else le(60)))
    out["province"], out["city"], out["interoperable"], out["card_type"] = \
        region[4:6].hex(), region[6:8].hex(), number(region[8:10]), region[10]
    holder = card.must("00B09600" + le(55))
    out["holder_name"] = holder[2:22].decode("gbk").rstrip(" \0")
    out["holder_id"] = holder[22:54].decode("ascii").rstrip(" \0")
    balance = [number(card.must("805C%02X0204" % p1)) for p1 in range(4)]
    out["balances"] = balance
    out["balance_fen"] = (balance[0] & 0x7FFFFFFF) - balance[1]
    start = card.must("805000020B010000000100000000000010")
    out["online_sequence"] = number(start[4:6])
    out["log"] = []
    for n in range(1, 11):
        r = card.must("00B2%02XC4%s" % (n, le(23)))
        out["log"].append({"sequence": number(r[0:2]), "amount_fen": number(r[5:9]), "type": r[9],
                           "terminal": r[10:16].hex(), "time": r[16:23].hex()})
    out["log_ends"] = "%04X" % card.ask("00B20BC4%s" % le(23))[1]
    out["journeys"] = []
    for n in range(1, 31):
        r = card.must("00B2%02XF4%s" % (n, le(48)))
        out["journeys"].append({"type": r[0], "terminal": r[1:9].hex(), "industry": r[9], "line": number(r[10:12]),
                                "station": number(r[12:14]), "operator": number(r[14:16]), "amount_fen": number(r[17:21]),
                                "balance_fen": number(r[21:25]), "time": r[25:32].hex(), "city": r[32:34].hex(),
                                "institution": r[34:42].hex()})
    trips = [card.must("00B2%02XD4%s" % (n, le(128))) for n in range(1, 19)]
    out["trip_ids"] = [t[0:2].hex() for t in trips if any(t)]
    return out


FIELDS = [  # file, number in it, tag, length
    (5, 1, 0x01, 16), (5, 2, 0x02, 1), (5, 3, 0x03, 4), (5, 4, 0x04, 12), (5, 5, 0x05, 4), (5, 6, 0x06, 4), (5, 7, 0x07, 9),
    (6, 1, 0x08, 18), (6, 2, 0x09, 30), (6, 3, 0x4E, 20), (6, 4, 0x0A, 1), (6, 5, 0x0B, 1), (6, 6, 0x0C, 3), (6, 7, 0x0D, 4),
]
NAMES = {0x01: "identification", 0x02: "class", 0x03: "version", 0x04: "institution", 0x05: "issued", 0x06: "expiry",
         0x07: "card_number", 0x08: "security_number", 0x09: "name", 0x4E: "name_extension", 0x0A: "sex", 0x0B: "nation",
         0x0C: "birthplace", 0x0D: "birthday"}
TEXT = {0x02, 0x03, 0x07, 0x08, 0x09, 0x4E, 0x0A}


def fields(card, style):
    out, selected, skipped = {}, 0, 0
    for file, place, tag, length in FIELDS:
        if style != "sfi" and file != selected:
            card.must(("00A4000002EF%02X" if style == "number" else "00A4020002EF%02X") % file)
            selected = file
        if style == "number":
            data, status = card.ask("00B2%02X04%02X" % (place - skipped, length + 2))
            if status == 0x9000 and data[0] != tag and tag == 0x4E:
                data, status, skipped = b"", 0x6A83, 1  # a card of version 1 has no extension of the name
        elif style == "tag":
            data, status = card.ask("00B2%02X00%02X" % (tag, length + 2))
        else:
            data, status = card.ask("00B2%02X%02X00" % (tag, file << 3))
        if status == 0x6A83 and tag == 0x4E:
            continue
        if status == 0x6982:
            out.setdefault("refused", []).append(NAMES[tag])
            continue
        if status != 0x9000 or data[0] != tag or data[1] != length:
            sys.exit("record %02X by %s: %04X %s" % (tag, style, status, data.hex()))
        value = data[2:2 + length]
        out[NAMES[tag]] = value.rstrip(b"\0").decode("gbk") if tag in TEXT else value.hex()
    return out


def social(card, style):
    out = {"atr": card.atr.hex()}
    card.must("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
    out.update(fields(card, style))
    card.must("00A4000002DF04")
    out["medical_before_pin"] = "%04X" % card.ask("00B2014400")[1]
    out["pin"] = "%04X" % card.ask("0020000003123456")[1]
    out["medical"] = []
    n = 1
    while True:
        data, status = card.ask("00B2%02X441C" % n)
        if status == 0x6A83:
            break
        out["medical"].append(data.hex())
        n += 1
    return out


def guarded(card, sam):
    card.must("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
    out = {"before": fields(card, "sfi")}
    sam.must("00A4040006D15600000590")
    region = out["before"]["identification"][:6]
    factor = card.atr[-8:] if card.protocol == 1 else card.atr[-9:-1]
    city, province = region.encode().hex() + "7378", region[:2].encode().hex() + "303030307368"
    random, data = card.must("0084000008").hex(), "0102030405060708"
    sam.must("BFDE670820" + factor.hex() + city + province + random)
    out["genuine"] = sam.must("80FA000008" + data) == card.must("0088000010" + random + data)
    sam.must("BFDE470A18" + factor.hex() + city + data)
    challenge = card.must("0084000008")
    cryptogram = sam.must("80FA000008" + challenge.hex())
    card.must("0082000A10" + cryptogram.hex() + data)
    out["after"] = fields(card, "sfi")
    return out


def main():
    context = c_long()
    check("establish context", lib.SCardEstablishContext(2, None, None, byref(context)))
    names = readers(context)
    card = Card(context, names[0])
    if sys.argv[1] == "transit":
        out = transit(card, sys.argv[2])
    elif sys.argv[1] == "social":
        out = social(card, sys.argv[2])
    else:
        out = guarded(card, Card(context, names[1]))
    json.dump(out, sys.stdout)


main()
