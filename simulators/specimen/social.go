package specimen

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/ssc"
	"citycard/terminals/counter"
)

// region is Zhengzhou's.
const region = "410100"

// social makes a social-security application: issues it and fills its directories.
func (m *maker) social(ctx context.Context, card *chip.Chip, version string) error {
	issued := m.now.AddDate(-2, 0, 0)
	err := m.issue(ctx, card, counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
		Region: region, Version: version, Institution: region, Issued: day(issued), Expiry: day(issued.AddDate(10, 0, 0)),
		CardNumber: fmt.Sprintf("A%08d", m.seed%1e8), SecurityNumber: m.person.number, Name: m.person.name, Sex: m.person.sex,
		Nation: "01", Birthplace: region, Birthday: m.person.birthday, PIN: PIN,
	}})
	if err != nil {
		return err
	}
	factor, err := ssc.CardFactor(card.ATR())
	if err != nil {
		return err
	}
	code := [3]byte{0x41, 0x01, 0x00}
	own := m.store.SocialSecurityKeys(ssc.ProvinceFactor(code), ssc.CityFactor(code), factor)
	if _, err := apdu.Exchange(ctx, card, ssc.Select()); err != nil {
		return err
	}
	if version[0] == '3' {
		if err := m.identity(ctx, card, own.Identity); err != nil {
			return err
		}
	}
	if err := m.authenticate(ctx, card, ssc.KeyWrite, own.Write); err != nil {
		return err
	}
	for _, folder := range ssc.Folders(version) {
		if err := m.folder(ctx, card, folder); err != nil {
			return fmt.Errorf("directory %04X: %w", folder.ID, err)
		}
	}
	return nil
}

// authenticate proves to the card that its issuer writes.
func (m *maker) authenticate(ctx context.Context, card apdu.Card, id byte, key keys.Key) error {
	challenge, err := apdu.Exchange(ctx, card, apdu.GetChallenge(8))
	if err != nil {
		return err
	}
	if len(challenge) != 8 {
		return fmt.Errorf("challenge of %d bytes, want 8: %w", len(challenge), apdu.ErrMalformed)
	}
	random := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	_, err = apdu.Exchange(ctx, card, ssc.ExternalAuthenticate(id, ssc.Cryptogram(key, random, [8]byte(challenge)), random))
	return err
}

// identity writes the person's identification, under its own key.
func (m *maker) identity(ctx context.Context, card apdu.Card, key keys.Key) error {
	if err := m.authenticate(ctx, card, ssc.KeyIdentity, key); err != nil {
		return err
	}
	for _, r := range []ssc.Record{
		{Tag: ssc.TagPersonID, Value: fmt.Appendf(nil, "%s%06d", region, m.seed%1e6)},
		{Tag: ssc.TagFirstClaim, Value: []byte{0x41, 0x01, 0x00}},
	} {
		cmd, err := ssc.Write(r)
		if err != nil {
			return err
		}
		if _, err := apdu.Exchange(ctx, card, cmd); err != nil {
			return err
		}
	}
	return nil
}

// folder writes all record files of a directory.
func (m *maker) folder(ctx context.Context, card apdu.Card, folder ssc.Folder) error {
	if _, err := apdu.Exchange(ctx, card, apdu.Select([]byte(folder.AID))); err != nil {
		return err
	}
	for _, table := range folder.Tables {
		for _, cmd := range m.table(table) {
			if _, err := apdu.Exchange(ctx, card, cmd); err != nil {
				return fmt.Errorf("file %04X: %w", table.ID, err)
			}
		}
	}
	return nil
}

// table returns the commands that fill a file; for cyclic files one for each record, the oldest
// first.
func (m *maker) table(table ssc.Table) []apdu.Command {
	var commands []apdu.Command
	switch table.Shape {
	case ssc.Tagged:
		for i, c := range table.Columns {
			record := append([]byte{byte(c.Tag), byte(c.Size)}, m.value(c)...)
			commands = append(commands, apdu.UpdateRecord(table.SFI(), byte(i+1), record))
		}
	case ssc.Cyclic:
		for n := range table.Rows {
			commands = append(commands, apdu.AppendRecord(table.SFI(), m.row(table, n)))
		}
	}
	return commands
}

// value is filler for a field.
func (m *maker) value(c ssc.Column) []byte {
	var b []byte
	switch c.Kind {
	case ssc.Nested:
		for _, p := range c.Parts {
			b = append(append(b, byte(p.Tag), byte(p.Size)), m.value(p)...)
		}
		return b
	case ssc.Digits:
		if c.Size == 4 { // mostly dates, by their length
			d := bcd.Date(m.now.AddDate(0, 0, -m.random.IntN(3000)))
			return d[:]
		}
		for range c.Size {
			b = append(b, digits(m.random.Uint64N(100)))
		}
		return b
	case ssc.Text:
		for range c.Size {
			b = append(b, byte('A'+m.random.IntN(26)))
		}
		return b
	default:
		return make([]byte, c.Size)
	}
}

// row is record n, counted from the oldest, of a cyclic file. A medical settlement
// has its serial number, a time and amounts.
func (m *maker) row(table ssc.Table, n int) []byte {
	var b []byte
	amount := uint32(1000 + m.random.IntN(50_000))
	for _, c := range table.Columns {
		switch {
		case c.Kind == ssc.Bytes && c.Size == 2:
			b = binary.BigEndian.AppendUint16(b, uint16(n+1))
		case c.Kind == ssc.Bytes && c.Size == 4:
			b = binary.BigEndian.AppendUint32(b, amount)
			amount /= 2
		case c.Kind == ssc.Digits && c.Size == 7:
			at := bcd.Time(m.now.AddDate(0, 0, -7*(table.Rows-n)).Add(-10 * time.Hour))
			b = append(b, at[:]...)
		default:
			b = append(b, m.value(c)...)
		}
	}
	return b
}
