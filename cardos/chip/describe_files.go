package chip

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"citycard/cardos/monthly"
)

// TicketDescribed is a ticket of the monthly-ticket purse.
type TicketDescribed struct {
	Record int    `json:"record"`
	Modes  uint16 `json:"modes"` // bit n: industry code n
	First  string `json:"first"`
	Last   string `json:"last"`
	Sold   uint16 `json:"rides_sold"`
	Left   uint16 `json:"rides_left"`
}

// FileDescribed is the written content of a file whose fields are known only by tag and length.
type FileDescribed struct {
	Directory string            `json:"directory"`         // DF04; empty for SSSE
	File      string            `json:"file"`              // EF08
	Records   []RecordDescribed `json:"records,omitempty"` // of record files
	Content   string            `json:"content,omitempty"` // of a transparent file, without zeros at its end
}

// RecordDescribed is a record as it is read.
type RecordDescribed struct {
	Number  int    `json:"number"`
	Tag     string `json:"tag,omitempty"`
	Content string `json:"content"`
}

func describeTickets(f *file) []TicketDescribed {
	var all []TicketDescribed
	for n := 1; n <= len(f.records); n++ {
		b, _ := f.record(n)
		if t, ok, err := monthly.Parse(b); err == nil && ok {
			all = append(all, TicketDescribed{
				n, uint16(t.Modes), hex.EncodeToString(t.First[:]), hex.EncodeToString(t.Last[:]), t.Sold, t.Left,
			})
		}
	}
	return all
}

// describeFiles describes the written files of social-security directories beside the
// issuer's and the holder's.
func describeFiles(directories []*directory) []FileDescribed {
	var all []FileDescribed
	for _, d := range directories {
		if !d.social {
			continue
		}
		name := ""
		if d.parent != nil {
			name = fmt.Sprintf("%04X", d.id)
		}
		for _, f := range d.files {
			if d.parent == nil && f.structure == tagged || f.lists {
				continue
			}
			if described, written := f.describe(); written {
				described.Directory = name
				all = append(all, described)
			}
		}
	}
	return all
}

func (f *file) describe() (FileDescribed, bool) {
	out := FileDescribed{File: fmt.Sprintf("%04X", f.id)}
	if f.structure == transparent {
		out.Content = hex.EncodeToString(bytes.TrimRight(f.binary(), "\x00"))
		return out, out.Content != ""
	}
	for n := range f.records {
		if f.records[f.slot(n+1)] == nil {
			continue
		}
		b, _ := f.record(n + 1)
		r := RecordDescribed{Number: n + 1, Content: hex.EncodeToString(b)}
		if tag := f.tag(n + 1); tag != 0 {
			r.Tag = fmt.Sprintf("%02X", tag)
		}
		out.Records = append(out.Records, r)
	}
	return out, len(out.Records) > 0
}
