package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
)

// maxStored limits the bytes that wait for the rest of their grouping.
const maxStored = 2 << 10

// storeData is STORE DATA (80 E2 P1 block): blocks are numbered from 0 in P2 and may cut groupings
// anywhere. It requires the transport authentication (else 6982), the next block number (else 6A86)
// and groupings that this profile knows (else 6A88). The last-block bit ends a social-security
// card's personalisation.
func (c *Chip) storeData(cmd apdu.Command) apdu.Status {
	if !c.session.issuing || c.session.current.parent != nil {
		return apdu.SecurityNotSatisfied
	}
	if cmd.P2 == 0 {
		c.session.stored, c.session.block = nil, 0
	}
	if cmd.P2 != c.session.block || cmd.P1&^byte(0x80) != 0 {
		return apdu.WrongParameters
	}
	if len(c.session.stored)+len(cmd.Data) > maxStored {
		return apdu.NoSpace
	}
	rest := append(append([]byte(nil), c.session.stored...), cmd.Data...)
	var changes []func()
	for {
		g, after, whole, err := personalisation.Next(rest)
		if err != nil {
			return apdu.WrongData
		}
		if !whole {
			break
		}
		change, status := c.group(g)
		if status != apdu.OK {
			return status
		}
		changes, rest = append(changes, change), after
	}
	final := personalisation.Final(cmd.P1)
	if final && len(rest) > 0 {
		return apdu.WrongData
	}
	d := c.session.current
	ends := final && d.social
	if (len(changes) > 0 || ends) && !c.commit(func() {
		for _, change := range changes {
			change()
		}
		d.issued = d.issued || ends
	}) {
		return apdu.NoDiagnosis
	}
	c.session.stored, c.session.block = rest, cmd.P2+1
	if ends {
		c.session.issuing = false
	}
	return apdu.OK
}

// group turns one grouping into the change it asks for.
func (c *Chip) group(g personalisation.Group) (func(), apdu.Status) {
	d := c.session.current
	switch {
	case g.ID == personalisation.GroupTransitKeys && d.ep != nil:
		return d.replaceKeys(g, c.session.seal, func(i int) keys.Role { return keys.Role(i + 1) })
	case g.ID == personalisation.GroupSocialKeys && d.social:
		return d.replaceKeys(g, c.session.seal, func(i int) keys.Role { return personalisation.SocialRoles()[i] })
	case g.ID == personalisation.GroupPIN:
		if !validPIN(g.Data) {
			return nil, apdu.WrongData
		}
		value := append([]byte(nil), g.Data...)
		return func() {
			d.pin.value = value
			if d.pin.limit == 0 {
				d.pin.tries, d.pin.limit = pinLimit, pinLimit
			}
		}, apdu.OK
	case g.ID == personalisation.GroupPINTries:
		if len(g.Data) != 2 || g.Data[0] > g.Data[1] || g.Data[1] < 1 || g.Data[1] > 15 {
			return nil, apdu.WrongData
		}
		tries, limit := g.Data[0], g.Data[1]
		return func() { d.pin.tries, d.pin.limit = tries, limit }, apdu.OK
	case g.ID == personalisation.GroupOverdraft && d.ep != nil:
		if len(g.Data) != 3 || d.ep.funds != d.ep.limit { // the purse of a blank holds nothing
			return nil, apdu.WrongData
		}
		limit := uint32(g.Data[0])<<16 | uint32(g.Data[1])<<8 | uint32(g.Data[2])
		return func() { d.ep.funds, d.ep.limit = limit, limit }, apdu.OK
	default:
		return nil, apdu.KeyNotFound
	}
}

// replaceKeys reads the entries of a grouping under a sealing key as keys, each with the role of
// its place; entries of type 00 are reserved.
func (d *directory) replaceKeys(g personalisation.Group, seal keys.Key, role func(i int) keys.Role) (func(), apdu.Status) {
	entries, err := personalisation.Entries(g, seal)
	if err != nil {
		return nil, apdu.WrongData
	}
	var all []key
	for i, e := range entries {
		if e.Type == 0 {
			continue
		}
		if e.Algorithm != 0 {
			return nil, apdu.FunctionNotSupported
		}
		all = append(all, key{role: role(i), version: e.Version, value: e.Key, tries: keyLimit})
	}
	return func() { d.keys = all }, apdu.OK
}
