package counter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/durable"
	"citycard/language"
)

// Act is what a receipt is for.
type Act string

// The acts of which a customer gets a receipt. They are stored.
const (
	ActTopUp   Act = "top_up"
	ActSale    Act = "sale"
	ActReturn  Act = "return"
	ActLoss    Act = "loss"
	ActReplace Act = "replace"
	ActExtend  Act = "extend"
	ActShift   Act = "shift"
)

// Text is an act in words.
func (a Act) Text() *language.Text {
	switch a {
	case ActTopUp:
		return language.Textf("top-up")
	case ActSale:
		return language.Textf("sale of a card")
	case ActReturn:
		return language.Textf("return of a card")
	case ActLoss:
		return language.Textf("report of a loss")
	case ActReplace:
		return language.Textf("replacement of a card")
	case ActExtend:
		return language.Textf("extension of a card")
	case ActShift:
		return language.Textf("end of a shift")
	}
	return language.Textf("receipt")
}

// What is what a line of a receipt says.
type What string

// The lines of receipts. They are stored.
const (
	WhatPrice    What = "price"
	WhatFee      What = "fee"
	WhatDeposit  What = "deposit"
	WhatLoad     What = "load"
	WhatBalance  What = "balance"
	WhatPaid     What = "paid"
	WhatPaidBack What = "paid_back"
	WhatWaits    What = "waits"
	WhatExpected What = "expected"
	WhatCounted  What = "counted"
	WhatHanded   What = "handed"
)

// Text is a line in words.
func (w What) Text() *language.Text {
	switch w {
	case WhatPrice:
		return language.Textf("price")
	case WhatFee:
		return language.Textf("fee")
	case WhatDeposit:
		return language.Textf("deposit")
	case WhatLoad:
		return language.Textf("loaded")
	case WhatBalance:
		return language.Textf("balance on the card")
	case WhatPaid:
		return language.Textf("paid in cash")
	case WhatPaidBack:
		return language.Textf("given back in cash")
	case WhatWaits:
		return language.Textf("waits for the card")
	case WhatExpected:
		return language.Textf("expected cash")
	case WhatHanded:
		return language.Textf("handed over")
	case WhatCounted:
		return language.Textf("counted cash")
	}
	return language.Textf("amount")
}

// Line is an amount on a receipt.
type Line struct {
	What What  `json:"what"`
	Fen  int64 `json:"fen"`
}

// Receipt is what a customer takes along. It does not name the holder.
type Receipt struct {
	Number string `json:"number"` // of the order
	// Name is the receipt's own, where the number is not: of an order that somebody else placed
	// ([Name.Receipt]).
	Name    string `json:"name,omitempty"`
	Act     Act    `json:"act"`
	Channel string `json:"channel"`
	Card    string `json:"card,omitempty"` // masked
	Time    string `json:"time"`           // YYYYMMDDhhmmss, in the city's zone
	Lines   []Line `json:"lines"`
}

// LoadReceipt is the receipt of a load that a card has confirmed; placer as [Desk.Written] has it.
func LoadReceipt(placer string, l *message.Load) Receipt {
	of := Resolved{Order: l.GetOrder(), Placer: placer}
	return Receipt{
		Number: l.GetOrder(), Name: of.Receipt(), Act: ActTopUp, Channel: l.GetChannel(), Card: tunion.Masked(fmt.Sprintf("%x", l.GetCard())), Time: fmt.Sprintf("%x", l.GetTime()),
		Lines: []Line{{WhatLoad, int64(l.GetAmountFen())}, {WhatBalance, int64(l.Own())}},
	}
}

// Paper is the receipt as text, with a heading of its own.
func (r *Receipt) Paper(heading string, l language.Language) string {
	var b strings.Builder
	row := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	if heading != "" {
		b.WriteString(heading + "\n")
	}
	b.WriteString(r.Act.Text().In(l) + "\n")
	row(l.Of("number"), r.Number)
	if r.Card != "" {
		row(l.Of("card"), r.Card)
	}
	at := r.Time
	if t, err := time.Parse("20060102150405", at); err == nil {
		at = t.Format(time.DateTime)
	}
	row(l.Of("time"), at)
	row(l.Of("at"), r.Channel)
	for _, line := range r.Lines {
		row(line.What.Text().In(l), language.Textf("%s yuan", yuan(line.Fen)).In(l))
	}
	return b.String()
}

// yuan writes fen as yuan.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// Receipts are kept in a directory, one file each: those that wait for the printer, and those that
// were printed, until they are old. None is lost while the printer is away.
type Receipts struct{ dir string }

// The folders of receipts.
const (
	waiting = "waiting"
	printed = "printed"
)

// receiptNumber are the names that receipts can have: an order's number, with its placer where it
// is another's.
var receiptNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(@[0-9a-f]{16})?$`)

// ErrNoReceipt: there is no receipt of that number.
var ErrNoReceipt = language.Textf("there is no receipt of that number")

// OpenReceipts opens a directory, making it where it is not there. Receipts that were printed
// before a time are removed.
func OpenReceipts(dir string, before time.Time) (*Receipts, error) {
	r := &Receipts{dir}
	for _, folder := range []string{waiting, printed} {
		if err := durable.MkdirAll(filepath.Join(dir, folder)); err != nil {
			return nil, fmt.Errorf("receipts: %w", err)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, printed))
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.ModTime().Before(before) {
			_ = os.Remove(filepath.Join(dir, printed, f.Name())) // next time, else
		}
	}
	return r, nil
}

func (r *Receipts) path(folder, number string) string {
	return filepath.Join(r.dir, folder, number+".json")
}

// Put keeps a receipt until it is printed.
func (r *Receipts) Put(receipt Receipt) error {
	name := cmp.Or(receipt.Name, receipt.Number)
	if !receiptNumber.MatchString(name) {
		return fmt.Errorf("receipts: number %q, want letters, digits, - and _", name)
	}
	content, err := json.Marshal(receipt)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	return durable.WriteFile(r.path(waiting, name), content)
}

// Get is the receipt of a number, whether it was printed or not.
func (r *Receipts) Get(number string) (receipt Receipt, err error) {
	if !receiptNumber.MatchString(number) {
		return receipt, ErrNoReceipt
	}
	content, err := os.ReadFile(r.path(waiting, number))
	if errors.Is(err, fs.ErrNotExist) {
		content, err = os.ReadFile(r.path(printed, number))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return receipt, ErrNoReceipt
	}
	if err == nil {
		err = json.Unmarshal(content, &receipt)
	}
	return receipt, err
}

// Waiting are the numbers of those that were not printed, oldest first.
func (r *Receipts) Waiting() ([]string, error) {
	files, err := os.ReadDir(filepath.Join(r.dir, waiting))
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	age := map[string]time.Time{}
	var numbers []string
	for _, f := range files {
		number, ok := strings.CutSuffix(f.Name(), ".json")
		info, err := f.Info()
		if !ok || err != nil || !receiptNumber.MatchString(number) {
			continue
		}
		age[number] = info.ModTime()
		numbers = append(numbers, number)
	}
	slices.SortStableFunc(numbers, func(a, b string) int { return age[a].Compare(age[b]) })
	return numbers, nil
}

// Printed notes that a receipt was printed.
func (r *Receipts) Printed(number string) error {
	err := os.Rename(r.path(waiting, number), r.path(printed, number))
	if errors.Is(err, fs.ErrNotExist) { // it was before
		return nil
	}
	return err
}
