package dayclose

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/counters"
	"citycard/clearing/quarantine"
	"citycard/clearing/registry"
	"citycard/clearing/settlement"
	"citycard/clearing/transit/load"
	"citycard/durable"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
)

// StreamSettlement is the stream in which payments are booked; it stays in the
// day while the input streams move on.
const StreamSettlement = "settlement"

// ActClose is the audit's act that says with which registry version a day is closed.
const ActClose = "close with registry"

// Closing is the content of that audit entry, and of a row of table closings.
type Closing struct {
	Day      ledger.Day `json:"day"`
	Reopened int        `json:"reopened"` // how often the day was
	Registry int64      `json:"registry"` // version
}

// Closer closes days.
type Closer struct {
	Ledger *ledger.Ledger
	Owner  string             // who leases the settlement stream
	Dir    string             // settlement files, one folder a day
	Seals  string             // seal files, one a day
	Signer ed25519.PrivateKey // not kept in the database
	Rules  *Rules             // which payouts wait for two people
	// Contracts say what channels earn; nil: nothing.
	Contracts *load.Contracts
}

// Result is a closed day.
type Result struct {
	Day       ledger.Day
	Positions []settlement.Position
	Files     string // the folder
	Counters  counters.Summary
	Unpaid    []Unpaid
	Without   []counters.Unread // streams that it was closed without
	// Quarantined is the number of records that are kept alone now, of this day and of others.
	Quarantined int
	Uncounted   error // why that is not known
}

// Unpaid is what was not paid to a participant or could not be collected. It stays on the account,
// which is then not at zero. Where Err is a *Held two people may release it (package release).
// Otherwise the account is closed or frozen. Once it can be posted to again, two people reopen the
// day, and the day is closed again.
type Unpaid struct {
	Code string
	Fen  ledger.Fen // positive: owed to it
	Err  error
}

// Close closes day, which next follows. Call it once every input has been
// consumed up to the cut-off (intake.Await). A day that was reopened is closed
// again: its files are written again, beside the first ones, and what the
// adjustments changed is paid or collected.
func (c *Closer) Close(ctx context.Context, day, next ledger.Day) (*Result, error) {
	if err := c.Ledger.CloseDay(ctx, day, next, StreamSettlement); err != nil {
		return nil, err
	}
	round, err := c.round(ctx, day)
	if err != nil {
		return nil, err
	}
	summary, err := c.checker().Run(ctx, day, round)
	if err != nil {
		return nil, err
	}
	if err := c.commissions(ctx, day, round); err != nil {
		return nil, err
	}
	positions, paid, err := c.positions(ctx, day, round)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(c.Dir, day.String())
	if round > 0 {
		folder += fmt.Sprintf(".%d", round)
	}
	if _, err := settlement.Write(folder, day, positions); err != nil {
		return nil, err
	}
	_, unpaid, err := c.pay(ctx, day, round, positions, paid)
	if err != nil {
		return nil, err
	}
	unread, err := c.Unread(ctx, day)
	if err != nil {
		return nil, err
	}
	if err := c.Ledger.EndDay(ctx, day); err != nil {
		return nil, err
	}
	// The day is closed. A failure from here on must not hide that, nor what is unpaid.
	r := &Result{Day: day, Positions: positions, Files: folder, Counters: summary, Unpaid: unpaid, Without: unread}
	r.Quarantined, r.Uncounted = quarantine.Open(ctx, c.Ledger)
	return r, nil
}

// Preview is what a close of the day would pay or collect, and what it would leave unpaid, as the
// books are now. The ledger must rehearse.
func (c *Closer) Preview(ctx context.Context, day, next ledger.Day) (payments []ledger.Transfer, unpaid []Unpaid, err error) {
	if !c.Ledger.Rehearses() {
		return nil, nil, errors.New("a preview on books that would keep it")
	}
	if err := c.Ledger.CloseDay(ctx, day, next, StreamSettlement); err != nil {
		return nil, nil, err
	}
	round, err := c.round(ctx, day)
	if err != nil {
		return nil, nil, err
	}
	if err := c.commissions(ctx, day, round); err != nil {
		return nil, nil, err
	}
	positions, paid, err := c.positions(ctx, day, round)
	if err != nil {
		return nil, nil, err
	}
	return c.pay(ctx, day, round, positions, paid)
}

func (c *Closer) checker() counters.Checker { return counters.Checker{Ledger: c.Ledger} }

// positions computes the positions that a close of the day states. Until they can be written it
// uses the newest registry, so a change that corrects a row also reaches a close that failed
// because of that row. Its version is noted just before the files are written. A run that continues
// an interrupted one uses that version, and so states the same, whatever was changed meanwhile.
func (c *Closer) positions(ctx context.Context, day ledger.Day, round int) (positions []settlement.Position, paid map[string]int64, err error) {
	store := registry.NewStore(c.Ledger.Pool())
	number, err := c.noted(ctx, day, round)
	if err != nil {
		return nil, nil, err
	}
	for {
		tried := number
		if number == 0 {
			if tried, err = store.Latest(ctx); err != nil {
				return nil, nil, err
			}
		}
		edition, err := store.LoadVersion(ctx, tried, registry.Operators, registry.Channels, registry.Hospitals)
		if err != nil {
			return nil, nil, err
		}
		if positions, paid, err = Positions(ctx, c.Ledger, edition, day); err != nil {
			return nil, nil, err
		}
		if err := settlement.Check(day, positions); err != nil {
			return nil, nil, err
		}
		if number != 0 {
			return positions, paid, nil
		}
		if number, err = c.note(ctx, day, round, tried); err != nil {
			return nil, nil, err
		}
		if number == tried {
			return positions, paid, nil
		}
		// Another close of the day was quicker, and has noted another version.
	}
}

// noted returns the registry version that was noted for the close of a day, 0 where none was.
func (c *Closer) noted(ctx context.Context, day ledger.Day, round int) (number int64, err error) {
	err = c.Ledger.Read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT coalesce((SELECT registry FROM closings WHERE day = $1 AND reopened = $2), 0)::INT8", day, round).Scan(&number)
	})
	if err != nil {
		return 0, fmt.Errorf("read the registry that closes day %s: %w", day, err)
	}
	return number, nil
}

// note notes a version, unless one is noted already, and returns the noted one.
func (c *Closer) note(ctx context.Context, day ledger.Day, round int, version int64) (number int64, err error) {
	err = c.Ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "INSERT INTO closings (day, reopened, registry) VALUES ($1, $2, $3) ON CONFLICT (day, reopened) DO NOTHING", day, round, version)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, "SELECT registry FROM closings WHERE day = $1 AND reopened = $2", day, round).Scan(&number)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		what, err := json.Marshal(Closing{day, round, number})
		if err != nil {
			return err
		}
		return ledger.Record(ctx, tx, ActClose, string(what), ledger.Approval{})
	})
	if err != nil {
		return 0, fmt.Errorf("note the registry that closes day %s: %w", day, err)
	}
	return number, nil
}

// round counts how often the day was reopened.
func (c *Closer) round(ctx context.Context, day ledger.Day) (round int, err error) {
	err = c.Ledger.Look(ctx, func(tx pgx.Tx) error {
		round, err = roundIn(ctx, tx, day)
		return err
	})
	return round, err
}

// roundIn is round as a transaction sees it.
func roundIn(ctx context.Context, tx pgx.Tx, day ledger.Day) (int, error) {
	entries, err := ledger.AuditIn(ctx, tx, chain.ActReopenDay)
	if err != nil {
		return 0, err
	}
	round := 0
	for _, entry := range entries {
		moved, err := entry.DayMoved()
		if err != nil {
			return 0, err
		}
		if moved.Day == day {
			round++
		}
	}
	return round, nil
}

// Seal seals a closed day for good, publishes the seal as a file and then writes the checkpoints of
// shadow balances. A run after an interrupted one continues them.
func (c *Closer) Seal(ctx context.Context, day ledger.Day) (chain.Seal, error) {
	if err := c.unpublished(ctx, day); err != nil {
		return chain.Seal{}, err
	}
	seal, err := c.Ledger.SealDay(ctx, day, c.Signer)
	if err != nil || c.Ledger.Rehearses() {
		return seal, err
	}
	if err := writeSeal(c.Seals, seal); err != nil {
		return chain.Seal{}, err
	}
	if err := shadow.CheckpointAll(ctx, c.Ledger, 0); err != nil {
		return chain.Seal{}, err
	}
	return seal, c.forget(ctx)
}

// forget drops the histories with which only sealed days could begin.
func (c *Closer) forget(ctx context.Context) error {
	days, err := c.Ledger.Days(ctx)
	if err != nil {
		return err
	}
	for _, d := range days {
		if d.State != ledger.DaySealed {
			return c.checker().Forget(ctx, d.Day)
		}
	}
	return nil
}

// pay books what is left to pay, and returns what it booked and what stays unpaid. What an earlier,
// interrupted run has booked counts as paid, so nobody is paid twice.
func (c *Closer) pay(ctx context.Context, day ledger.Day, round int, positions []settlement.Position, paid map[string]int64) (payments []ledger.Transfer, unpaid []Unpaid, err error) {
	transfers, left, unpaid, err := c.payments(ctx, day, round, positions, paid)
	if err != nil || len(transfers) == 0 {
		return nil, unpaid, err
	}
	another := false
	out, err := c.Ledger.PostOnce(ctx, settlementStream(day, round), c.Owner, day, func(b *ledger.Batch) error {
		if another || b.Day != day { // another close of the day came between: what it has paid is paid
			if positions, paid, err = c.positions(ctx, day, round); err != nil {
				return err
			}
			if transfers, left, unpaid, err = c.payments(ctx, day, round, positions, paid); err != nil {
				return err
			}
		}
		if another = true; b.Day == day {
			b.Transfers = transfers
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("book payments of day %s: %w", day, err)
	}
	if out == nil {
		// The day has ended; these payments were not made.
		for _, u := range left {
			if u.Err == nil {
				u.Err = ledger.ErrDayMoved
				unpaid = append(unpaid, u)
			}
		}
		return nil, unpaid, nil
	}
	var refused []error
	for i, decision := range out.Transfers {
		var because *ledger.TransferError
		switch {
		case decision.Disputed:
			refused = append(refused, fmt.Errorf("payment of %s: %d fen, and %d fen were booked under its number before", transfers[i].Subject, transfers[i].Amount, decision.Amount))
		case decision.Result == ledger.Inserted || decision.Result == ledger.Duplicate:
			if transfers[i].Act != chain.KeepMemo {
				payments = append(payments, transfers[i])
			}
		case errors.As(decision.Err, &because) && (because.Reason == ledger.AccountClosed || because.Reason == ledger.AccountFrozen):
			left[i].Err = decision.Err
			unpaid = append(unpaid, left[i])
		default:
			refused = append(refused, fmt.Errorf("payment of %s: %w", transfers[i].Subject, decision.Err))
		}
	}
	return payments, unpaid, errors.Join(refused...)
}

// payments returns the transfers that pay or collect what is still open, and the notes of held
// payouts. left says, for each of them, what stays unpaid if it is refused; unpaid lists the held
// payouts.
func (c *Closer) payments(ctx context.Context, day ledger.Day, round int, positions []settlement.Position, paid map[string]int64) (transfers []ledger.Transfer, left, unpaid []Unpaid, err error) {
	holds, err := c.holds(ctx, day)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, p := range positions {
		code := p.Participant.Code
		released, held, note, err := holds.of(ctx, code)
		if err != nil {
			return nil, nil, nil, err
		}
		t, ok := payment(day, round, p, paid[code]+int64(released))
		open := Unpaid{Code: code, Fen: ledger.Fen(p.Fen-paid[code]) - released}
		switch {
		case !ok:
			continue
		case held != nil && open.Fen > 0:
			open.Err = held
			unpaid = append(unpaid, open)
			if note == nil {
				continue
			}
			t = *note
		}
		transfers, left = append(transfers, t), append(left, open)
	}
	return transfers, left, unpaid, nil
}

// settlementStream names the stream in which a close of the day books. After each reopening it is a
// new one, because the earlier one may have moved on to a later day.
func settlementStream(day ledger.Day, round int) string {
	if round == 0 {
		return StreamSettlement
	}
	return fmt.Sprintf("%s/%s.%d", StreamSettlement, day, round)
}

// sealFile is what is published of a seal.
type sealFile struct {
	Day       string `json:"day"`
	Streams   int    `json:"streams"`
	Root      string `json:"root"`      // SHA-256, hexadecimal
	Signature string `json:"signature"` // Ed25519, hexadecimal
	Signer    string `json:"signer"`    // public key, hexadecimal
}

// PublishedError says that a seal of the day was published which the books do not have, because the
// books were restored to an earlier time. With another seal the day would have two, and those who
// hold the first would see it.
type PublishedError struct{ File string }

func (e *PublishedError) Error() string {
	return e.File + " was published, and the books do not have that seal"
}

// unpublished refuses a day whose seal was published although the books have not sealed it.
func (c *Closer) unpublished(ctx context.Context, day ledger.Day) error {
	days, err := c.Ledger.Days(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(days, func(d ledger.DayStatus) bool { return d.Day == day && d.State == ledger.DaySealed }) {
		return nil
	}
	file := filepath.Join(c.Seals, sealName(day))
	if _, err := os.Stat(file); err == nil {
		return &PublishedError{file}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("seal file: %w", err)
	}
	return nil
}

func sealName(day ledger.Day) string { return day.String() + ".json" }

func writeSeal(dir string, seal chain.Seal) error {
	data, err := json.MarshalIndent(sealFile{
		Day: seal.Day.String(), Streams: seal.Streams, Root: hex.EncodeToString(seal.Root[:]),
		Signature: hex.EncodeToString(seal.Signature), Signer: hex.EncodeToString(seal.Signer),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, sealName(seal.Day)), append(data, '\n')); err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	return nil
}
