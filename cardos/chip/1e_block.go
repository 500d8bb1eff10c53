package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// blockApplication is APPLICATION BLOCK (84 1E 00 P2 04 MAC): P2 00 until it is
// unblocked, 01 for ever.
func (c *Chip) blockApplication(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 || cmd.P2 > 1 {
		return apdu.WrongParameters
	}
	if status := c.sealedEmpty(cmd, keys.RoleApplicationBlock); status != apdu.OK {
		return status
	}
	level := temporarily
	if cmd.P2 == 1 {
		level = permanently
	}
	return c.setBlock(level)
}

// unblockApplication is APPLICATION UNBLOCK (84 18 00 00 04 MAC).
func (c *Chip) unblockApplication(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongParameters
	}
	if c.session.current.security().block == unblocked {
		return apdu.ConditionsNotSatisfied
	}
	if status := c.sealedEmpty(cmd, keys.RoleApplicationUnblock); status != apdu.OK {
		return status
	}
	return c.setBlock(unblocked)
}

// blockCard is CARD BLOCK (84 16 00 00 04 MAC): the card answers 6A81 to
// everything from then on.
func (c *Chip) blockCard(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongParameters
	}
	if status := c.sealedEmpty(cmd, keys.RoleCardMaintenance); status != apdu.OK {
		return status
	}
	if !c.commit(func() { c.blocked = true }) {
		return apdu.NoDiagnosis
	}
	return apdu.OK
}

func (c *Chip) setBlock(level block) apdu.Status {
	d := c.session.current.security()
	if !c.commit(func() { d.block = level }) {
		return apdu.NoDiagnosis
	}
	return apdu.OK
}

// sealedEmpty checks a sealed command that carries nothing but its MAC.
func (c *Chip) sealedEmpty(cmd apdu.Command, role keys.Role) apdu.Status {
	if len(cmd.Data) != 4 {
		return apdu.WrongLength
	}
	_, status := c.unseal(cmd, role)
	return status
}
