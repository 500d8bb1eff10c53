package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/docket"
	"citycard/clearing/quarantine"
	"citycard/language"
	"citycard/ledger"
)

// streamAgain is the stream in which records are booked that were judged again.
const streamAgain = "quarantine"

// Again judges the records that are kept alone once more. Each record is judged as if it came
// today, alone and under its own identity; but whether it was in time is decided by the day on
// which it was kept. One commit books the result together with the memo that the record was judged.
// So it is booked once, and if the same record has come meanwhile, it is a duplicate. A record that
// fails again stays in quarantine.
type Again struct {
	Ledger *ledger.Ledger
	Rules  map[string]func() Rules // as for New
	Owner  string                  // who leases the stream, for the log

	made map[string]Rules
}

// errJudged says that a record was judged again before.
var errJudged = language.Textf("it was judged again before")

// Judge judges one record, as two people have decided (quarantine.Decide). verdict is the result
// that is booked. If stays is true, the record fails again, because of itself or of an account, and
// stays in quarantine; the next one may be judged.
func (a *Again) Judge(ctx context.Context, r *quarantine.Record) (verdict string, stays bool, err error) {
	if r.Judged != "" {
		return "", true, fmt.Errorf("%s: %w", r.Name(), errJudged)
	}
	decisions, err := quarantine.Decisions(ctx, a.Ledger)
	if err != nil {
		return "", false, err
	}
	decision := decisions[r.Decided()]
	if decision == 0 {
		return "", true, fmt.Errorf("%s: %w", r.Name(), quarantine.ErrUndecided)
	}
	name, _, _ := strings.Cut(r.Stream, "/")
	rules, err := a.rules(name)
	if err != nil {
		return "", true, fmt.Errorf("%s: %w", r.Name(), err)
	}
	if err := a.followed(ctx, topicOf(name).follows, r); err != nil {
		return "", true, err
	}
	j := &again{Again: a, topic: topicOf(name), rules: rules, record: r, decision: decision, refused: docket.Replacements{}}
	for {
		// If two processes judge the record at the same time, each gets its turn, and the second
		// finds that it was judged.
		_, err := a.Ledger.PostOnce(ctx, streamAgain, a.Owner, 0, func(b *ledger.Batch) error { return j.attempt(ctx, b) })
		var more *refusals
		switch {
		case err == nil:
			return j.verdict, false, nil
		case ctx.Err() != nil:
			return "", false, ctx.Err()
		case errors.As(err, &more):
			j.refused.Add(more.refused)
		case errors.Is(err, errVerdict), errors.Is(err, docket.ErrMoved):
		default:
			of := faultOf(err)
			return "", of == own || of == doubtful, fmt.Errorf("%s: %w", r.Name(), err)
		}
	}
}

func (a *Again) rules(topic string) (Rules, error) {
	if rules, ok := a.made[topic]; ok {
		return rules, nil
	}
	of := a.Rules[topic]
	if of == nil {
		return Rules{}, fmt.Errorf("no rules for topic %q", topic)
	}
	if a.made == nil {
		a.made = map[string]Rules{}
	}
	a.made[topic] = of()
	return a.made[topic], nil
}

// followed refuses a record if its topic is judged after another topic and a record of that one is
// still kept alone. Otherwise a bank's answer to a list that is not paid yet would be refused for
// good.
func (a *Again) followed(ctx context.Context, follows string, r *quarantine.Record) error {
	if follows == "" {
		return nil
	}
	return quarantine.List(ctx, a.Ledger, firstDay, r.Day, func(other *quarantine.Record) error {
		if other.Judged == "" && strings.HasPrefix(other.Stream, follows+"/") {
			return language.Textf("%s: judge %s first, which may be what it is about", r.Name(), other.Name())
		}
		return nil
	})
}

// firstDay is before any clearing day.
const firstDay ledger.Day = 19000101

// again is one record on its way.
type again struct {
	*Again
	topic    topic
	rules    Rules
	record   *quarantine.Record
	decision int64 // the entry of the audit
	refused  docket.Replacements
	verdict  string // as the last attempt found it
}

// errVerdict says that the verdict differs from the one in the attempt's memo.
var errVerdict = errors.New("the verdict turned out another")

func (j *again) attempt(ctx context.Context, batch *ledger.Batch) error {
	r := j.record
	records := []docket.Record{{Offset: r.Place.Offset, At: r.Place.At, Value: r.Value, Kept: r.Day}}
	// A final reject is kept and published under the stream from which the record came.
	d := docket.New(docket.Source{Stream: r.Stream, Day: batch.Day}, 1)
	batch.Same = j.topic.same
	judged, err := j.rules.judge(ctx, records, d, batch, j.refused)
	if err != nil {
		return err
	}
	judge := batch.Prepare
	batch.Prepare = func(ctx context.Context, tx pgx.Tx) error {
		if judge != nil {
			if err := judge(ctx, tx); err != nil {
				return err
			}
		}
		key := r.Place.Judged(r.Day)
		batch.Memos = append(d.Memos[:len(d.Memos):len(d.Memos)], ledger.Memo{Day: key.Day, Subject: key.Subject, ID: key.ID, Kind: docket.KindJudged, Reason: j.verdict})
		return nil
	}
	batch.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) (note []byte, err error) {
		err = caught(func() error {
			note, err = j.finish(ctx, tx, d, judged, out)
			return err
		})
		return note, err
	}
	return nil
}

func (j *again) finish(ctx context.Context, tx pgx.Tx, d *docket.Docket, judged Judged, out *ledger.Outcome) ([]byte, error) {
	if out.Memos[len(out.Memos)-1].Result != ledger.Inserted {
		return nil, errJudged
	}
	rulings, err := d.Settle(out, j.topic.short)
	if err != nil {
		return nil, err
	}
	if refused := d.Replacements(rulings); len(refused) > 0 {
		return nil, &refusals{refused}
	}
	if verdict := d.Verdicts(); verdict != j.verdict {
		j.verdict = verdict
		return nil, errVerdict
	}
	note, err := j.rules.publish(ctx, tx, streamAgain, d, judged, rulings, out)
	if err != nil {
		return nil, err
	}
	return note, j.record.Note(ctx, tx, j.verdict, j.decision)
}
