package apdu

// The commands of ISO/IEC 7816-4 that every card of this project knows.
// SFI is a short file identifier, 1..30.

// Select selects an application by its name (AID) or by the beginning of its name.
func Select(aid []byte) Command {
	return Command{INS: 0xA4, P1: 0x04, Data: aid, Le: 0}
}

// SelectFile selects a file by its two-byte identifier.
func SelectFile(id uint16) Command {
	return Command{INS: 0xA4, Data: []byte{byte(id >> 8), byte(id)}, Le: 0}
}

// GetResponse fetches n waiting bytes, 1..256.
func GetResponse(n int) Command { return Command{INS: 0xC0, Le: n} }

// GetChallenge asks for n random bytes, 4, 8 or 16.
func GetChallenge(n int) Command { return Command{INS: 0x84, Le: n} }

// ExternalAuthenticate proves to the card that the terminal holds key.
func ExternalAuthenticate(key byte, cryptogram []byte) Command {
	return Command{INS: 0x82, P2: key, Data: cryptogram, Le: NoLe}
}

// InternalAuthenticate asks the card to encipher data with key.
func InternalAuthenticate(key byte, data []byte) Command {
	return Command{INS: 0x88, P2: key, Data: data, Le: 0}
}

// Verify presents a PIN as packed decimal digits.
func Verify(pin byte, digits []byte) Command {
	return Command{INS: 0x20, P2: pin, Data: digits, Le: NoLe}
}

// ReadBinary reads n bytes (0: all) from offset 0..255 of a transparent file.
func ReadBinary(sfi, offset byte, n int) Command {
	return Command{INS: 0xB0, P1: 0x80 | sfi, P2: offset, Le: n}
}

// UpdateBinary writes data at offset 0..255 of a transparent file.
func UpdateBinary(sfi, offset byte, data []byte) Command {
	return Command{INS: 0xD6, P1: 0x80 | sfi, P2: offset, Data: data, Le: NoLe}
}

// ReadRecord reads record number (1 is the first, in a cyclic file the newest)
// of a file; n bytes, 0 for all.
func ReadRecord(sfi, number byte, n int) Command {
	return Command{INS: 0xB2, P1: number, P2: sfi<<3 | 4, Le: n}
}

// UpdateRecord writes record number of a file.
func UpdateRecord(sfi, number byte, data []byte) Command {
	return Command{INS: 0xDC, P1: number, P2: sfi<<3 | 4, Data: data, Le: NoLe}
}

// AppendRecord adds a record at the end of a file, in a cyclic file in place
// of the oldest.
func AppendRecord(sfi byte, data []byte) Command {
	return Command{INS: 0xE2, P2: sfi << 3, Data: data, Le: NoLe}
}
