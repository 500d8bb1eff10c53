package chip

import "citycard/cardos/apdu"

// maxShortLe is what an answer carries at most when its length is left open.
const maxShortLe = 256

// readBinary is READ BINARY: 00 B0 (80+SFI) offset, or 00 B0 offset2 in the selected file. If Le
// goes beyond the file's end, the bytes up to the end are given; with an open Le at most 256 bytes.
func (c *Chip) readBinary(cmd apdu.Command) ([]byte, apdu.Status) {
	f, offset, status := c.binaryAt(cmd)
	if status != apdu.OK {
		return nil, status
	}
	if status := c.mayRead(f, 0); status != apdu.OK {
		return nil, status
	}
	b := f.binary()
	if offset >= len(b) {
		return nil, apdu.WrongOffset
	}
	b = b[offset:]
	want := cmd.Le
	if want <= 0 {
		want = maxShortLe
	}
	return b[:min(want, len(b))], apdu.OK
}

// binaryAt finds the transparent file and the offset that P1 and P2 name.
func (c *Chip) binaryAt(cmd apdu.Command) (*file, int, apdu.Status) {
	f, offset := c.session.file, int(cmd.P1)<<8|int(cmd.P2)
	if cmd.P1&0x80 != 0 {
		if cmd.P1&0x60 != 0 {
			return nil, 0, apdu.WrongParameters
		}
		offset = int(cmd.P2)
		if f = c.session.current.bySFI(cmd.P1 & 0x1F); f == nil {
			return nil, 0, apdu.FileNotFound
		}
		c.session.file = f
	}
	switch {
	case f == nil:
		return nil, 0, apdu.NoCurrentFile
	case f.structure != transparent:
		return nil, 0, apdu.IncompatibleFile
	default:
		return f, offset, apdu.OK
	}
}
