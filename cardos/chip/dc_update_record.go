package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/ssc"
)

// updateRecord is UPDATE RECORD (00 DC plain, 04 DC with a MAC), by number or tag
// as READ RECORD. A record of a tagged file must be tag, length and value of the
// field's size, else 6A80.
func (c *Chip) updateRecord(cmd apdu.Command, isSealed bool) apdu.Status {
	f, number, status := c.recordAt(cmd)
	if status != apdu.OK {
		return status
	}
	data, status := c.mayUpdate(f, cmd, isSealed)
	if status != apdu.OK {
		return status
	}
	if number < 1 || number > len(f.records) {
		return apdu.RecordNotFound
	}
	if !f.fits(data) {
		return apdu.WrongLength
	}
	if f.structure == tagged && !wellTagged(f.columns[number-1], data) {
		return apdu.WrongData
	}
	if !c.commit(func() { f.apply(update{f, f.slot(number), data}) }) {
		return apdu.NoDiagnosis
	}
	return apdu.OK
}

// wellTagged checks tag, length and value of a record against its field.
func wellTagged(column ssc.Column, data []byte) bool {
	r, err := ssc.ParseRecord(data)
	return err == nil && r.Tag == column.Tag && len(r.Value) == column.Size && len(data) == column.Size+2
}
