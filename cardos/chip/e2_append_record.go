package chip

import "citycard/cardos/apdu"

// appendRecord is APPEND RECORD (00 E2 plain, 04 E2 with a MAC; P2 SFI<<3): in a cyclic
// file in place of the oldest record, in a linear file in the first record that
// was never written, else 6A84.
func (c *Chip) appendRecord(cmd apdu.Command, isSealed bool) apdu.Status {
	if cmd.P1 != 0 || cmd.P2&7 != 0 {
		return apdu.WrongParameters
	}
	f := c.session.file
	if sfi := cmd.P2 >> 3; sfi != 0 {
		if f = c.session.current.bySFI(sfi); f == nil {
			return apdu.FileNotFound
		}
	}
	if f == nil {
		return apdu.NoCurrentFile
	}
	if f.structure != cyclic && f.structure != linear && f.structure != variable {
		return apdu.IncompatibleFile
	}
	data, status := c.mayUpdate(f, cmd, isSealed)
	if status != apdu.OK {
		return status
	}
	if !f.fits(data) {
		return apdu.WrongLength
	}
	slot := -1
	if f.structure != cyclic {
		if slot = f.unwritten(); slot < 0 {
			return apdu.NoSpace
		}
	}
	if !c.commit(func() { f.apply(update{f, slot, data}) }) {
		return apdu.NoDiagnosis
	}
	return apdu.OK
}

// unwritten is the index of the first record that was never written, or -1.
func (f *file) unwritten() int {
	for i, r := range f.records {
		if r == nil {
			return i
		}
	}
	return -1
}
