package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
)

// enabledOffset is where file 0015 says whether the application is enabled.
const enabledOffset = 9

// updateBinary is UPDATE BINARY (00 D6 plain, 04 D6 with a MAC). Data beyond the
// file's end is 6A84. Writing 01 to byte 9 of file 0015 ends a transit card's
// personalisation; purchase, load and TAC key must be stored before, else 6985.
func (c *Chip) updateBinary(cmd apdu.Command, isSealed bool) apdu.Status {
	f, offset, status := c.binaryAt(cmd)
	if status != apdu.OK {
		return status
	}
	data, status := c.mayUpdate(f, cmd, isSealed)
	if status != apdu.OK {
		return status
	}
	switch {
	case len(data) == 0:
		return apdu.WrongLength
	case offset >= f.size:
		return apdu.WrongOffset
	case offset+len(data) > f.size:
		return apdu.NoSpace
	}
	content := append([]byte(nil), f.binary()...)
	copy(content[offset:], data)
	d := c.session.current
	enable := d.ep != nil && f.sfi == tunion.ApplicationSFI && !d.issued &&
		content[enabledOffset] == tunion.StatusEnabled
	if enable && !c.complete() {
		return apdu.ConditionsNotSatisfied
	}
	if !c.commit(func() {
		f.apply(update{f, 0, content})
		d.issued = d.issued || enable
	}) {
		return apdu.NoDiagnosis
	}
	if enable {
		c.session.issuing = false
	}
	return apdu.OK
}

// complete reports whether a transit application has the keys it needs.
func (c *Chip) complete() bool {
	d := c.session.current
	for _, r := range []keys.Role{keys.RolePurchase, keys.RoleLoad, keys.RoleTAC} {
		if d.key(r) == nil {
			return false
		}
	}
	return true
}
