package chip

import "citycard/cardos/apdu"

const (
	insSelect      = 0xA4
	insGetResponse = 0xC0
)

// dispatch runs one command. A class that the card does not have is 6E00. An instruction that this
// class does not have is 6D00, even if another class of the card has it.
func (c *Chip) dispatch(cmd apdu.Command) ([]byte, apdu.Status) {
	if !continues(c.session.deal.state, cmd) {
		c.session.deal.end()
	}
	if cmd.INS != insGetResponse {
		c.session.waiting = nil
	}
	if c.blocked {
		return nil, apdu.FunctionNotSupported
	}
	if status := c.blockedFor(cmd); status != apdu.OK {
		return nil, status
	}
	switch cmd.CLA {
	case 0x00:
		return c.plain(cmd)
	case 0x04:
		return c.protected(cmd)
	case 0x80:
		return c.financial(cmd)
	case 0x84:
		return c.maintenance(cmd)
	case 0xBF:
		if cmd.INS == 0xDE && c.session.current.sam != nil {
			return c.prepareAccess(cmd)
		}
		return nil, apdu.CLANotSupported
	default:
		return nil, apdu.CLANotSupported
	}
}

// continues reports whether a command belongs to the transaction in progress.
func continues(state dealing, cmd apdu.Command) bool {
	if cmd.CLA == 0x00 {
		return cmd.INS == insGetResponse
	}
	if cmd.CLA != 0x80 {
		return false
	}
	switch state {
	case loading:
		return cmd.INS == 0x52
	case paying:
		return cmd.INS == 0x54
	case caching:
		return cmd.INS == 0x54 || cmd.INS == 0xDC
	case limiting:
		return cmd.INS == 0x58
	default:
		return false
	}
}

// blockedFor says what a blocked application answers. Selecting another
// application, challenges and unblocking stay possible.
func (c *Chip) blockedFor(cmd apdu.Command) apdu.Status {
	switch c.session.current.security().block {
	case unblocked:
		return apdu.OK
	case permanently:
		if cmd.INS == insSelect {
			return apdu.OK
		}
		return apdu.PermanentlyBlocked
	default:
		switch cmd.INS {
		case insSelect, 0x84, 0x18, insGetResponse:
			return apdu.OK
		}
		return apdu.FunctionNotSupported
	}
}

// plain runs the interindustry commands.
func (c *Chip) plain(cmd apdu.Command) ([]byte, apdu.Status) {
	switch cmd.INS {
	case insSelect:
		return c.selectFile(cmd)
	case insGetResponse:
		return c.getResponse(cmd)
	case 0x84:
		return c.getChallenge(cmd)
	case 0x82:
		return nil, c.externalAuthenticate(cmd)
	case 0x88:
		return c.internalAuthenticate(cmd)
	case 0x20:
		return nil, c.verify(cmd)
	case 0xB0:
		return c.readBinary(cmd)
	case 0xB2:
		return c.readRecord(cmd)
	case 0xD6:
		return nil, c.updateBinary(cmd, false)
	case 0xDC:
		return nil, c.updateRecord(cmd, false)
	case 0xE2:
		return nil, c.appendRecord(cmd, false)
	default:
		return nil, apdu.INSNotSupported
	}
}

// protected runs file updates with secure messaging.
func (c *Chip) protected(cmd apdu.Command) ([]byte, apdu.Status) {
	switch cmd.INS {
	case 0xD6:
		return nil, c.updateBinary(cmd, true)
	case 0xDC:
		return nil, c.updateRecord(cmd, true)
	case 0xE2:
		return nil, c.appendRecord(cmd, true)
	default:
		return nil, apdu.INSNotSupported
	}
}

// financial runs the purse's and the SAM's own commands.
func (c *Chip) financial(cmd apdu.Command) ([]byte, apdu.Status) {
	if c.session.current.sam != nil {
		return c.module(cmd)
	}
	switch cmd.INS {
	case 0x50:
		return c.initialize(cmd)
	case 0x52:
		return c.creditForLoad(cmd)
	case 0x54:
		return c.debit(cmd)
	case 0x58:
		return c.updateOverdraft(cmd)
	case 0x5A:
		return c.prove(cmd)
	case 0x5C:
		return c.getBalance(cmd)
	case 0x5E:
		return nil, c.changePIN(cmd)
	case 0xDC:
		return nil, c.updateCAPP(cmd)
	case 0xE2:
		return nil, c.storeData(cmd)
	default:
		return nil, apdu.INSNotSupported
	}
}

// module runs a SAM's commands.
func (c *Chip) module(cmd apdu.Command) ([]byte, apdu.Status) {
	switch cmd.INS {
	case 0x70:
		return c.initializeSAM(cmd)
	case 0x72:
		return nil, c.creditSAM(cmd)
	case 0x1A:
		return nil, c.prepareKey(cmd)
	case 0xFA:
		return c.cipher(cmd)
	default:
		return nil, apdu.INSNotSupported
	}
}

// maintenance runs the issuer's sealed commands.
func (c *Chip) maintenance(cmd apdu.Command) ([]byte, apdu.Status) {
	switch cmd.INS {
	case 0x16:
		return nil, c.blockCard(cmd)
	case 0x18:
		return nil, c.unblockApplication(cmd)
	case 0x1E:
		return nil, c.blockApplication(cmd)
	case 0x24:
		return nil, c.unblockPIN(cmd)
	default:
		return nil, apdu.INSNotSupported
	}
}
