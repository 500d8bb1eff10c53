package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/tlv"
	"citycard/cardos/tunion"
)

// leastPartial is the shortest part of a name that selects an application: a
// registered provider's identifier.
const leastPartial = 5

// selectFile is SELECT (00 A4): P1 00 by identifier, 02 a file of the
// application, 04 by name or the beginning of one. The answer is the FCI of an
// application, nothing for a file. A temporarily blocked application answers its
// FCI with 6283, a permanently blocked one 9303.
func (c *Chip) selectFile(cmd apdu.Command) ([]byte, apdu.Status) {
	switch cmd.P1 {
	case 0x04:
		if cmd.P2 != 0 {
			return nil, apdu.FileNotFound // no second application of one name
		}
		return c.selectName(cmd.Data)
	case 0x00, 0x02:
		if len(cmd.Data) == 0 && cmd.P1 == 0 {
			return c.enter(c.root, "")
		}
		if len(cmd.Data) != 2 {
			return nil, apdu.WrongLength
		}
		return c.selectID(uint16(cmd.Data[0])<<8|uint16(cmd.Data[1]), cmd.P1 == 0)
	default:
		return nil, apdu.WrongParameters
	}
}

func (c *Chip) selectName(aid []byte) ([]byte, apdu.Status) {
	if len(aid) < leastPartial || len(aid) > 16 {
		return nil, apdu.FileNotFound
	}
	if n := c.root.named(string(aid)); n != "" {
		return c.enter(c.root, n)
	}
	for _, d := range c.directories {
		if n := d.named(string(aid)); n != "" {
			return c.enter(d, n)
		}
	}
	return nil, apdu.FileNotFound
}

func (c *Chip) selectID(id uint16, directories bool) ([]byte, apdu.Status) {
	if f := c.session.current.byID(id); f != nil {
		c.session.file = f
		return nil, apdu.OK
	}
	if !directories {
		return nil, apdu.FileNotFound
	}
	if id == c.root.id {
		return c.enter(c.root, "")
	}
	for _, d := range c.directories {
		if d.id == id && id != 0 {
			return c.enter(d, "")
		}
	}
	return nil, apdu.FileNotFound
}

// enter makes d the current application under the name it was called by.
func (c *Chip) enter(d *directory, name string) ([]byte, apdu.Status) {
	if d.security().block == permanently {
		return nil, apdu.PermanentlyBlocked
	}
	if name == "" && len(d.names) > 0 {
		name = d.names[0]
	}
	fci, err := c.fci(d, name)
	if err != nil {
		return nil, apdu.NoDiagnosis
	}
	if d.parent != nil && c.session.current.security() == d.security() {
		c.session.stay()
	} else {
		c.session.leave()
	}
	c.session.current = d
	if d.security().block == temporarily {
		return fci, apdu.FileInvalidated
	}
	return fci, apdu.OK
}

// fci builds the answer to SELECT.
func (c *Chip) fci(d *directory, name string) ([]byte, error) {
	switch {
	case d == c.root && name == string(tunion.PPSE):
		return tunion.DirectoryFCI([]tunion.Entry{{AID: tunion.AIDPurse, Label: tunion.LabelPurse, Priority: 1}})
	case d.ep != nil:
		return c.purseFCI(d, name)
	case d.social && d.parent == nil && c.profile != SocialSecurityV1:
		return algorithmFCI(d, name)
	default:
		return namedFCI(name, d.listing())
	}
}

// listing is tag 88, the short identifier of the file that lists what is below d; empty
// where there is no such file.
func (d *directory) listing() []byte {
	for _, f := range d.files {
		if f.lists {
			return []byte{0x88, 0x01, f.sfi}
		}
	}
	return nil
}

// purseFCI carries file 0015; the city-union application has no version.
func (c *Chip) purseFCI(d *directory, name string) ([]byte, error) {
	app, err := tunion.ParseApplication(d.bySFI(tunion.ApplicationSFI).binary())
	if err != nil {
		return nil, err
	}
	f := tunion.FCI{Name: []byte(name), Application: app}
	if name == string(tunion.AIDPurse) {
		f.Version = []byte{2}
	}
	return f.Encode()
}

// algorithmFCI is the FCI of SSSE from version 2 on: the answer of version 1 followed by the
// algorithm, 30 bytes in all, since one public reader expects 611E. Another reader looks for the
// plain bytes 9F0C86 and takes the next byte, 01 for DES. The object that holds these bytes was not
// found: the private tag C1 around them is ours.
func algorithmFCI(d *directory, name string) ([]byte, error) {
	inner, err := tlv.Append(d.listing(), 0xC1, []byte{0x9F, 0x0C, 0x86, 0x01})
	if err != nil {
		return nil, err
	}
	return namedFCI(name, inner)
}

// namedFCI is 6F { 84 name, A5 proprietary }, without what is empty.
func namedFCI(name string, proprietary []byte) ([]byte, error) {
	var body []byte
	var err error
	if name != "" {
		if body, err = tlv.Append(nil, 0x84, []byte(name)); err != nil {
			return nil, err
		}
	}
	if len(proprietary) > 0 {
		if body, err = tlv.Append(body, 0xA5, proprietary); err != nil {
			return nil, err
		}
	}
	return tlv.Append(nil, 0x6F, body)
}
