package verify

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"citycard/clearing/people"
	offered "citycard/clearing/people/proposal"
	"citycard/ledger/chain"
)

// offer is a proposal as the audit tells it.
type offer struct {
	proposed *offered.Proposed
	proposer *chain.AuditEntry
	decider  *chain.AuditEntry // of the rejection, the withdrawal or the close, or of the act itself
	said     []string          // what the entries that decided it say
	there    bool
}

type offers map[int64]*offer

func (all offers) at(number int64) *offer {
	if all[number] == nil {
		all[number] = new(offer)
	}
	return all[number]
}

func offerName(number int64) string { return fmt.Sprintf("proposal %d", number) }

// storedOffer is a row of the table of proposals.
type storedOffer struct {
	number                             int64
	kind, unit, approves, body, change string
	hash                               []byte
	proposer, signed, reason           string
	at, expires                        int64
	state, decider, decided            string
	decidedAt                          int64
	note                               string
}

// proposals compares proposals with the audit. Whether the signatures are right, and of people who
// were enrolled, is checked for the audit's entries themselves.
func (c *check) proposals(ctx context.Context) error {
	all := offers{}
	told(c, offered.ActPropose, func(e *chain.AuditEntry, p offered.Proposed) {
		of := all.at(p.Proposal)
		if of.proposed != nil {
			c.fault(Proposal, offerName(p.Proposal), "the audit has it twice: in entries %d and %d", of.proposer.Number, e.Number)
		}
		of.proposed, of.proposer = &p, e
	})
	for _, act := range []string{offered.ActReject, offered.ActWithdraw} {
		told(c, act, func(e *chain.AuditEntry, d offered.Decided) { c.decidedIn(all, d.Proposal, d.Hash, e) })
	}
	if err := c.approvals(ctx, all); err != nil {
		return err
	}
	kinds := map[string]offered.Entry{}
	for _, entry := range Entries() {
		kinds[entry.Kind] = entry
	}
	var r storedOffer
	err := c.each(ctx, `SELECT number, kind, unit, approves, body, change, hash, proposer, signed, reason, at, expires, state, decider, decided, decided_at, note
		FROM proposals ORDER BY number`, []any{
		&r.number, &r.kind, &r.unit, &r.approves, &r.body, &r.change, &r.hash, &r.proposer, &r.signed, &r.reason, &r.at, &r.expires, &r.state, &r.decider, &r.decided, &r.decidedAt, &r.note,
	}, func() error {
		of := all.at(r.number)
		of.there = true
		c.offerProposed(&r, of)
		c.offerFits(kinds, &r)
		c.offerDecided(&r, of)
		c.offerDone(kinds, &r, of)
		return nil
	})
	for _, number := range slices.Sorted(maps.Keys(all)) {
		if of := all[number]; !of.there {
			c.fault(Proposal, offerName(number), "it is not there, as the audit has it")
		}
	}
	return err
}

// approvals reads the entries of two people. If the second statement names a proposal, the act is
// what became of it.
func (c *check) approvals(ctx context.Context, all offers) error {
	var e chain.AuditEntry
	var at int64
	var signed string
	return c.each(ctx, "SELECT number, at, act, what, first, second, reason, signed FROM audit WHERE signed <> '' AND second <> '' ORDER BY number",
		[]any{&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &signed}, func() error {
			e.At, e.Signed = time.Unix(at, 0), chain.StoredSignatures(signed)
			st, err := people.ParseStatement(e.Signed[len(e.Signed)-1].Statement)
			if err != nil {
				c.fault(Unreadable, fmt.Sprintf("audit entry %d", e.Number), "the second statement: %v", err)
				return nil
			}
			number, hash, err := offered.ParseStatementOf(st.What)
			if err != nil {
				return nil // two people signed the act itself
			}
			own := e
			c.decidedIn(all, number, hex.EncodeToString(hash[:]), &own)
			return nil
		})
}

// decidedIn notes the entry that decided a proposal. An approval may have several, of one act.
func (c *check) decidedIn(all offers, number int64, hash string, e *chain.AuditEntry) {
	of := all.at(number)
	switch {
	case of.proposed == nil || of.proposer.Number > e.Number:
		c.fault(Proposal, offerName(number), "entry %d of the audit decides it, and nobody has proposed it before", e.Number)
	case of.proposed.Hash != hash:
		c.fault(Proposal, offerName(number), "entry %d of the audit decides it with the hash %s; it was proposed with %s", e.Number, hash, of.proposed.Hash)
	case of.decider == nil:
	case len(e.Signed) != 2 || !slices.Equal(e.Signed, of.decider.Signed) || e.Act != of.decider.Act:
		c.fault(Proposal, offerName(number), "it is decided twice: in entries %d and %d of the audit", of.decider.Number, e.Number)
	}
	if of.decider == nil {
		of.decider = e
	}
	of.said = append(of.said, e.What)
}

// offerProposed compares what was proposed.
func (c *check) offerProposed(r *storedOffer, of *offer) {
	where := offerName(r.number)
	e := of.proposer
	if e == nil {
		c.fault(Proposal, where, "the audit has no such proposal")
		return
	}
	is := offered.Proposed{Proposal: r.number, Kind: r.kind, Unit: people.Unit(r.unit), Approves: people.Unit(r.approves), Hash: hex.EncodeToString(r.hash), Expires: r.expires}
	switch hash, err := offered.Hash(r.kind, r.body, r.change); {
	case err != nil:
		c.fault(Proposal, where, "it cannot be hashed: %v", err)
	case hex.EncodeToString(hash[:]) != is.Hash:
		c.fault(Proposal, where, "its hash is %x; it is kept with %x", hash, r.hash)
	}
	var change offered.Change
	if err := json.Unmarshal([]byte(r.change), &change); err != nil || change.Unit != is.Unit || change.Approves != is.Approves {
		c.fault(Proposal, where, "its units are %q and %q, and its change has %q and %q", r.unit, r.approves, change.Unit, change.Approves)
	}
	if is != *of.proposed || r.proposer != e.First || r.reason != e.Reason || r.at != e.At.Unix() {
		c.fault(Proposal, where, "%+v by %s for %q at second %d; the audit has %+v by %s for %q at %d",
			is, r.proposer, r.reason, r.at, *of.proposed, e.First, e.Reason, e.At.Unix())
	}
	if !slices.Equal(chain.StoredSignatures(r.signed), e.Signed) {
		c.fault(Proposal, where, "its signature is not that of entry %d of the audit", e.Number)
	}
	if len(e.Signed) != 1 {
		c.fault(Proposal, where, "entry %d of the audit has %d signatures", e.Number, len(e.Signed))
		return
	}
	st, err := people.ParseStatement(e.Signed[0].Statement)
	if err != nil || st.What != offered.StatementOfKind(of.proposed.Kind, [32]byte(hashBytes(of.proposed.Hash))) {
		c.fault(Proposal, where, "the proposer's statement is not of it: %v", e.Signed[0].Statement)
	}
}

// offerFits holds what people were shown against what was asked for: the request is what is done.
func (c *check) offerFits(kinds map[string]offered.Entry, r *storedOffer) {
	kind, known := kinds[r.kind]
	if !known {
		c.fault(Proposal, offerName(r.number), "nothing says what a change is of the kind %q", r.kind)
		return
	}
	change, err := offered.ReadChange(r.change)
	if err == nil {
		err = kind.Fits(json.RawMessage(r.body), change)
	}
	if err != nil {
		c.fault(Proposal, offerName(r.number), "its change is not the one of its request: %v", err)
	}
}

// hashBytes are the bytes of a hash; zeroes for a text that is none.
func hashBytes(text string) []byte {
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) != 32 {
		return make([]byte, 32)
	}
	return hash
}

// offerDecided compares what was decided.
func (c *check) offerDecided(r *storedOffer, of *offer) {
	where := offerName(r.number)
	e := of.decider
	if e == nil {
		if r.state != string(offered.Waiting) {
			c.fault(Proposal, where, "it is %s by %s; the audit has no such decision", r.state, r.decider)
		}
		if r.decider+r.decided+r.note != "" || r.decidedAt != 0 {
			c.fault(Proposal, where, "it waits, and has a decider %q, a time %d and a note %q", r.decider, r.decidedAt, r.note)
		}
		return
	}
	state, decider, note, signatures := offered.Approved, e.Second, "", e.Signed
	switch e.Act {
	case offered.ActReject:
		state, decider, note = offered.Rejected, e.First, e.Reason
	case offered.ActWithdraw:
		state, decider, note = offered.Withdrawn, e.First, e.Reason
	case offered.ActClose:
		note = offered.BookedBefore
	}
	if state == offered.Approved {
		if len(signatures) != 2 || !slices.Equal(chain.StoredSignatures(r.signed), signatures[:1]) {
			c.fault(Proposal, where, "entry %d of the audit has another signature of the proposer", e.Number)
		}
		signatures = signatures[min(1, len(signatures)):]
	}
	if r.state != string(state) || r.decider != decider || r.note != note || r.decidedAt != e.At.Unix() {
		c.fault(Proposal, where, "it is %s by %s at second %d: %q; entry %d of the audit has %s by %s at %d: %q",
			r.state, r.decider, r.decidedAt, r.note, e.Number, state, decider, e.At.Unix(), note)
	}
	if !slices.Equal(chain.StoredSignatures(r.decided), signatures) {
		c.fault(Proposal, where, "the decider's signature is not that of entry %d of the audit", e.Number)
	}
}
