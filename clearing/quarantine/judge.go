package quarantine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// The acts by which the audit has records that are judged again: two people decide it, with an
// entry for each record; the program judges and books the record afterwards.
const (
	ActJudge  = "judge quarantined"
	ActBooked = "book judged record"
)

// Decided is what the audit's entry of a decision says.
type Decided struct {
	Day    ledger.Day `json:"day"` // on which the record was kept
	Record string     `json:"record"`
}

// Booked is what the audit's entry of a record says that was judged again.
type Booked struct {
	Decided
	Verdict  string `json:"verdict"`
	Decision int64  `json:"decision"` // the entry of the audit
}

// KindJudge is the kind of proposal by which records are judged again. Judging may take long and
// needs keys, so what two people approve is that it is done; citycard quarantine book does it.
const KindJudge = "quarantine judge"

// maxRecords are the most in one request.
const maxRecords = 1000

// JudgeRequest asks for records to be judged again.
type JudgeRequest struct {
	Records []string `json:"records"` // their names, in order, each once
}

// AskedJudge is what somebody asks for: records by name, or all that are open and not decided.
type AskedJudge struct {
	Records []string `json:"records,omitempty"`
	All     bool     `json:"all,omitempty"`
}

// ErrUndecided says that nobody has decided that a record is judged again.
var ErrUndecided = language.Textf("two people must decide that it is judged again: citycard quarantine judge")

// Kind is the kind of proposal by which records are judged again.
func Kind(l *ledger.Ledger) proposal.Kind {
	return proposal.Completed(proposal.Of(KindJudge, func(ctx context.Context, r JudgeRequest) (*proposal.Change, error) {
		states, _, err := show(ctx, l, r)
		if err != nil {
			return nil, err
		}
		return r.change(states), nil
	}, func(ctx context.Context, r JudgeRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		_, decided, err := show(ctx, l, r)
		if err != nil {
			return proposal.Result{}, err
		}
		if err := Decide(ctx, l, decided, by); err != nil {
			return proposal.Result{}, err
		}
		return proposal.Saying(language.Textf("%d records are to be judged again: citycard quarantine book", len(decided))), nil
	}), func(ctx context.Context, asked AskedJudge) (r JudgeRequest, _ []*language.Text, err error) {
		if r.Records = asked.Records; asked.All {
			r.Records, err = undecided(ctx, l)
		}
		slices.Sort(r.Records)
		r.Records = slices.Compact(r.Records)
		return r, nil, err
	})
}

// change is that of the request's records, each of which is at a state.
func (r *JudgeRequest) change(states []string) *proposal.Change {
	change := &proposal.Change{Unit: people.Issuer, Effects: []proposal.Effect{
		proposal.Effectf("citycard quarantine book judges each as if it came today, once, by the rules in force then, and books what they say"),
	}}
	for i, name := range r.Records {
		change.Rows = append(change.Rows, proposal.RowOf("kept record", name, states[i]).Alters("state", "open", "to be judged again"))
	}
	return change
}

// makes is the change of a request, with the states of the one that is shown.
func makes(r JudgeRequest, shown *proposal.Change) (*proposal.Change, error) {
	states := make([]string, len(r.Records))
	for i := range min(len(states), len(shown.Rows)) {
		states[i] = shown.Rows[i].State
	}
	return r.change(states), r.validate()
}

// JudgeEntry is what the audit has of such an approval: an entry for each record that it did not
// have before.
func JudgeEntry() proposal.Entry {
	fits := proposal.FitsOf(KindJudge, makes)
	return proposal.Entry{Kind: KindJudge, Fits: fits, Says: func(body json.RawMessage, change *proposal.Change, said []string, _ []bool) error {
		if err := fits(body, change); err != nil {
			return err
		}
		signed := map[string]string{} // the day of each record
		for _, row := range change.Rows {
			day, _, _ := strings.Cut(row.State, ",")
			signed[row.Key] = day
		}
		for _, text := range said {
			var of Decided
			if err := json.Unmarshal([]byte(text), &of); err != nil {
				return err
			}
			if err := proposal.ExpectJSON(text, of); err != nil {
				return err
			}
			if day := signed[of.Record]; day == "" || day != "of day "+of.Day.String() {
				return fmt.Errorf("it says %q, which was not signed, or says it twice", text)
			}
			delete(signed, of.Record)
		}
		return nil
	}}
}

// undecided names the records about which nobody has decided.
func undecided(ctx context.Context, l *ledger.Ledger) (names []string, err error) {
	decisions, err := Decisions(ctx, l)
	if err != nil {
		return nil, err
	}
	err = List(ctx, l, 19000101, 29991231, func(r *Record) error {
		if r.Judged == "" && decisions[r.Decided()] == 0 {
			names = append(names, r.Name())
		}
		return nil
	})
	return names, err
}

// show finds the records of a request, with their states.
func show(ctx context.Context, l *ledger.Ledger, r JudgeRequest) (states []string, decided []Decided, err error) {
	if err := r.validate(); err != nil {
		return nil, nil, err
	}
	before, err := Decisions(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	open := map[string]*Record{} // lines of one record have its name
	err = List(ctx, l, 19000101, 29991231, func(kept *Record) error {
		if open[kept.Name()] == nil || kept.Judged == "" {
			open[kept.Name()] = kept
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	todo := language.Textf("citycard quarantine list shows what is")
	for _, name := range r.Records {
		kept := open[name]
		switch {
		case kept == nil:
			return nil, nil, &proposal.Refusal{Text: language.Textf("%s is not in quarantine", name), Todo: todo}
		case kept.Judged != "":
			return nil, nil, &proposal.Refusal{Text: language.Textf("%s was judged again before", name), Todo: todo}
		case before[kept.Decided()] != 0:
			return nil, nil, &proposal.Refusal{Text: language.Textf("that %s is judged again is decided already", name), Todo: language.Textf("citycard quarantine book does it")}
		}
		decided = append(decided, kept.Decided())
		states = append(states, fmt.Sprintf("of day %s, %s", kept.Day, kept.Reason))
	}
	return states, decided, nil
}

func (r *JudgeRequest) validate() error {
	if n := len(r.Records); n == 0 || n > maxRecords || !slices.IsSorted(r.Records) || len(slices.Compact(slices.Clone(r.Records))) != n {
		return &proposal.Refusal{Text: language.Textf("%d records: want 1 to %d, in the order of their names, each once", n, maxRecords)}
	}
	return nil
}

// Decided is what a decision says of the record.
func (r *Record) Decided() Decided { return Decided{r.Day, r.Name()} }

// Decide notes in the audit that records are judged again, each once: one decision about all.
func Decide(ctx context.Context, l *ledger.Ledger, records []Decided, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	return l.Change(ctx, "decide that records are judged again", func(tx pgx.Tx) error {
		entries, err := ledger.AuditIn(ctx, tx, ActJudge)
		if err != nil {
			return err
		}
		before, err := decisions(entries)
		if err != nil {
			return err
		}
		first := by
		for _, of := range records {
			if before[of] != 0 {
				continue
			}
			what, err := json.Marshal(of)
			if err != nil {
				return err
			}
			if err := ledger.Approve(ctx, tx, ActJudge, string(what), first); err != nil {
				return err
			}
			first.Check = nil
		}
		return nil
	})
}

// Decisions gives the entry of the audit by which each record is judged again.
func Decisions(ctx context.Context, l *ledger.Ledger) (map[Decided]int64, error) {
	entries, err := l.Audit(ctx, ActJudge)
	if err != nil {
		return nil, err
	}
	return decisions(entries)
}

func decisions(entries []chain.AuditEntry) (map[Decided]int64, error) {
	all := map[Decided]int64{}
	for _, e := range entries {
		var of Decided
		if err := json.Unmarshal([]byte(e.What), &of); err != nil {
			return nil, fmt.Errorf("audit: entry %d does not say which record is judged again: %w", e.Number, err)
		}
		if all[of] == 0 {
			all[of] = e.Number
		}
	}
	return all, nil
}

// Note writes into the audit, inside the transaction that books it, that a record was judged again
// as an entry has decided.
func (r *Record) Note(ctx context.Context, tx pgx.Tx, verdict string, decision int64) error {
	what, err := json.Marshal(Booked{r.Decided(), verdict, decision})
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, ActBooked, string(what), ledger.Approval{})
}
