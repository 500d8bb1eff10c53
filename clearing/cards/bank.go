package cards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/tunion"
	"citycard/clearing/csvfile"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Bank is what the bank says of the bank function of a card.
const Bank Do = "bank"

// ActBank is what the audit calls the taking of a file of the bank.
const ActBank = "take bank file"

// MostBankRows is how many rows a file of the bank may have: they are one commit.
const MostBankRows = 5000

// BankFile is a file of the bank about the bank functions of cards:
//
//	number,state,day,sequence
//	03105070200000000101,active,20260105,1
//	sha256,1,HASH
//
// number is the card's, 19 or 20 digits; sequence the bank's own, which grows with each change of a
// card within a day.
type BankFile struct{ csvfile.File }

// ReadBankFile reads a file. A file that is cut or was changed on its way is refused whole.
func ReadBankFile(content []byte) (*BankFile, error) {
	file, err := csvfile.Read(content, []string{"number", "state", "day", "sequence"}, MostBankRows)
	if err != nil {
		return nil, err
	}
	return &BankFile{*file}, nil
}

// What is what who brings the file in signs.
func (f *BankFile) What() string {
	return fmt.Sprintf("bank file sha256:%x, %d rows", f.Hash, len(f.Rows))
}

// bankWords are the words of banks for a function.
func bankWords() map[string]Function {
	return map[string]Function{
		"not_activated": Waiting, "未激活": Waiting,
		"active": Working, "正常": Working, "已激活": Working,
		"suspended": Suspended, "挂失": Suspended, "冻结": Suspended, "暂停": Suspended,
		"closed": Ended, "注销": Ended, "销户": Ended,
	}
}

// BankTaken is what a file has come to.
type BankTaken struct {
	Number int64 `json:"number"` // of the file, from 1
	csvfile.Taken
	Same int `json:"same"` // rows that say what was known
}

// BankTold is what the audit has of a file.
type BankTold struct {
	Number int64 `json:"number"`
	csvfile.Told
	Same int `json:"same"`
}

// What is what was signed for it.
func (t *BankTold) What() string { return fmt.Sprintf("bank file sha256:%s, %d rows", t.File, t.Rows) }

// bankStep is the name of the order of a row.
func bankStep(file int64, line int) string { return fmt.Sprintf("bank %d line %d", file, line) }

// BankFileOf is the number of the file that a step is of.
func (r *Record) BankFileOf() (file int64) {
	var line int
	if _, err := fmt.Sscanf(r.Order, "bank %d line %d", &file, &line); err != nil || r.Order != bankStep(file, line) {
		return 0
	}
	return file
}

// BankLater reports whether the bank said what stands here later than what stands there.
func (s *Standing) BankLater(than *Standing) bool {
	return s.BankDay > than.BankDay || s.BankDay == than.BankDay && s.BankSequence > than.BankSequence
}

// banking is a file that is being brought in.
type banking struct {
	file     *BankFile
	by       ledger.Approval
	at       time.Time
	today    ledger.Day
	cards    map[string][]*banked // by the whole number
	steps    []bankedStep
	taken    BankTaken
	repeated bool
}

// banked is a card that a file names, as it stands behind the rows so far.
type banked struct {
	card  identity.Card
	steps int64
	was   Standing
}

type bankedStep struct {
	card   identity.Card
	record Record
}

// TakeBank brings a file of the bank in, row by row: a row that does not fit is kept with the
// reason, and keeps no other one back. The same file again does nothing.
func (o *Office) TakeBank(ctx context.Context, f *BankFile, by ledger.Approval) (taken BankTaken, repeated bool, err error) {
	if err := by.ValidateAlone(); err != nil {
		return taken, false, err
	}
	figures, err := o.InForce(ctx)
	if err != nil {
		return taken, false, err
	}
	t := &banking{file: f, by: by, at: by.At, today: figures.today()}
	if t.at.IsZero() {
		t.at = figures.Now
	}
	_, err = o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return t.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, t.finish(ctx, tx, b, out)
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return t.taken, t.repeated, err
}

func (t *banking) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	b.Transfers, t.steps, t.taken = nil, nil, BankTaken{Taken: t.file.Taken()}
	err := t.before(ctx, tx)
	if t.repeated = err == nil; t.repeated {
		return errNothing
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read files of the bank: %w", err)
	}
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(number), 0) + 1 FROM bank_files").Scan(&t.taken.Number); err != nil {
		return fmt.Errorf("number a file of the bank: %w", err)
	}
	if err := t.read(ctx, tx); err != nil {
		return fmt.Errorf("read the cards of a file of the bank: %w", err)
	}
	for i := range t.file.Rows {
		row := &t.file.Rows[i]
		why, err := t.row(b, row)
		if err != nil {
			return err
		}
		if why != "" {
			t.taken.Reject(row, why)
		}
	}
	return nil
}

// before finds what the same file has come to. The error is pgx.ErrNoRows if there is none.
func (t *banking) before(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, "SELECT number, done, same FROM bank_files WHERE file = $1", t.file.Hash[:]).Scan(&t.taken.Number, &t.taken.Done, &t.taken.Same)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT line, content, why FROM bank_rejects WHERE file = $1 ORDER BY line", t.file.Hash[:])
	if err == nil {
		t.taken.Rejects, err = pgx.CollectRows(rows, pgx.RowToStructByPos[csvfile.Reject])
	}
	return err
}

// read reads the cards that the file names, with their rows locked.
func (t *banking) read(ctx context.Context, tx pgx.Tx) error {
	t.cards = map[string][]*banked{}
	digits := make([][]byte, 0, len(t.file.Rows))
	for i := range t.file.Rows {
		if asn, err := tunion.ParseNumber(t.file.Rows[i].Fields[0]); err == nil {
			digits = append(digits, asn[2:])
		}
	}
	rows, err := tx.Query(ctx, "SELECT card, steps, stands FROM cards WHERE substring(card, 5) = ANY($1::BYTEA[]) ORDER BY card"+locking, digits)
	if err != nil {
		return err
	}
	var card []byte
	var text string
	var steps int64
	_, err = pgx.ForEachRow(rows, []any{&card, &steps, &text}, func() error {
		c := &banked{card: identity.Card(card), steps: steps}
		if err := json.Unmarshal([]byte(text), &c.was); err != nil {
			return err
		}
		t.cards[c.was.Number] = append(t.cards[c.was.Number], c)
		return nil
	})
	return err
}

// row does what a row says; why it does not, where it does not.
func (t *banking) row(b *ledger.Batch, row *csvfile.Row) (why string, err error) {
	asn, err := tunion.ParseNumber(row.Fields[0])
	if err != nil {
		return "number: want the 19 or 20 digits of the card's number", nil //nolint:nilerr // it is the row's reject
	}
	says, why := t.says(row.Fields)
	if why != "" {
		return why, nil
	}
	cards := t.cards[index.Number(asn).Digits()]
	switch len(cards) {
	case 0:
		return "no card of this number was sold here", nil
	case 1:
	default:
		return "cards of two issuers have this number", nil
	}
	c := cards[0]
	switch is := &c.was; {
	case is.Bank == NoFunction:
		return "the card has no bank function", nil
	case is.BankDay == says.BankDay && is.BankSequence == says.BankSequence && is.Bank == says.Bank:
		t.taken.Same++
		return "", nil
	case !says.BankLater(is):
		return fmt.Sprintf("the bank has said %q of it with day %s and sequence %d", string(is.Bank), is.BankDay, is.BankSequence), nil
	}
	c.steps++
	c.was.Bank, c.was.BankDay, c.was.BankSequence = says.Bank, says.BankDay, says.BankSequence
	t.steps = append(t.steps, bankedStep{c.card, Record{
		Step: c.steps, Do: Bank, At: t.at.Unix(), Unit: people.Issuer, Order: bankStep(t.taken.Number, row.Line), Left: c.was,
	}})
	t.taken.Done++
	return "", chained(b, c.card, &t.steps[len(t.steps)-1].record, nil)
}

// says is what the columns behind the number say.
func (t *banking) says(fields []string) (s Standing, why string) {
	var err error
	if s.Bank = bankWords()[fields[1]]; s.Bank == NoFunction {
		return s, "state: want not_activated, active, suspended or closed"
	}
	if s.BankDay, err = ledger.ParseDay(fields[2]); err != nil || s.BankDay > t.today {
		return s, "day: want a day YYYYMMDD that is not to come"
	}
	s.BankSequence, err = strconv.ParseInt(fields[3], 10, 32)
	if err != nil || s.BankSequence < 1 {
		return s, "sequence: want a number from 1"
	}
	return s, ""
}

func (t *banking) finish(ctx context.Context, tx pgx.Tx, b *ledger.Batch, out *ledger.Outcome) error {
	batch := &pgx.Batch{}
	for i := range t.steps {
		if out.Transfers[i].Result != ledger.Inserted {
			return fmt.Errorf("note a row of the bank: %w", out.Transfers[i].Err)
		}
		if err := queue(batch, t.steps[i].card, &t.steps[i].record, b.Day, t.by.First); err != nil {
			return err
		}
	}
	lines, contents, whys := t.taken.Columns()
	batch.Queue("INSERT INTO bank_files (file, number, lines, done, same, rejects) VALUES ($1, $2, $3, $4, $5, $6)",
		t.file.Hash[:], t.taken.Number, t.taken.Rows, t.taken.Done, t.taken.Same, len(t.taken.Rejects))
	batch.Queue("INSERT INTO bank_rejects (file, line, content, why) SELECT $1::BYTEA, line, content, why FROM unnest($2::INT8[], $3::TEXT[], $4::TEXT[]) AS r (line, content, why)",
		t.file.Hash[:], lines, contents, whys)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep a file of the bank: %w", err)
	}
	told, err := t.taken.Told()
	if err != nil {
		return err
	}
	text, err := json.Marshal(BankTold{t.taken.Number, told, t.taken.Same})
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, ActBank, string(text), t.by)
}
