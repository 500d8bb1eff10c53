package tunion

import (
	"fmt"

	"citycard/cardos/tlv"
)

// Tags of the answers to SELECT.
const (
	tagFCI         tlv.Tag = 0x6F
	tagName        tlv.Tag = 0x84
	tagProprietary tlv.Tag = 0xA5
	tagVersion     tlv.Tag = 0x9F08
	tagPublicData  tlv.Tag = 0x9F0C
	tagDirectory   tlv.Tag = 0xBF0C
	tagEntry       tlv.Tag = 0x61
	tagAID         tlv.Tag = 0x4F
	tagLabel       tlv.Tag = 0x50
	tagPriority    tlv.Tag = 0x87
)

// FCI is the answer to SELECT of a purse application. Version is tag 9F08 (02 on
// union cards), or empty where the card has none.
type FCI struct {
	Name        []byte
	Version     []byte
	Application Application
}

// Encode builds 6F { 84 name, A5 { [9F08 version], 9F0C application } }.
func (f FCI) Encode() ([]byte, error) {
	app := f.Application.Encode()
	var inner []byte
	var err error
	if len(f.Version) > 0 {
		if inner, err = tlv.Append(inner, tagVersion, f.Version); err != nil {
			return nil, err
		}
	}
	if inner, err = tlv.Append(inner, tagPublicData, app[:]); err != nil {
		return nil, err
	}
	return wrapFCI(f.Name, inner)
}

func wrapFCI(name, proprietary []byte) ([]byte, error) {
	body, err := tlv.Append(nil, tagName, name)
	if err != nil {
		return nil, err
	}
	if body, err = tlv.Append(body, tagProprietary, proprietary); err != nil {
		return nil, err
	}
	return tlv.Append(nil, tagFCI, body)
}

// ParseFCI reads the answer to SELECT of a purse application.
func ParseFCI(b []byte) (FCI, error) {
	var f FCI
	name, ok, err := tlv.Find(b, tagFCI, tagName)
	if err != nil {
		return f, fmt.Errorf("answer to SELECT: %w", err)
	}
	if ok {
		f.Name = name
	}
	if f.Version, _, err = tlv.Find(b, tagFCI, tagProprietary, tagVersion); err != nil {
		return f, fmt.Errorf("answer to SELECT: %w", err)
	}
	data, ok, err := tlv.Find(b, tagFCI, tagProprietary, tagPublicData)
	if err != nil {
		return f, fmt.Errorf("answer to SELECT: %w", err)
	}
	if !ok {
		return f, fmt.Errorf("answer to SELECT has no tag 9F0C: %w", ErrLayout)
	}
	f.Application, err = ParseApplication(data)
	return f, err
}

// Entry is one application in the directory of a contactless card.
type Entry struct {
	AID      AID
	Label    string
	Priority byte
}

// DirectoryFCI builds the answer to SELECT of PPSE: 6F { 84 name, A5 { BF0C {
// 61 { 4F aid, 50 label, 87 priority } … } } }.
func DirectoryFCI(entries []Entry) ([]byte, error) {
	var list []byte
	for _, e := range entries {
		entry, err := tlv.Append(nil, tagAID, e.AID.Bytes())
		if err != nil {
			return nil, err
		}
		if entry, err = tlv.Append(entry, tagLabel, []byte(e.Label)); err != nil {
			return nil, err
		}
		if entry, err = tlv.Append(entry, tagPriority, []byte{e.Priority}); err != nil {
			return nil, err
		}
		if list, err = tlv.Append(list, tagEntry, entry); err != nil {
			return nil, err
		}
	}
	inner, err := tlv.Append(nil, tagDirectory, list)
	if err != nil {
		return nil, err
	}
	return wrapFCI(PPSE.Bytes(), inner)
}

// ParseDirectory reads the answer to SELECT of PPSE.
func ParseDirectory(b []byte) ([]Entry, error) {
	list, ok, err := tlv.Find(b, tagFCI, tagProprietary, tagDirectory)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("directory has no tag BF0C: %w", ErrLayout)
	}
	objects, err := tlv.Parse(list)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	var entries []Entry
	for _, o := range objects {
		if o.Tag != tagEntry {
			continue
		}
		fields, err := tlv.Parse(o.Value)
		if err != nil {
			return nil, fmt.Errorf("directory entry: %w", err)
		}
		var e Entry
		for _, f := range fields {
			switch {
			case f.Tag == tagAID:
				e.AID = AID(f.Value)
			case f.Tag == tagLabel:
				e.Label = string(f.Value)
			case f.Tag == tagPriority && len(f.Value) == 1:
				e.Priority = f.Value[0]
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}
