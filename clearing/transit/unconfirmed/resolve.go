package unconfirmed

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/language"
	"citycard/ledger"
)

// KindResolve is the kind of proposal that closes a tap without a TAC.
const KindResolve = "tap resolve"

// ActResolve is the audit's act.
const ActResolve = "resolve unconfirmed tap"

// KindResolved is the kind of a memo that says what was decided where no money moves; its reason is
// the decision.
const KindResolved = "resolved"

// Stream is where decisions are booked.
const Stream = "unconfirmed"

// Resolve asks for a tap without a TAC to be closed.
type Resolve struct {
	Row     string   `json:"row"` // the tap's name, as List has it
	As      Decision `json:"as"`
	Because string   `json:"because,omitempty"` // why, if the claims do not say it
}

// Office shows what a decision would book, and books what was decided.
type Office struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
}

// plan is what a decision books, as the books were when it was shown.
type plan struct {
	Resolve
	tap   ledger.Key
	fen   ledger.Fen // that moves; 0: none
	says  Says
	state Decision // what was decided before
}

func denied(text *language.Text, todo *language.Text) *proposal.Refusal {
	return &proposal.Refusal{Text: text, Todo: todo}
}

func (r *Resolve) validate() (ledger.Key, error) {
	key, err := ParseRow(r.Row)
	switch {
	case err != nil:
		return key, denied(language.Textf("%w", err), nil)
	case r.As != CodeLost && r.As != WasNotDebited:
		return key, denied(language.Textf("a tap is resolved as %s or %s, not as %q", string(CodeLost), string(WasNotDebited), string(r.As)), nil)
	case len(r.Because) > 200 || strings.ContainsAny(r.Because, "\n\r"):
		return key, denied(language.Textf("the reason has %d bytes: want one line of at most %d", len(r.Because), 200), nil)
	}
	return key, nil
}

// show reads what a decision would do. It refuses one about a tap that is in the books, and one
// that claims do not say and that has no reason of its own.
func (o *Office) show(ctx context.Context, r Resolve) (*plan, error) {
	tap, err := r.validate()
	if err != nil {
		return nil, err
	}
	k, err := find(ctx, o.Ledger, tap)
	listed := language.Textf("citycard tap unconfirmed lists them")
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, denied(language.Textf("no tap without a TAC is kept as row %s", r.Row), listed)
	case k.Confirmed != 0:
		return nil, confirmed(r.Row, k.Confirmed)
	case k.Decided != Undecided && k.Decided != r.As:
		return nil, denied(language.Textf("row %s was resolved as %s before", r.Row, string(k.Decided)), language.Textf("a decision stands; if the tap comes, it is booked all the same"))
	case !k.Says.agrees(r.As) && r.Because == "":
		return nil, denied(language.Textf("the card's later counter and balance do not say so: they say %s", string(k.Says)), language.Textf("say with --because why it is resolved as %s", string(r.As)))
	}
	p := &plan{Resolve: r, tap: tap, says: k.Says, state: k.Decided}
	if r.As == CodeLost {
		ours, err := o.ours(ctx, k.Card())
		if err != nil {
			return nil, err
		}
		if ours {
			p.fen = k.Fen()
		}
	}
	return p, nil
}

func confirmed(row string, day ledger.Day) *proposal.Refusal {
	return denied(language.Textf("row %s is confirmed: the tap was booked on %s", row, day.String()), language.Textf("nothing is to be decided"))
}

// agrees reports whether claims say what a decision says.
func (s Says) agrees(d Decision) bool {
	return s == Debited && d == CodeLost || s == NotDebited && d == WasNotDebited
}

// ours reports whether a card is registered here, so that its balance is part of the float.
func (o *Office) ours(ctx context.Context, card identity.Card) (bool, error) {
	var digits keys.Digits
	copy(digits[:], card[len(card)-len(digits):])
	issuer, known, err := registry.NewStore(o.Ledger.Pool()).IssuerOf(ctx, digits)
	return known && [4]byte(issuer[:4]) == [4]byte(card[:4]), err
}

// change is the plan as two people sign it.
func (p *plan) change() *proposal.Change {
	c := &proposal.Change{Unit: people.Issuer, Effects: []proposal.Effect{saysEffect(p.says)}}
	c.Rows = append(c.Rows, proposal.RowOf("unconfirmed tap", RowName(p.tap), p.state.state()).Alters("state", p.state.state(), p.As.state()))
	switch {
	case p.As == WasNotDebited:
		c.Effects = append(c.Effects, proposal.Effectf("nothing moves; if its TAC comes, the tap is booked like any other"))
	case p.fen == 0:
		c.Effects = append(c.Effects, proposal.Effectf("nothing moves, because the tap costs nothing or the card is not registered here"))
	default:
		c.Transfers = append(c.Transfers, proposal.Transfer{Debit: chart.Float, Credit: chart.CodeLost, Fen: p.fen})
		c.Effects = append(c.Effects, proposal.Effectf("if its TAC comes, the amount goes back to the float, and the tap is booked like any other"))
	}
	if p.Because != "" {
		c.Effects = append(c.Effects, proposal.Effectf("because: %s", p.Because))
	}
	return c
}

// state is what a row is at, for people and in what is signed.
func (d Decision) state() string {
	switch d {
	case CodeLost:
		return "debited, code lost"
	case WasNotDebited:
		return "not debited"
	}
	return "open"
}

func saysEffects() map[Says]proposal.Effect {
	return map[Says]proposal.Effect{
		Debited:    proposal.Effectf("the card's later counter and balance say that it was debited"),
		NotDebited: proposal.Effectf("the card's later counter and balance say that it was not debited"),
		Disagree:   proposal.Effectf("the card's later counter and balance disagree whether it was debited"),
		Nothing:    proposal.Effectf("no later record of the card says whether it was debited"),
	}
}

func saysEffect(s Says) proposal.Effect { return saysEffects()[s] }

// transfer and memo are what is booked: one of the two.
func (p *plan) rows(b *ledger.Batch) {
	key := resolvedKey(p.tap)
	if p.fen == 0 {
		b.Memos = []ledger.Memo{{Day: key.Day, Subject: key.Subject, ID: key.ID, Kind: KindResolved, Reason: string(p.As)}}
		return
	}
	b.Transfers = []ledger.Transfer{{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.CodeLost),
		Amount: p.fen, Purpose: chart.PurposeCodeLost,
	}}
}

// do books what a plan says, once, and the audit's entry with it, in one transaction.
func (o *Office) do(ctx context.Context, p *plan, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		p.rows(b)
		b.Prepare = p.undecided
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, p.finish(ctx, tx, out, by)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, answer := range append(out.Transfers, out.Memos...) {
		if answer.Result != ledger.Inserted && answer.Result != ledger.Duplicate || answer.Disputed {
			return denied(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
		}
	}
	return nil
}

// undecided makes sure, inside the transaction, that nobody has decided otherwise and that the tap
// has not come. A batch that books it sees the decision, or the database refuses one of the two.
func (p *plan) undecided(ctx context.Context, tx pgx.Tx) error {
	k := Kept{Tap: p.tap}
	if err := k.read(ctx, tx, locking); err != nil {
		return fmt.Errorf("lock a tap without a TAC: %w", err)
	}
	if k.Decided != p.state {
		return denied(language.Textf("row %s was decided just now by others", p.Row), language.Textf("look at it again"))
	}
	row, came, err := ledger.FindIn(ctx, tx, p.tap)
	if err == nil && came {
		err = confirmed(p.Row, row.BookingDay)
	}
	return err
}

// finish writes what belongs to a new decision, in its transaction.
func (p *plan) finish(ctx context.Context, tx pgx.Tx, out *ledger.Outcome, by ledger.Approval) error {
	answers := append(out.Transfers[:len(out.Transfers):len(out.Transfers)], out.Memos...)
	if len(answers) != 1 || answers[0].Result != ledger.Inserted {
		return nil
	}
	card, id := []byte(p.tap.Subject), []byte(p.tap.ID)
	if _, err := tx.Exec(ctx, "UPDATE unconfirmed_taps SET decided = $4 WHERE card = $1 AND day = $2 AND id = $3", card, p.tap.Day, id, string(p.As)); err != nil {
		return fmt.Errorf("keep a decision: %w", err)
	}
	if p.fen > 0 {
		if _, err := tx.Exec(ctx, "INSERT INTO lost_codes (number, card, day, id, fen) SELECT max(number) + 1, $1, $2, $3, $4 FROM lost_codes", card, p.tap.Day, id, p.fen); err != nil {
			return fmt.Errorf("keep a lost code: %w", err)
		}
	}
	return ledger.Approve(ctx, tx, ActResolve, p.text(), by)
}

// text is the audit's. The audit is exported, so the card's number is shortened; day and id are
// enough to find the row again.
func (p *plan) text() string {
	text := fmt.Sprintf("%s/%s/%x: %s, %d fen", p.tap.Day, tunion.Masked(hex.EncodeToString([]byte(p.tap.Subject))), p.tap.ID, p.As.state(), p.fen)
	if p.Because != "" {
		text += "; because: " + p.Because
	}
	return text
}

// Kind is the kind of proposal that closes a tap without a TAC.
func Kind(o *Office) proposal.Kind {
	return proposal.Of(KindResolve, func(ctx context.Context, r Resolve) (*proposal.Change, error) {
		p, err := o.show(ctx, r)
		switch {
		case err != nil:
			return nil, err
		case p.state == p.As:
			return nil, denied(language.Textf("it is booked already"), language.Textf("nothing is to be done"))
		}
		return p.change(), nil
	}, func(ctx context.Context, r Resolve, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		p, err := o.show(ctx, r)
		if err == nil {
			err = o.do(ctx, p, by)
		}
		if err != nil {
			return proposal.Result{}, err
		}
		if p.fen == 0 {
			return proposal.Saying(language.Textf("row %s is resolved", r.Row)), nil
		}
		return proposal.Saying(language.Textf("%s -> %s %s", chart.Float, chart.CodeLost, p.fen.String())), nil
	})
}

// Entry is what the audit and the journal have of such an approval.
func Entry() proposal.Entry {
	e := proposal.EntryOf(KindResolve, func(r Resolve, shown *proposal.Change) (*proposal.Change, error) {
		p, err := signed(r, shown)
		if err != nil {
			return nil, err
		}
		return p.change(), nil
	}, func(r Resolve, c *proposal.Change, said string) error {
		p, err := signed(r, c)
		if err != nil {
			return err
		}
		return proposal.ExpectText(said, p.text())
	})
	e.Books = func(body json.RawMessage, c *proposal.Change) ([][]proposal.Booking, error) {
		r, err := proposal.ReadRequest[Resolve](body)
		if err != nil {
			return nil, err
		}
		p, err := signed(r, c)
		if err != nil {
			return nil, err
		}
		booking := proposal.Booking{Key: resolvedKey(p.tap)}
		if p.fen > 0 {
			booking.Transfer = c.Transfers[0]
		}
		return [][]proposal.Booking{{booking}}, nil
	}
	return e
}

// signed is the plan of a request, with what only the books know as the change has it: the amount,
// and what claims say.
func signed(r Resolve, c *proposal.Change) (*plan, error) {
	tap, err := r.validate()
	if err != nil {
		return nil, err
	}
	p := &plan{Resolve: r, tap: tap}
	if len(c.Transfers) > 0 {
		if p.fen = c.Transfers[0].Fen; p.fen <= 0 || r.As != CodeLost {
			return nil, fmt.Errorf("it moves %d fen, and the request resolves as %s", p.fen, r.As)
		}
	}
	for says, effect := range saysEffects() {
		if len(c.Effects) > 0 && effect.Text == c.Effects[0].Text {
			p.says = says
		}
	}
	if p.says == "" || !p.says.agrees(r.As) && r.Because == "" {
		return nil, fmt.Errorf("its change says %q of claims, and the request has no other reason", p.says)
	}
	return p, nil
}
