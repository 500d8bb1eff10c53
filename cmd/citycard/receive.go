package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/cmd/service"
	"citycard/ledger"
)

func receiveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard receive", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	var database string
	service.RegisterDatabase(flags, &database, "`URL` of the database; empty: the data directory's / 数据库地址")
	account := flags.String("account", "", "`account` that the money belongs to: channel:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund / 账户")
	amount := flags.String("amount", "", "`yuan`, such as 1200.50 / 金额(元)")
	reference := flags.String("reference", "", "the bank's `reference`; the same one books once / 银行流水号")
	return &ffcli.Command{
		Name:       "receive",
		ShortUsage: "citycard receive --account CODE --amount YUAN --reference TEXT [flags]",
		ShortHelp:  "book money that arrived at the bank / 登记到账资金",
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			fen, err := parseYuan(*amount)
			if err == nil && fen == 0 {
				err = errNoYuan
			}
			if err != nil {
				return service.Exit(service.ExitUsage, fmt.Errorf("--amount %q: %w", *amount, err))
			}
			r, err := newReceipt(*account, fen, *reference)
			if err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			b, done, err := booksOf(ctx, database, common.Data, common.Logger())
			if err != nil {
				return err
			}
			f := &foundation{books: b}
			booked, err := f.receive(ctx, ownerName(), r)
			if err := firstOf(err, done()); err != nil {
				return err
			}
			said := ""
			if booked == 0 {
				said = ": booked before; nothing changed / 此前已入账"
			}
			fmt.Printf("%s +%s (%s)%s\n", *account, yuan(fen), *reference, said)
			return nil
		},
	}
}

// firstOf is the error that matters when a second one came while cleaning up.
func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// errNoYuan says what an amount of money received looks like.
var errNoYuan = errors.New("want yuan above zero with at most two decimals / 金额须为正,单位元,至多两位小数")

// parseYuan reads an amount in yuan, 0 or more.
func parseYuan(text string) (ledger.Fen, error) {
	d, err := decimal.NewFromString(text)
	if err != nil || d.Sign() < 0 || !d.Shift(2).IsInteger() || d.Cmp(decimal.New(1, 12)) > 0 {
		return 0, errNoYuan
	}
	return ledger.Fen(d.Shift(2).IntPart()), nil
}

// receipt is money that the bank reports.
type receipt struct {
	account   string
	bank      string
	fen       ledger.Fen
	reference string
}

func newReceipt(account string, fen ledger.Fen, reference string) (receipt, error) {
	number, err := identity.Number(reference, 60)
	if err != nil {
		return receipt{}, fmt.Errorf("--reference: %w", err)
	}
	r := receipt{account: account, fen: fen, reference: number}
	switch {
	case strings.HasPrefix(account, "channel:"), account == chart.Deposits, account == chart.Passes, account == chart.Fees:
		r.bank = chart.Reserve
	case strings.HasPrefix(account, "fund:"):
		r.bank = chart.BankMedical
	case account == chart.PensionFund:
		r.bank = chart.BankPension
	default:
		return receipt{}, fmt.Errorf("--account %q: want channel:ID, %s, %s, %s, fund:ID or %s", account, chart.Deposits, chart.Passes, chart.Fees, chart.PensionFund)
	}
	return r, nil
}

// key is the receipt's place in the books. Its day is a fixed one, so that a reference books
// once, on whatever day it is repeated.
func (r *receipt) key() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(r.bank), ID: identity.Receipt(r.reference)}
}

// receive books receipts that are not in the books yet, and says how many these were: the
// bank's account is debited, the account that the money belongs to credited. A receipt whose
// reference stands there with another amount or account is refused before anything is booked,
// so that it leaves no dispute.
func (f *foundation) receive(ctx context.Context, owner string, receipts ...receipt) (booked int, err error) {
	err = f.books.InTurn(ctx, "receipts", owner, func(claim *ledger.Claim) error {
		var transfers []ledger.Transfer
		for i := range receipts {
			stands, err := f.stands(ctx, &receipts[i])
			if err != nil {
				return err
			}
			if !stands {
				transfers = append(transfers, receipts[i].transfer())
			}
		}
		if booked = len(transfers); booked == 0 {
			return nil
		}
		// A process that books the same meanwhile takes the stream, and all of this is asked again.
		return f.postClaimed(ctx, claim, transfers)
	})
	return booked, err
}

func (r *receipt) transfer() ledger.Transfer {
	k := r.key()
	return ledger.Transfer{
		Day: k.Day, Subject: k.Subject, ID: k.ID,
		Debit: ledger.IDOfCode(r.bank), Credit: ledger.IDOfCode(r.account), Amount: r.fen, Purpose: chart.PurposeReceipt,
	}
}

// stands reports whether a receipt is in the books. It refuses one for an account that is not
// there, and one whose reference was booked for something else.
func (f *foundation) stands(ctx context.Context, r *receipt) (bool, error) {
	accounts, err := f.books.Accounts(ctx)
	if err != nil {
		return false, err
	}
	account, open := accounts.Account(r.account)
	if !open {
		return false, service.Refuse("there is no account "+r.account+"; nothing booked / 没有该账户,未入账", "citycard account lists them", nil)
	}
	row, found, err := f.books.Find(ctx, r.key())
	if err != nil || !found {
		return false, err
	}
	if row.Amount != r.fen || row.Credit != account.ID {
		return false, service.Refuse(fmt.Sprintf("reference %s is booked already with %s yuan to %s; nothing booked / 该流水号已登记,未入账",
			r.reference, yuan(row.Amount), codeOf(accounts, row.Credit)), "correct --reference, or the amount and the account", nil)
	}
	return true, nil
}
