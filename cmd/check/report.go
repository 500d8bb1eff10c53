package check

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/counters"
	"citycard/clearing/docket"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
	"citycard/simulators/truth"
)

// Report holds the totals of the days. docs/report.md explains its keys.
type Report struct {
	Day       string `json:"day"`
	Sent      int64  `json:"sent"`
	Cleared   int64  `json:"cleared"`
	Duplicate int64  `json:"duplicates"`
	Disputed  int64  `json:"disputed"`
	Pending   int64  `json:"pending"`

	Suspended map[verdict.Reason]int64 `json:"suspended"`
	Rejected  map[verdict.Reason]int64 `json:"rejected"`
	Kept      map[verdict.Reason]int64 `json:"quarantined"`
	Flagged   int64                    `json:"fare_mismatches"`

	Unconfirmed unconfirmedSums `json:"unconfirmed"`

	Misplaced int64 `json:"place_mismatches"`

	Lost            int64    `json:"lost"`
	Doubled         int64    `json:"doubled"`
	Wrong           int64    `json:"wrong"`
	PurseMismatches int64    `json:"purse_mismatches"`
	Faults          []string `json:"faults"`

	ByPurpose    map[string]sum        `json:"by_purpose"`
	NetPositions map[string]ledger.Fen `json:"net_positions"`
	Findings     map[string]int        `json:"findings"`
	SuspenseFen  map[string]ledger.Fen `json:"suspense_fen"`
	Books        bookSums              `json:"books"`
	Reserve      reserveSums           `json:"reserve"`

	Seal             string             `json:"seal"`
	PCSCCards        int                `json:"pcsc_cards"`
	PCSCTaps         int                `json:"pcsc_taps"`
	PCSCUpdates      int                `json:"pcsc_updates"`
	PCSCSales        int                `json:"pcsc_sales"`
	PCSCLoads        int                `json:"pcsc_loads"`
	Seconds          map[string]float64 `json:"seconds"`
	ClearedPerSecond float64            `json:"cleared_per_second"`
}

type sum struct {
	Count int64      `json:"count"`
	Fen   ledger.Fen `json:"fen"`
}

// unconfirmedSums are taps without a TAC. They move no money; late are those whose TAC has come,
// and which are booked as any tap.
type unconfirmedSums struct {
	Count   int64      `json:"count"`
	Late    int64      `json:"late"`
	LateFen ledger.Fen `json:"late_fen"`
	Open    int64      `json:"open"`
	OpenFen ledger.Fen `json:"open_fen"`
}

type bookSums struct {
	DebitsFen  ledger.Fen `json:"debits_fen"`
	CreditsFen ledger.Fen `json:"credits_fen"`
	Balanced   bool       `json:"balanced"`
}

// reserveSums is the reserve equation. On one side is the money received for purses, or still owed
// by channels and, for other cities' cards, by the national centre. On the other side are the
// cards' balances, the loads paid for and not yet written, the money spent and not yet paid out,
// the money received for deposits, prepaid passes and fees, and what counters were over or short.
type reserveSums struct {
	ReserveFen   ledger.Fen `json:"reserve_fen"`
	ChannelsFen  ledger.Fen `json:"channels_fen"`
	CentreFen    ledger.Fen `json:"centre_fen"`
	FloatFen     ledger.Fen `json:"float_fen"`
	OverdrawnFen ledger.Fen `json:"overdrawn_fen,omitempty"` // what cards below zero owe, which float_fen is short of
	UnwrittenFen ledger.Fen `json:"unwritten_fen"`
	SuspenseFen  ledger.Fen `json:"suspense_fen"`
	OperatorsFen ledger.Fen `json:"operators_fen"`
	PendingFen   ledger.Fen `json:"pending_fen"`
	DepositsFen  ledger.Fen `json:"deposits_fen"`
	PassesFen    ledger.Fen `json:"passes_fen"`
	FeesFen      ledger.Fen `json:"fees_fen"`
	Differences  ledger.Fen `json:"differences_fen"` // what counters had over, less what they had short
	PursesFen    ledger.Fen `json:"purses_fen"`      // as the cards themselves say
	Closed       bool       `json:"closed"`
}

// NewReport returns an empty report; day is the last of its days.
func NewReport(day ledger.Day) *Report {
	return &Report{
		Day: day.String(), Suspended: map[verdict.Reason]int64{}, Rejected: map[verdict.Reason]int64{}, Kept: map[verdict.Reason]int64{}, Faults: []string{},
		ByPurpose: map[string]sum{}, NetPositions: map[string]ledger.Fen{}, SuspenseFen: map[string]ledger.Fen{}, Seconds: map[string]float64{},
	}
}

// Holds reports whether the books hold: nothing lost, doubled or wrong, every
// purse as the ledger says, debits equal to credits, the reserve accounted for.
func (r *Report) Holds() bool {
	return r.Lost == 0 && r.Doubled == 0 && r.Wrong == 0 && r.PurseMismatches == 0 && len(r.Faults) == 0 && r.Books.Balanced && r.Reserve.Closed
}

// Fault adds a line to the faults, if they are not too many already.
func (r *Report) Fault(format string, args ...any) {
	const limit = 50
	if len(r.Faults) < limit {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// ReadDay adds what the ledger booked in a day.
func (r *Report) ReadDay(ctx context.Context, l *ledger.Ledger, day ledger.Day) error {
	err := l.Notes(ctx, day, func(data []byte) error {
		var note docket.Note
		if err := json.Unmarshal(data, &note); err != nil {
			return fmt.Errorf("batch note: %w", err)
		}
		r.count(note)
		return nil
	})
	if err != nil {
		return err
	}
	return r.readPurposes(ctx, l, day)
}

func (r *Report) count(note docket.Note) {
	r.Flagged += note.Flagged
	r.Misplaced += note.Misplaced
	for _, line := range note.Tally {
		switch line.Verdict {
		case verdict.Cleared.String():
			r.Cleared += line.Count
		case verdict.Duplicate.String():
			r.Duplicate += line.Count
		case verdict.Disputed.String():
			r.Disputed += line.Count
		case verdict.Pending.String():
			r.Pending += line.Count
		case verdict.Suspended.String():
			r.Suspended[line.Reason] += line.Count
		case verdict.Rejected.String():
			r.Rejected[line.Reason] += line.Count
		case verdict.Quarantined.String():
			r.Kept[line.Reason] += line.Count
		}
	}
}

// readPurposes adds up what was booked by purpose; records of zero fen count.
func (r *Report) readPurposes(ctx context.Context, l *ledger.Ledger, day ledger.Day) error {
	add := func(name string, fen ledger.Fen) {
		s := r.ByPurpose[name]
		r.ByPurpose[name] = sum{s.Count + 1, s.Fen + fen}
	}
	reader := docket.NewReader()
	err := l.Scan(ctx, day, day, func(row ledger.Row) error {
		add(chart.PurposeName(row.Purpose), row.Amount)
		return nil
	})
	if err != nil {
		return err
	}
	return l.ScanMemos(ctx, day, day, func(row ledger.Row) error {
		switch booked, _ := reader.Row(&row); {
		case !booked.ZeroFen:
		case booked.Purpose == chart.AllCash:
			add("medical_cash", 0)
		default:
			add("zero_fare", 0)
		}
		return nil
	})
}

// ReadTrial reads the trial balance at the end of a day.
func (r *Report) ReadTrial(ctx context.Context, l *ledger.Ledger, day ledger.Day) error {
	trial, err := l.Trial(ctx, day)
	if err != nil {
		return err
	}
	for _, row := range trial {
		debits, credits := row.Before.Debits+row.Day.Debits, row.Before.Credits+row.Day.Credits
		r.Books.DebitsFen += debits
		r.Books.CreditsFen += credits
		kind, owed := chart.KindOf(row.Account.Code), credits-debits
		switch {
		case row.Account.Code == chart.Reserve:
			r.Reserve.ReserveFen -= owed
		case row.Account.Code == chart.Float || row.Account.Code == chart.Inactive:
			r.Reserve.FloatFen += owed
		case row.Account.Code == chart.Unwritten || row.Account.Code == chart.Waiting:
			r.Reserve.UnwrittenFen += owed
		case row.Account.Code == chart.Centre:
			r.Reserve.CentreFen -= owed
		case row.Account.Code == chart.Deposits:
			r.Reserve.DepositsFen += owed
		case row.Account.Code == chart.Passes:
			r.Reserve.PassesFen += owed
		case row.Account.Code == chart.Fees, row.Account.Code == chart.Commission, row.Account.Code == chart.Overdrawn: // below zero: borne
			r.Reserve.FeesFen += owed
		case row.Account.Code == chart.Differences:
			r.Reserve.Differences += owed
		case kind == "pending":
			r.Reserve.PendingFen += owed
		case kind == "channel", kind == "handed":
			r.Reserve.ChannelsFen -= owed
		case kind == "operator":
			r.Reserve.OperatorsFen += owed
		case kind == "suspense":
			r.Reserve.SuspenseFen += owed
			if owed != 0 {
				r.SuspenseFen[row.Account.Code] = owed
			}
		}
	}
	r.Books.Balanced = r.Books.DebitsFen == r.Books.CreditsFen
	s := &r.Reserve
	s.Closed = s.ReserveFen+s.ChannelsFen+s.CentreFen == s.FloatFen+s.UnwrittenFen+s.SuspenseFen+s.OperatorsFen+s.PendingFen+
		s.DepositsFen+s.PassesFen+s.FeesFen+s.Differences
	return nil
}

// Compare compares the books, and the counts of verdicts, with the truth in dir.
func (r *Report) Compare(ctx context.Context, l *ledger.Ledger, dir string) error {
	found, err := Books(ctx, l, dir, "")
	if err == nil {
		err = r.readUnconfirmed(ctx, l)
	}
	if err != nil {
		return err
	}
	r.Sent = int64(found.Sent)
	r.Lost, r.Doubled = int64(found.Lost), int64(found.Doubled)
	r.Wrong = int64(found.Wrong + found.Unexpected)
	r.PurseMismatches = int64(found.Purses)
	for _, fault := range found.Faults() {
		r.Fault("%s", fault)
	}
	err = shadow.Balances(ctx, l, ledger.IDOfCode(chart.Float), func(_ ledger.Subject, fen ledger.Fen) error {
		r.Reserve.OverdrawnFen += max(-fen, 0)
		return nil
	})
	if err != nil {
		return err
	}
	r.Reserve.PursesFen = ledger.Fen(found.PursesFen)
	unbooked := ledger.Fen(found.UnbookedFen)
	if r.Reserve.PursesFen+unbooked != r.Reserve.FloatFen {
		r.Fault("all purses hold %s yuan and have paid %s without a TAC, the float is %s", r.Reserve.PursesFen, unbooked, r.Reserve.FloatFen)
	}
	if unbooked != r.Unconfirmed.OpenFen {
		r.Fault("cards have paid %s yuan without a TAC, the books have %s of such taps", unbooked, r.Unconfirmed.OpenFen)
	}
	r.compareGaps(&found.Want)
	return nil
}

// readUnconfirmed reads the taps without a TAC.
func (r *Report) readUnconfirmed(ctx context.Context, l *ledger.Ledger) error {
	u := &r.Unconfirmed
	return unconfirmed.List(ctx, l, unconfirmed.Filter{First: firstDay, Last: lastDay, All: true}, func(k *unconfirmed.Kept) error {
		u.Count++
		switch {
		case k.Confirmed != 0:
			u.Late++
			u.LateFen += k.Fen()
		case k.Open():
			u.Open++
			u.OpenFen += k.Fen()
		}
		return nil
	})
}

// compareGaps wants a finding for each payment that is missing between a card's taps. The number of
// a payment is a claim: a tap that was booked with another one may hide a gap.
func (r *Report) compareGaps(want *truth.Summary) {
	if r.Findings == nil {
		return
	}
	least := want.Gaps
	for fault, n := range want.Faults {
		if strings.HasPrefix(fault, "tampered_card_counter") {
			least -= n
		}
	}
	if got := r.Findings[counters.CounterGap.String()]; got < least {
		r.Fault("of %d payments of cards that never came, the close has found %d gaps", want.Gaps, got)
	}
}
