package proposal_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/receipt"
	"citycard/clearing/schema"
	clearing "citycard/clearing/verify"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// town has people, an office with two kinds, and accounts.
type town struct {
	testing.TB
	*proposal.Office
	staff *peopletest.Staff
	url   string
	keys  map[string]*people.Identity // of those who are enrolled

	between func() // before the second part of many
}

// members are enrolled beside those of peopletest.
var members = []people.Enrolment{
	{ID: "dan", Name: "Dan", Unit: people.Issuer, Role: people.Supervisor},
	{ID: "otto", Name: "Otto", Unit: people.Issuer, Role: people.Auditor},
	{ID: "mei", Name: "Mei", Unit: people.City, Role: people.Supervisor},
	{ID: "bus", Name: "Bus", Unit: "operator:bus", Role: people.Supervisor},
}

func newTown(t testing.TB) *town {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	w := townAt(t, url, map[string]*people.Identity{})
	w.staff = peopletest.New(t, w.Ledger)
	for _, e := range members {
		e.Key = peopletest.Key(t, e.ID).Public().String()
		w.must(peopletest.Decide(w.staff, t, "kim", "lee", people.ActEnrol, e))
	}
	list, err := w.People.List(t.Context(), false)
	w.must(err)
	for _, p := range list {
		w.keys[p.ID] = peopletest.Key(t, p.ID)
	}
	w.must(w.Ledger.OpenDay(t.Context(), 20260105))
	accounts := []ledger.Account{{Code: "reserve", Kind: ledger.Asset, Owner: "issuer"}, {Code: "channel:shop", Kind: ledger.Asset, Owner: "shop"}}
	for _, code := range []string{"fund:one", "fund:two"} {
		accounts = append(accounts, ledger.Account{Code: code, Kind: ledger.Liability, Owner: "issuer", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000})
	}
	w.must(w.Ledger.OpenAccounts(t.Context(), accounts))
	return w
}

// townAt is another process at the same database.
func townAt(t testing.TB, url string, keys map[string]*people.Identity, options ...ledger.Option) *town {
	t.Helper()
	l := ledgertest.Connect(t, url, 4, options...)
	store, err := people.NewStore(l)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{TB: t, url: url, keys: keys, Office: &proposal.Office{Ledger: l, People: store}}
	w.between = func() {}
	w.Kinds = []proposal.Kind{chart.LimitKind(l), transferKind(l), w.manyKind(l)}
	return w
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// changes gives somebody another key.
func (w *town) changes(id, key string) {
	w.Helper()
	w.must(peopletest.Decide(w.staff, w, "kim", "lee", people.ActChange, people.Change{ID: id, Key: peopletest.Key(w, key).Public().String()}))
}

// as signs in somebody's name.
func (w *town) as(id string) proposal.Sign {
	return func(st people.Statement) (chain.Signature, error) {
		st.Person, st.At = id, time.Now()
		return people.Sign(w.keys[id], st)
	}
}

// transferName is the kind of a transfer that is booked in a stream, as receipts are.
const transferName = receipt.ActBook

// transfer asks for money to be received, under a reference of its own.
func transfer(reference string, fen ledger.Fen) receipt.BookRequest {
	return receipt.BookRequest{Account: "channel:shop", Fen: fen, Reference: reference}
}

// transferKind books as receipts do: in a stream, with the audit's entry of a new row alone. It
// reads nothing besides.
func transferKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(transferName, func(_ context.Context, r receipt.BookRequest) (*proposal.Change, error) {
		row := proposal.RowOf("receipt", r.Reference, "").Alters("state", "", "booked")
		return &proposal.Change{Unit: chart.UnitOf(r.Account), Rows: []proposal.Row{row}, Transfers: []proposal.Transfer{{Debit: chart.Reserve, Credit: r.Account, Fen: r.Fen}}}, nil
	}, func(ctx context.Context, r receipt.BookRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		effect := receipt.Effect{Reference: r.Reference, Debit: chart.Reserve, Credit: r.Account, Fen: r.Fen}
		booking, err := receipt.Booked(transferName, effect.String())
		if err != nil {
			return proposal.Result{}, err
		}
		_, err = l.PostOnce(ctx, "transfers", "test", 0, func(b *ledger.Batch) error {
			b.Transfers = []ledger.Transfer{{
				Day: booking.Day, Subject: booking.Subject, ID: booking.ID,
				Debit: ledger.IDOfCode(booking.Debit), Credit: ledger.IDOfCode(booking.Credit), Amount: r.Fen, Purpose: chart.PurposeReceipt,
			}}
			b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
				if out.Transfers[0].Result != ledger.Inserted {
					return nil, nil
				}
				return nil, ledger.Approve(ctx, tx, receipt.ActBook, effect.String(), by)
			}
			return nil
		})
		return proposal.Saying(language.Textf("done")), err
	})
}

// many is the request of a kind that takes a commit for each part.
type many struct {
	Parts int `json:"parts"`
	Fails int `json:"fails"` // the part at which it fails
}

const manyName = "close day without"

func (w *town) manyKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(manyName, func(context.Context, many) (*proposal.Change, error) {
		return &proposal.Change{Unit: people.Issuer, Effects: []proposal.Effect{proposal.Effectf("parts are judged")}}, nil
	}, func(ctx context.Context, r many, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		for part := range r.Parts {
			if part == 1 {
				w.between()
			}
			if part == r.Fails {
				return proposal.Result{}, errors.New("a part fails")
			}
			err := l.Write(ctx, func(tx pgx.Tx) error {
				return ledger.Approve(ctx, tx, "close day without", fmt.Sprintf("part %d", part), by)
			})
			if err != nil {
				return proposal.Result{}, err
			}
		}
		return proposal.Result{}, nil
	})
}

func (w *town) body(request any) json.RawMessage {
	w.Helper()
	body, err := proposal.Body(request)
	w.must(err)
	return body
}

// limit proposes another cap of an account.
func (w *town) limit(by, account string, fen ledger.Fen) *proposal.View {
	w.Helper()
	v, err := w.Propose(w.Context(), chart.LimitName, w.body(chart.LimitRequest{Account: account, Cap: fen}), "contract", w.as(by))
	w.must(err)
	return v
}

func hashOf(p *proposal.Proposal) string { return hex.EncodeToString(p.Hash[:]) }

func (w *town) approve(by string, p *proposal.Proposal) (*proposal.Outcome, error) {
	return w.Approve(w.Context(), p.Number, hashOf(p), w.as(by))
}

func (w *town) cap(account string) ledger.Fen {
	w.Helper()
	accounts, err := w.Ledger.Accounts(w.Context())
	w.must(err)
	a, _ := accounts.Account(account)
	return a.Cap
}

// entries counts the audit's entries of an act.
func (w *town) entries(acts ...string) int {
	w.Helper()
	entries, err := w.Ledger.Audit(w.Context(), acts...)
	w.must(err)
	return len(entries)
}

// holds verifies the books: there must be no fault.
func (w *town) holds() {
	w.Helper()
	for _, f := range w.faults() {
		w.Error(f)
	}
}

// faults are those of the books, without those of the test's own kind.
func (w *town) faults() (list []string) {
	w.Helper()
	_, err := verify.Books(w.Context(), w.Ledger, nil, func(f verify.Fault) {
		if !strings.Contains(f.String(), manyName) {
			list = append(list, f.String())
		}
	}, clearing.Tables)
	if err != nil {
		list = append(list, err.Error())
	}
	return list
}

// TestApprove proposes a limit and approves it. The act has one entry in the audit with both
// signatures, each over a statement that names the hash of what was shown.
func TestApprove(t *testing.T) {
	w := newTown(t)
	p := w.limit("cleo", "fund:one", 2500)
	if w.cap("fund:one") != 1000 || p.State != proposal.Waiting {
		t.Fatalf("cap %v, proposal %+v", w.cap("fund:one"), p.Proposal)
	}
	shown, err := w.Show(t.Context(), p.Number)
	w.must(err)
	want := proposal.Row{Table: "account", Key: "fund:one", State: "10.00/0.00", Fields: []proposal.Field{{"cap", "10.00", "25.00"}, {"alarm", "0.00", "0.00"}}}
	if len(shown.Change.Rows) != 1 || fmt.Sprint(shown.Change.Rows[0]) != fmt.Sprint(want) || shown.Stale != nil {
		t.Errorf("shown %+v, stale %v", shown.Change, shown.Stale)
	}
	if len(shown.Beside.Balances) != 1 || shown.Beside.Balances[0].Account != "fund:one" {
		t.Errorf("beside %+v", shown.Beside)
	}
	done, err := w.approve("bob", shown.Proposal)
	w.must(err)
	if done.Repeated || done.State != proposal.Approved || done.Decider != "bob" || w.cap("fund:one") != 2500 {
		t.Errorf("%+v, cap %v", done, w.cap("fund:one"))
	}
	entries, err := w.Ledger.Audit(t.Context(), chain.ActChangeLimit)
	w.must(err)
	if len(entries) != 1 || entries[0].First != "cleo" || entries[0].Second != "bob" || entries[0].Reason != "contract" || len(entries[0].Signed) != 2 {
		t.Fatalf("audit %+v", entries)
	}
	hash := hashOf(shown.Proposal)
	for i, what := range []string{"proposal of account limit sha256:" + hash, fmt.Sprintf("proposal %d sha256:%s", p.Number, hash)} {
		st, err := people.Verify(entries[0].Signed[i], w.keys[[]string{"cleo", "bob"}[i]].Public())
		w.must(err)
		if st.What != what {
			t.Errorf("statement %d is of %q, want %q", i, st.What, what)
		}
	}
	// The next of its kind is shown beside this one.
	if next := w.limit("ann", "fund:two", 5000); len(next.Beside.Last) != 1 || next.Beside.Last[0].Number != p.Number {
		t.Errorf("beside %+v", next.Beside)
	}
	w.holds()
}

// TestStates tries every act in every state.
func TestStates(t *testing.T) {
	w := newTown(t)
	reach := map[proposal.State]func(*proposal.View){
		proposal.Waiting:   func(*proposal.View) {},
		proposal.Approved:  func(p *proposal.View) { _, err := w.approve("bob", p.Proposal); w.must(err) },
		proposal.Rejected:  func(p *proposal.View) { _, err := w.Reject(t.Context(), p.Number, "no", w.as("bob")); w.must(err) },
		proposal.Withdrawn: func(p *proposal.View) { _, err := w.Withdraw(t.Context(), p.Number, "", w.as("ann")); w.must(err) },
		proposal.Expired: func(p *proposal.View) {
			_, err := w.Ledger.Pool().Exec(t.Context(), "UPDATE proposals SET expires = at - 1 WHERE number = $1", p.Number)
			w.must(err)
		},
		proposal.Ended: func(*proposal.View) {
			w.changes("ann", "ann's second")
		},
	}
	acts := map[string]func(*proposal.View) error{
		"approve":  func(p *proposal.View) error { _, err := w.approve("bob", p.Proposal); return err },
		"reject":   func(p *proposal.View) error { _, err := w.Reject(t.Context(), p.Number, "no", w.as("dan")); return err },
		"withdraw": func(p *proposal.View) error { _, err := w.Withdraw(t.Context(), p.Number, "", w.as("ann")); return err },
	}
	fen := ledger.Fen(1000)
	for _, state := range []proposal.State{proposal.Waiting, proposal.Approved, proposal.Rejected, proposal.Withdrawn, proposal.Expired, proposal.Ended} {
		for act, do := range acts {
			before := w.cap("fund:one")
			fen += 10
			p := w.limit("ann", "fund:one", fen)
			reach[state](p)
			done := w.cap("fund:one")
			if (done != before) != (state == proposal.Approved) {
				t.Fatalf("%s: the cap is %v", state, done)
			}
			shown, err := w.Show(t.Context(), p.Number)
			w.must(err)
			if shown.State != state {
				t.Errorf("%s is shown as %s", state, shown.State)
			}
			entries := w.entries()
			err = do(p)
			decided := new(proposal.DecidedError)
			switch {
			case state == proposal.Waiting:
				if err != nil || w.entries() != entries+1 {
					t.Errorf("%s of one that waits: %v, %d entries", act, err, w.entries()-entries)
				}
			case state == proposal.Approved && act == "approve": // it says what became of it
				if err != nil || w.entries() != entries {
					t.Errorf("approved twice: %v", err)
				}
			case !errors.As(err, &decided) || decided.State != state || w.entries() != entries:
				t.Errorf("%s of one that is %s: %v", act, state, err)
			}
			if want := act == "approve" && state == proposal.Waiting; (w.cap("fund:one") != done) != want {
				t.Errorf("%s of one that is %s: cap %v -> %v", act, state, done, w.cap("fund:one"))
			}
			if state == proposal.Expired {
				_, err := w.Ledger.Pool().Exec(t.Context(), "UPDATE proposals SET expires = $2 WHERE number = $1", p.Number, p.Expires.Unix())
				w.must(err)
				_, err = w.Reject(t.Context(), p.Number, "no", w.as("bob"))
				w.must(err)
			}
			if state == proposal.Ended {
				// From now on ann signs with yet another key.
				w.changes("ann", "ann after "+act)
				w.keys["ann"] = peopletest.Key(t, "ann after "+act)
				reach[proposal.Ended] = func(*proposal.View) { w.changes("ann", "ann's next after "+act) }
			}
		}
	}
	w.holds()
}

// TestWho tries everybody as proposer and as approver: exactly those whom the policy allows may,
// and nobody approves what they proposed.
func TestWho(t *testing.T) {
	w := newTown(t)
	mayPropose := map[string]bool{"ann": true, "bob": true, "dan": true, "cleo": true}
	mayApprove := map[string]bool{"ann": true, "bob": true, "dan": true}
	fen := ledger.Fen(1000)
	for proposer := range w.keys {
		fen += 10
		p, err := w.Propose(t.Context(), chart.LimitName, w.body(chart.LimitRequest{Account: "fund:one", Cap: fen}), "contract", w.as(proposer))
		if denied := new(people.DeniedError); (err == nil) != mayPropose[proposer] || err != nil && !errors.As(err, &denied) {
			t.Errorf("%s proposes: %v", proposer, err)
		}
		if err != nil {
			continue
		}
		for approver := range w.keys {
			if mayApprove[approver] && approver != proposer {
				continue
			}
			_, err := w.approve(approver, p.Proposal)
			denied := new(people.DeniedError)
			if want := approver == proposer; err == nil || errors.Is(err, proposal.ErrProposer) != want || !want && !errors.As(err, &denied) {
				t.Errorf("%s approves what %s proposed: %v", approver, proposer, err)
			}
			_, err = w.Reject(t.Context(), p.Number, "no", w.as(approver))
			if err == nil || errors.Is(err, proposal.ErrReject) != (approver == proposer) {
				t.Errorf("%s rejects what %s proposed: %v", approver, proposer, err)
			}
			if approver != proposer {
				if _, err = w.Withdraw(t.Context(), p.Number, "", w.as(approver)); !errors.Is(err, proposal.ErrNotOwn) {
					t.Errorf("%s withdraws what %s proposed: %v", approver, proposer, err)
				}
			}
		}
		if shown, err := w.Show(t.Context(), p.Number); err != nil || shown.State != proposal.Waiting {
			t.Errorf("after all: %v, %v", shown.State, err)
		}
	}
	if w.cap("fund:one") != 1000 {
		t.Errorf("the cap is %v", w.cap("fund:one"))
	}
	w.holds()
}

// TestTogether has two people approve at once, many times: one of them acts, and both learn what
// became of it.
func TestTogether(t *testing.T) {
	w := newTown(t)
	for n := range 8 {
		var p *proposal.View
		if n%2 == 0 {
			p = w.limit("ann", "fund:one", ledger.Fen(2000+n))
		} else {
			var err error
			p, err = w.Propose(t.Context(), transferName, w.body(transfer(fmt.Sprint("t", n), 100)), "late", w.as("ann"))
			w.must(err)
		}
		var acted atomic.Int32
		var both sync.WaitGroup
		for _, id := range []string{"bob", "dan"} {
			both.Go(func() {
				done, err := w.approve(id, p.Proposal)
				switch stale := new(proposal.StaleError); {
				case errors.As(err, &stale): // it was changed between the two looks
				case err != nil:
					t.Errorf("%s: %v", id, err)
				case !done.Repeated:
					acted.Add(1)
				}
			})
		}
		both.Wait()
		if acted.Load() != 1 {
			t.Errorf("proposal %d: %d acted, want 1", p.Number, acted.Load())
		}
	}
	if limits, transfers := w.entries(chain.ActChangeLimit), w.entries(transferName); limits != 4 || transfers != 4 {
		t.Errorf("%d limits and %d transfers in the audit, want 4 and 4", limits, transfers)
	}
	w.holds()
}
