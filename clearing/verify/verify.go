package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	offered "citycard/clearing/people/proposal"
	"citycard/ledger/chain"
	books "citycard/ledger/verify"
)

// The kinds of fault.
const (
	RegistryRow     books.Kind = "registry row differs from its record"
	RegistryChange  books.Kind = "registry change differs from its rows or the audit"
	RegistryVersion books.Kind = "registry version differs from its change or the audit"
	RuleDocument    books.Kind = "rule document differs from its hash"
	RuleEdition     books.Kind = "edition of rules differs from its proposal or the audit"
	RuleNamed       books.Kind = "batch names an unknown edition of rules"
	RegistryNamed   books.Kind = "batch names an unknown registry"
	Settlement      books.Kind = "medical settlement differs from its batch"
	MedicalYear     books.Kind = "medical tally differs from settlements"
	PensionOriginal books.Kind = "pension list differs from its batch"
	PensionLine     books.Kind = "pension is in no list that is kept"
	LoadRefund      books.Kind = "refunds of a load differ from journal"
	WrittenLoad     books.Kind = "written load differs from journal"
	AuthorisedLoad  books.Kind = "authorised load differs from journal"
	TerminalLoad    books.Kind = "terminal of a load differs from journal"
	ShiftRow        books.Kind = "shift differs from its notes, its steps or its loads"
	WaitingLoad     books.Kind = "waiting load differs from journal"
	LoadInvoice     books.Kind = "invoice of a load differs from the journal or the audit"
	Release         books.Kind = "release differs from what it releases"
	Unconfirmed     books.Kind = "tap without a TAC differs from the journal"
	CardStep        books.Kind = "step of a card differs from the journal"
	CardRow         books.Kind = "card differs from its steps"
	CardEmptied     books.Kind = "emptied purse differs from its step or its tap"
	CardConsent     books.Kind = "consent to an order differs from its act"
	CardOrder       books.Kind = "order at a counter differs from its act"
	CardDue         books.Kind = "what the registry is to say of a card differs from its step or its change"
	Listings        books.Kind = "count of listed cards differs from the steps that list them"
	BankFile        books.Kind = "file of the bank differs from its steps or the audit"
	StockAct        books.Kind = "act of stock differs from the journal or the audit"
	StockLot        books.Kind = "stock is not what its acts have left"
	StockCard       books.Kind = "issued card differs from its act"
	Closing         books.Kind = "closing differs from the audit"
	Topic           books.Kind = "topic differs from the audit"
	Pass            books.Kind = "pass over cards differs from the audit"
	Message         books.Kind = "outgoing message differs from its batch"
	Pump            books.Kind = "count of sent messages differs from batches"
	PersonRow       books.Kind = "person differs from its import"
	PersonImport    books.Kind = "import of persons differs from its parts or the audit"
	StaffRow        books.Kind = "staff differs from the audit"
	StaffAct        books.Kind = "act on staff cannot be"
	Signature       books.Kind = "act is not signed as it should be"
	AccessRow       books.Kind = "credential differs from the audit"
	Proposal        books.Kind = "proposal differs from the audit"
	ActDone         books.Kind = "act differs from what was signed"
	Decision        books.Kind = "transfer that two people must decide is in no act"
	Unreadable      books.Kind = "audit entry cannot be read"
)

// check is one run of the checks.
type check struct {
	tx       pgx.Tx
	report   func(books.Fault)
	entries  map[string][]chain.AuditEntry // by act, in order
	heads    map[string]bool               // the registry's versions, as batches name them
	editions map[string]bool               // of the rules, as batches name them
	altered  map[int64]string              // by the number of an entry that changes a person: what it alters
	decided  map[mark]int                  // transfers that two people decide: how many acts say each
	acted    acted                         // at counters
	given    []offered.Booking             // refunds of torn loads, by steps of cards
	taken    map[int64]*takenOf            // by the number of a shift
	shiftsOf shiftBooks
	listed   map[listings]int64
}

// Tables checks all tables of clearing's; it is a check beside the ledger's
// (ledger/verify.Books).
func Tables(ctx context.Context, tx pgx.Tx, report func(books.Fault)) error {
	c := &check{tx: tx, report: report, entries: map[string][]chain.AuditEntry{}, heads: map[string]bool{}, editions: map[string]bool{}, altered: map[int64]string{}, decided: map[mark]int{}, taken: map[int64]*takenOf{}, shiftsOf: newShiftBooks()}
	for _, step := range []func(context.Context) error{
		c.readAudit, c.registry, c.rules, c.batches, c.medicalYears, c.settlementDays, c.loads, c.terminals, c.waiting, c.waitingNotes, c.invoices, c.releases, c.unconfirmedTaps, c.lostCodes, c.counterActs, c.cardLives, c.bankFiles, c.listings, c.consents, c.shifts, c.shiftOrders, c.dues, c.stockNotes, c.closings, c.topics, c.passes, c.persons, c.staff, c.access, c.decidedRows, c.proposals, c.undecidedRows, c.judged,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) fault(kind books.Kind, where, format string, args ...any) {
	c.report(books.Fault{Kind: kind, Where: where, Detail: fmt.Sprintf(format, args...)})
}

// inOrder has the faults that are reported until the answer is called be in order of what they
// name, and not of a map.
func (c *check) inOrder() (report func()) {
	was := c.report
	var found []books.Fault
	c.report = func(f books.Fault) { found = append(found, f) }
	return func() {
		c.report = was
		slices.SortFunc(found, func(a, b books.Fault) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Detail, b.Detail))
		})
		for _, f := range found {
			was(f)
		}
	}
}

// each runs a query, scans each of its rows into the values and calls fn.
func (c *check) each(ctx context.Context, query string, values []any, fn func() error, args ...any) error {
	rows, err := c.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, values, fn)
	return err
}

// readAudit reads the entries of clearing's own acts.
func (c *check) readAudit(ctx context.Context) error {
	var e chain.AuditEntry
	var at int64
	var signed string
	return c.each(ctx, "SELECT number, at, act, what, first, second, reason, signed FROM audit WHERE act = ANY($1) ORDER BY number",
		[]any{&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &signed}, func() error {
			e.At, e.Signed = time.Unix(at, 0), chain.StoredSignatures(signed)
			c.entries[e.Act] = append(c.entries[e.Act], e)
			return nil
		}, acts())
}

// told reads the content of an act's entries, in order.
func told[T any](c *check, act string, fn func(e *chain.AuditEntry, what T)) {
	for i := range c.entries[act] {
		e := &c.entries[act][i]
		toldBy(c, e, func(what T) { fn(e, what) })
	}
}

// toldBy reads the content of an entry.
func toldBy[T any](c *check, e *chain.AuditEntry, fn func(what T)) {
	var what T
	decoder := json.NewDecoder(strings.NewReader(e.What))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&what); err != nil {
		c.fault(Unreadable, fmt.Sprintf("audit entry %d", e.Number), "%s: %v", e.Act, err)
		return
	}
	fn(what)
}
