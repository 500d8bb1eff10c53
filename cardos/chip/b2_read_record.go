package chip

import "citycard/cardos/apdu"

// readRecord is READ RECORD (00 B2). P2 is (SFI<<3) plus 4 for a record number in
// P1, or plus 0 for a tag in P1; SFI 0 is the selected file. Records that were
// never written read as zeros, but for tagged ones (6A83). Le below the record's
// length gives its beginning.
func (c *Chip) readRecord(cmd apdu.Command) ([]byte, apdu.Status) {
	f, number, status := c.recordAt(cmd)
	if status != apdu.OK {
		return nil, status
	}
	if status := c.mayRead(f, f.tag(number)); status != apdu.OK {
		return nil, status
	}
	b, ok := f.record(number)
	if !ok {
		return nil, apdu.RecordNotFound
	}
	if cmd.Le > 0 && cmd.Le < len(b) && !c.contact {
		b = b[:cmd.Le]
	}
	return b, apdu.OK
}

// recordAt finds the record file and the record number that P1 and P2 name; the
// number of an unknown tag is 0.
func (c *Chip) recordAt(cmd apdu.Command) (*file, int, apdu.Status) {
	f, sfi, mode := c.session.file, cmd.P2>>3, cmd.P2&7
	if mode != 0 && mode != 4 {
		return nil, 0, apdu.WrongParameters
	}
	if sfi != 0 {
		if f = c.session.current.bySFI(sfi); f == nil {
			return nil, 0, apdu.FileNotFound
		}
		c.session.file = f
	}
	switch {
	case f == nil:
		return nil, 0, apdu.NoCurrentFile
	case f.structure == transparent:
		return nil, 0, apdu.IncompatibleFile
	case mode == 4 && cmd.P1 == 0:
		return nil, 0, apdu.WrongParameters
	case mode == 4:
		return f, int(cmd.P1), apdu.OK
	case f.structure != tagged:
		return nil, 0, apdu.WrongParameters
	default:
		return f, f.find(cmd.P1), apdu.OK
	}
}
