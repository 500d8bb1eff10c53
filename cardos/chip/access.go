package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/ssc"
)

// mayRead checks a file's reading condition; tag is that of the record, or 0.
func (c *Chip) mayRead(f *file, tag byte) apdu.Status {
	if c.session.issuing {
		return apdu.OK
	}
	if f.read == privately && !c.guards(tag) || c.satisfies(f.read, ssc.KeyRead) {
		return apdu.OK
	}
	return apdu.SecurityNotSatisfied
}

// satisfies reports whether the terminal has proved what a condition requires; id is the key that
// the operation needs on social-security cards.
func (c *Chip) satisfies(guard condition, id byte) bool {
	key := c.session.authenticated&(1<<id) != 0
	switch guard {
	case free:
		return true
	case privately, keyed:
		return key
	case either:
		return key || c.session.verified
	case both:
		return key && c.session.verified
	case identified:
		return c.session.authenticated&(1<<ssc.KeyIdentity) != 0
	case witnessed:
		return c.session.authenticated&(1<<keyApplication) != 0
	default:
		return false
	}
}

// guards reports whether a card of version 3 hides a record: the card number and
// all of the holder's.
func (c *Chip) guards(tag byte) bool {
	f := c.session.current.bySFI(ssc.SFIIssuer)
	if f == nil {
		return false
	}
	record, ok := f.record(f.find(byte(ssc.TagVersion)))
	if !ok || len(record) < 3 || !ssc.NeedsAuthentication(string(record[2:])) {
		return false
	}
	field, ok := ssc.FieldOf(ssc.Tag(tag))
	return !ok || field.SFI != ssc.SFIIssuer || field.Tag == ssc.TagCardNumber
}

// mayUpdate checks a file's updating condition and returns the data to write:
// without the MAC when the command is sealed.
func (c *Chip) mayUpdate(f *file, cmd apdu.Command, isSealed bool) ([]byte, apdu.Status) {
	if isSealed {
		if f.update != sealed && f.update != witnessed {
			return nil, apdu.SecurityNotSatisfied
		}
		role := keys.RoleApplicationMaintenance
		if f.composite {
			role = keys.RoleRecordEP
		}
		return c.unseal(cmd, role)
	}
	if c.session.issuing {
		return cmd.Data, apdu.OK
	}
	if f.update == sealed {
		return nil, apdu.SecureMessagingMissing
	}
	if !c.satisfies(f.update, ssc.KeyWrite) {
		return nil, apdu.SecurityNotSatisfied
	}
	return cmd.Data, apdu.OK
}
