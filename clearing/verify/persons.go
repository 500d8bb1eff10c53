package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"citycard/clearing/people"
	"citycard/clearing/persons"
	"citycard/ledger/chain"
)

// roster is an import of persons, as it is there and as the audit tells it.
type roster struct {
	told   *persons.Imported
	entry  *chain.AuditEntry // of its end
	opened *persons.Opened   // as the audit has it
	by     string            // who opened it there
	undone bool              // somebody has it undone, or had
	here   persons.Imported
	state  persons.State
	there  bool
	head   [sha256.Size]byte // that its parts make
	parts  int64
	behind int64 // the line behind its last part
}

// undoing reports whether an import that has not ended is being taken away: then some of its rows
// may be gone already.
func (r *roster) undoing() bool {
	return r != nil && r.state == persons.Undoing && r.entry == nil && r.undone
}

func importName(number int64) string { return fmt.Sprintf("import %d of persons", number) }

// persons compares rows with the marks of their parts, parts with the heads of their imports, and
// imports with the audit.
func (c *check) persons(ctx context.Context) error {
	all := map[int64]*roster{}
	c.personActs(all)
	if err := c.personImports(ctx, all); err != nil {
		return err
	}
	parts, err := c.personParts(ctx, all)
	if err != nil {
		return err
	}
	if err := c.personRows(ctx, all, parts); err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(all)) {
		c.personImport(number, all[number])
	}
	return nil
}

// personActs reads what the audit has of imports: who opened each, or went on with it, who had it
// undone, and how it ended. What they signed names the roster.
func (c *check) personActs(all map[int64]*roster) {
	of := func(number int32) *roster {
		if all[int64(number)] == nil {
			all[int64(number)] = &roster{}
		}
		return all[int64(number)]
	}
	told(c, persons.ActImport, func(e *chain.AuditEntry, o persons.Opened) {
		r := of(o.Import)
		if r.opened == nil {
			r.opened, r.by = &o, e.First
		}
		if o != *r.opened {
			c.fault(PersonImport, importName(int64(o.Import)), "entry %d of the audit goes on with %+v; it was opened as %+v", e.Number, o, *r.opened)
		}
		c.personSigned(e, o.Text())
	})
	told(c, persons.ActTry, func(e *chain.AuditEntry, o persons.Opened) { c.personSigned(e, o.Text()) })
	told(c, persons.ActUndo, func(e *chain.AuditEntry, u persons.Undo) {
		r := of(u.Import)
		if r.undone = true; r.opened == nil || r.opened.File != u.File {
			c.fault(PersonImport, importName(int64(u.Import)), "entry %d of the audit undoes an import of the roster %s, which was not opened", e.Number, u.File)
		}
		c.personSigned(e, u.Text())
	})
	told(c, persons.ActEnd, func(e *chain.AuditEntry, i persons.Imported) {
		r := of(i.Import)
		if r.entry != nil {
			c.fault(PersonImport, importName(int64(i.Import)), "the audit has two ends of it")
		}
		r.told, r.entry = &i, e
	})
}

// personSigned sees that the person of an entry signed just this. Whether the signature is theirs
// is checked for all acts alike.
func (c *check) personSigned(e *chain.AuditEntry, text string) {
	for _, signature := range e.Signed {
		if s, err := people.ParseStatement(signature.Statement); err == nil && s.What != text {
			c.fault(Signature, fmt.Sprintf("audit entry %d, %s", e.Number, e.Act), "what was signed is %q; the entry is of %q", s.What, text)
		}
	}
}

func (c *check) personImports(ctx context.Context, all map[int64]*roster) error {
	var number int64
	var file, head []byte
	var counts string
	r := roster{}
	return c.each(ctx, "SELECT number, file, charset, person, at, parts, next_line, head, counts, state FROM person_imports ORDER BY number",
		[]any{&number, &file, &r.here.Charset, &r.here.By, &r.here.At, &r.here.Parts, &r.here.Next, &head, &counts, &r.state}, func() error {
			of := all[number]
			if of == nil {
				of = &roster{}
				all[number] = of
			}
			of.there, of.state, of.here = true, r.state, r.here
			of.here.State = r.state
			of.here.Import, of.here.File, of.here.Head = int32(number), hex.EncodeToString(file), hex.EncodeToString(head)
			decoder := json.NewDecoder(bytes.NewReader([]byte(counts)))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&of.here.Counts); err != nil {
				c.fault(PersonImport, importName(number), "its counts cannot be read: %v", err)
			}
			if again, err := json.Marshal(of.here.Counts); err == nil && string(again) != counts {
				c.fault(PersonImport, importName(number), "its counts are %s", counts)
			}
			return nil
		})
}

// personPart is a part, as it is there.
type personPart struct {
	number, part, first, next int64
	digest, marks             [sha256.Size]byte // of marks the hash
	found                     []byte            // the marks that its rows make, where they are others
}

func (p *personPart) String() string {
	return fmt.Sprintf("%s, part %d, lines %d to %d", importName(p.number), p.part, p.first, p.next-1)
}

// personParts reads the parts and makes the heads of the imports.
func (c *check) personParts(ctx context.Context, all map[int64]*roster) (parts []*personPart, err error) {
	var number, part, next int64
	var digest, marks []byte
	err = c.each(ctx, "SELECT import, part, next_line, digest, marks FROM person_parts ORDER BY import, part",
		[]any{&number, &part, &next, &digest, &marks}, func() error {
			of := all[number]
			if of == nil {
				of = &roster{}
				all[number] = of
			}
			if of.undoing() {
				return nil
			}
			if of.parts == 0 {
				of.behind = persons.FirstLine
			}
			p := &personPart{number: number, part: part, first: of.behind, next: next, marks: sha256.Sum256(marks)}
			of.parts++
			if copy(p.digest[:], digest); len(digest) != sha256.Size || part != of.parts || next <= p.first {
				c.fault(PersonImport, p.String(), "it is not part %d of its import, or has no lines, or no digest", of.parts)
			}
			of.head, of.behind = persons.Head(of.head, p.digest), next
			parts = append(parts, p)
			return nil
		})
	return parts, err
}

// personImport compares an import with its parts and the audit.
func (c *check) personImport(number int64, of *roster) {
	name := importName(number)
	opened := persons.Opened{Import: int32(number), File: of.here.File, Charset: of.here.Charset, At: of.here.At}
	switch {
	case !of.there && of.entry != nil:
		c.fault(PersonImport, name, "it is not there, as entry %d of the audit has it", of.entry.Number)
		return
	case !of.there && of.opened != nil:
		c.fault(PersonImport, name, "it is not there, and the audit has that %s opened it", of.by)
		return
	case !of.there:
		c.fault(PersonImport, name, "it has parts, and is not there")
		return
	case of.opened == nil:
		c.fault(PersonImport, name, "it is there, and nobody opened it")
	case of.by != of.here.By:
		c.fault(PersonImport, name, "%s opened it; the audit has %s", of.here.By, of.by)
	}
	if of.opened != nil {
		if opened.Size = of.opened.Size; opened != *of.opened {
			c.fault(PersonImport, name, "it was opened as %+v; the audit has %+v", opened, *of.opened)
		}
	}
	switch {
	case of.undoing():
		return
	case of.entry != nil && of.told.State == persons.Undone && !of.undone:
		c.fault(PersonImport, name, "it is %q; nobody had it undone", of.state)
	case of.entry != nil && of.state != of.told.State:
		c.fault(PersonImport, name, "it is %q; the audit has it as %s", of.state, of.told.State)
	case of.entry == nil && of.state != persons.Begun:
		c.fault(PersonImport, name, "it is %q; the audit has no end of it", of.state)
	case of.entry != nil && of.here != *of.told:
		c.fault(PersonImport, name, "%+v; the audit has %+v", of.here, *of.told)
	}
	if of.told != nil && of.told.State == persons.Undone {
		if of.parts > 0 {
			c.fault(PersonImport, name, "it was undone, and has parts")
		}
		return
	}
	if of.parts == 0 {
		of.behind = persons.FirstLine
	}
	if of.here.Parts != of.parts || of.here.Next != of.behind || of.here.Head != hex.EncodeToString(of.head[:]) {
		c.fault(PersonImport, name, "%d parts up to line %d with the head %s; its parts are %d up to line %d and make %x",
			of.here.Parts, of.here.Next-1, of.here.Head, of.parts, of.behind-1, of.head)
	}
}

// personRows goes through the rows in the order of imports and lines, and the parts beside them.
// The rows of parts that they do not make are named by the parts' marks.
func (c *check) personRows(ctx context.Context, all map[int64]*roster, parts []*personPart) error {
	const query = `SELECT import, line, since, certificate, status, token, sealed, '' AS reason, '' AS field, '' AS detail, 1 AS person FROM persons
		UNION ALL SELECT import, line, 0, 0, 0, ''::BYTEA, sealed, reason, field, detail, 0 FROM person_rejects ORDER BY import, line, person, token`
	w := personWalk{check: c, parts: parts}
	var row persons.Stored
	var reject persons.Reject
	var token []byte
	var person int64
	err := c.each(ctx, query, []any{
		&row.Import, &row.Line, &row.Since, &row.Certificate, &row.Status, &token, &row.Sealed, &reject.Reason, &reject.Field, &reject.Detail, &person,
	}, func() error {
		if all[int64(row.Import)].undoing() {
			return nil
		}
		var hash [sha256.Size]byte
		if person == 1 {
			copy(row.Token[:], token)
			if hash = row.Hash(); len(token) != len(row.Token) {
				hash = sha256.Sum256(token)
			}
		} else {
			reject.Import, reject.Line, reject.Sealed = row.Import, row.Line, row.Sealed
			hash = reject.Hash()
		}
		w.row(int64(row.Import), int64(row.Line), hash)
		return nil
	})
	if err != nil {
		return err
	}
	w.upTo(math.MaxInt64, math.MaxInt64)
	for _, p := range w.bad {
		if err := c.personMarks(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// personWalk holds rows, as they come, against the parts.
type personWalk struct {
	*check
	parts  []*personPart // that have not ended
	digest persons.Digest
	bad    []*personPart
}

// namedParts is of how many parts the rows are named, if they are not those that were stored.
const namedParts = 100

// upTo ends the parts before a row.
func (w *personWalk) upTo(number, line int64) {
	for len(w.parts) > 0 {
		p := w.parts[0]
		if p.number > number || p.number == number && p.next > line {
			return
		}
		w.digest.Import, w.digest.First = p.number, p.first
		marks := w.digest.Marks()
		if w.digest.Sum(p.next) != p.digest || sha256.Sum256(marks) != p.marks {
			if len(w.bad) < namedParts {
				p.found = marks
				w.bad = append(w.bad, p)
			} else {
				w.fault(PersonImport, p.String(), "its rows or marks are others")
			}
		}
		w.digest = persons.Digest{}
		w.parts = w.parts[1:]
	}
}

func (w *personWalk) row(number, line int64, hash [sha256.Size]byte) {
	w.upTo(number, line)
	if len(w.parts) == 0 || w.parts[0].number != number || w.parts[0].first > line {
		w.fault(PersonRow, fmt.Sprintf("%s, line %d", importName(number), line), "it belongs to no part")
		return
	}
	w.digest.Import, w.digest.First = number, w.parts[0].first
	w.digest.Add(line, hash)
}

// personMarks names the rows of a part that are not those that were stored.
func (c *check) personMarks(ctx context.Context, p *personPart) error {
	var stored []byte
	if err := c.tx.QueryRow(ctx, "SELECT marks FROM person_parts WHERE import = $1 AND part = $2", p.number, p.part).Scan(&stored); err != nil {
		return err
	}
	want, err := persons.ReadMarks(p.first, stored)
	if err != nil {
		c.fault(PersonImport, p.String(), "%v", err)
		return nil
	}
	if slices.ContainsFunc(want, func(m persons.Mark) bool { return m.Line >= p.next }) {
		c.fault(PersonImport, p.String(), "its marks are of lines behind it")
		return nil
	}
	found, err := persons.ReadMarks(p.first, p.found)
	if err != nil {
		return err
	}
	is := map[int64][8]byte{}
	for _, m := range found {
		is[m.Line] = m.Short
	}
	named := false
	row := func(line int64, what string) {
		named = true
		c.fault(PersonRow, fmt.Sprintf("%s, line %d", importName(p.number), line), "%s", what)
	}
	for _, m := range want {
		short, there := is[m.Line]
		switch {
		case !there:
			row(m.Line, "its row is not there")
		case short != m.Short:
			row(m.Line, "its row was altered")
		}
		delete(is, m.Line)
	}
	for _, line := range slices.Sorted(maps.Keys(is)) {
		row(line, "the import brought no such row")
	}
	if !named {
		c.fault(PersonImport, p.String(), "its rows do not make its digest")
	}
	return nil
}
