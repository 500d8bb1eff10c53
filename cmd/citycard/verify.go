package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	beside "citycard/clearing/verify"
	"citycard/cmd/books"
	"citycard/cmd/check"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/ledger/verify"
)

// verification is what citycard verify --json prints.
type verification struct {
	Books   verify.Summary `json:"books"`
	Faults  []verify.Fault `json:"faults"`
	Truth   *check.Report  `json:"truth,omitempty"`
	Seconds float64        `json:"seconds"`
	// Signer is the public key whose seals were trusted; empty: no signer was known.
	Signer string `json:"signer"`
	Holds  bool   `json:"holds"`

	signer  signer
	unknown bool // something needs a trusted signer, and none is known
}

func verifyCommand() *ffcli.Command {
	c := newCommand("verify", "", "replay the books and name every fault",
		"Checks every row's hash, every batch's root and link, every balance, limit and seal. Exit code 3 where\n"+
			"anything does not hold. Each day must be sealed with the key that was pinned in the books at the time, and the\n"+
			"last of these must be --signer or, without it, seal.key of the data directory; where neither is there, nothing\n"+
			"but the books says whose seals they are, and the exit code is 3 as well. With --export or --proof no database\n"+
			"is needed.")
	c.registerDatabase()
	c.registerJSON("print for machines")
	truthDir := c.flags.String("truth", "", "`directory` of a simulated city's truth to compare with")
	exported := c.flags.String("export", "", "an export `file` to replay instead of the database, - for standard input")
	proof := c.flags.String("proof", "", "the `file` of a transfer's proof to check instead")
	named := c.flags.String("signer", "", "public `KEY` by which days must be sealed now, in hex or a file that has it; empty: of the data directory's seal.key")
	return c.runs(func(ctx context.Context) error {
		trusted, err := trustedSigner(*named, c.Data)
		if err == nil && *truthDir != "" {
			err = check.Truth(*truthDir)
		}
		switch {
		case err != nil:
			return err
		case *proof != "":
			return c.readProof(*proof, trusted)
		case *exported != "":
			return c.verifyExport(*exported, trusted)
		}
		return c.within(ctx, books.ToVerify, func(ctx context.Context, b *books.Books) error {
			v, err := verifyBooks(ctx, b.Ledger, trusted, *truthDir)
			if err != nil {
				return err
			}
			return v.print(c)
		})
	})
}

func (c *command) verifyExport(path string, trusted signer) (err error) {
	file := os.Stdin
	if path != "-" {
		if file, err = os.Open(path); err != nil {
			return service.Fail("cannot read the export").Todo("correct --export").Because(err)
		}
	}
	started := time.Now()
	v := newVerification(trusted)
	v.Books, err = verify.Export(file, trusted.key, v.note)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	// The person who made the file may have left the sealed days out.
	v.unknown = trusted.key == nil
	v.Holds, v.Seconds = v.Books.Faults == 0 && !v.unknown, time.Since(started).Seconds()
	return v.print(c)
}

func newVerification(trusted signer) *verification {
	return &verification{Faults: []verify.Fault{}, Signer: hex.EncodeToString(trusted.key), signer: trusted}
}

// note keeps a fault, so long as there are not too many.
func (v *verification) note(f verify.Fault) {
	const limit = 1000
	if len(v.Faults) < limit {
		v.Faults = append(v.Faults, f)
	}
}

func verifyBooks(ctx context.Context, l *ledger.Ledger, trusted signer, truthDir string) (*verification, error) {
	started := time.Now()
	v := newVerification(trusted)
	var err error
	v.Books, err = verify.Books(ctx, l, trusted.key, v.note, beside.Tables)
	if err != nil {
		return nil, err
	}
	v.unknown = trusted.key == nil && v.Books.SealedDays > 0
	v.Holds = v.Books.Faults == 0
	if truthDir != "" {
		days, err := l.Days(ctx)
		if err != nil {
			return nil, err
		}
		v.Truth = check.NewReport(days[len(days)-1].Day)
		for _, d := range days {
			if err := v.Truth.ReadDay(ctx, l, d.Day); err != nil {
				return nil, err
			}
		}
		if err := v.Truth.ReadTrial(ctx, l, days[len(days)-1].Day); err != nil {
			return nil, err
		}
		if err := v.Truth.Compare(ctx, l, truthDir); err != nil {
			return nil, err
		}
		v.Holds = v.Holds && v.Truth.Holds()
	}
	v.Seconds = time.Since(started).Seconds()
	return v, nil
}

func (v *verification) print(c *command) error {
	if c.asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(v); err != nil {
			return err
		}
	} else {
		v.printText(c)
	}
	if !v.Holds {
		return service.Exit(service.ExitFindings, nil)
	}
	return nil
}

func (v *verification) printText(c *command) {
	for _, f := range v.Faults {
		c.Print("%s: %s: %s", faultIn(f.Kind, c.Language), f.Where, f.Detail)
	}
	s := v.Books
	c.Print("books %s", s.ID)
	if s.Part == export.PartAudit {
		c.Print("%d entries of the audit, %d sealed days checked in %.1f s: %w", s.Entries, s.SealedDays, v.Seconds, service.Faults(s.Faults))
		v.printSigner(c)
		v.printSealKeys(c)
		v.printAudit(c)
		return
	}
	c.Print("%d streams, %d batches, %d transfers, %d memos, %d accounts, %d sealed days checked in %.1f s: %w",
		s.Streams, s.Batches, s.Transfers, s.Memos, s.Accounts, s.SealedDays, v.Seconds, service.Faults(s.Faults))
	if v.Truth != nil {
		c.Print("against the truth: %d sent, %d lost, %d doubled, %d wrong, %d purse mismatches",
			v.Truth.Sent, v.Truth.Lost, v.Truth.Doubled, v.Truth.Wrong, v.Truth.PurseMismatches)
		for _, fault := range v.Truth.Faults {
			c.Print("  ! %s", fault)
		}
	}
	v.printSigner(c)
	v.printSealKeys(c)
	switch {
	case v.Holds:
		c.Print("THE BOOKS HOLD")
	case v.onlyUnknown():
		v.printUnknown(c)
	default:
		c.Print("THE BOOKS DO NOT HOLD")
	}
}

// printAudit prints what came out for an audit without its books.
func (v *verification) printAudit(c *command) {
	switch {
	case v.Holds:
		c.Print("THE AUDIT HOLDS; the rest of the books is not in the file")
	case v.onlyUnknown():
		v.printUnknown(c)
	default:
		c.Print("THE AUDIT DOES NOT HOLD")
	}
}

// onlyUnknown reports whether nothing is wrong but that nobody outside the books says who signed.
func (v *verification) onlyUnknown() bool {
	return (v.unknown || len(v.Faults) > 0) && !slices.ContainsFunc(v.Faults, func(f verify.Fault) bool { return f.Kind != verify.SealUnknown }) && (v.Truth == nil || v.Truth.Holds())
}

func (v *verification) printUnknown(c *command) {
	if v.signer.key == nil {
		c.Print("NOT PROVED: WHO SEALED THE DAYS WAS NOT CHECKED; " + askSigner)
	} else {
		c.Print("NOT PROVED: WHICH KEY SEALED THE DAYS BEFORE IS THE BOOKS' OWN WORD; seal the next day with the new key, which covers it")
	}
}

// printSigner prints the signer whose seals were trusted.
func (v *verification) printSigner(c *command) {
	switch s := v.Books; {
	case v.signer.key == nil && s.SealedDays == 0:
		c.Print("no day is sealed: nothing is signed yet")
	case v.signer.key == nil:
		c.Print("%d days are sealed; no signer is known to check them by", s.SealedDays)
	default:
		c.Print("trusted signer %s (%s); %d of %d days are sealed", v.Signer, v.signer.from, s.SealedDays, s.Days)
	}
}

// printSealKeys prints which keys the books have pinned. Without a trusted signer that is nothing
// but their own word.
func (v *verification) printSealKeys(c *command) {
	for i, key := range v.Books.SealKeys {
		switch last := i == len(v.Books.SealKeys)-1; {
		case !last && key.SealedDays == 0:
		case !last:
			next := v.Books.SealKeys[i+1]
			c.Print("%d days are sealed by the key before, %s, which %s and %s replaced with audit entry %d: %s", key.SealedDays, key.Key, next.First, next.Second, next.Audit, next.Reason)
		case key.Key != v.Signer:
			c.Print("the books' own word for the signer is %s, pinned by %s and %s with audit entry %d", key.Key, key.First, key.Second, key.Audit)
		default:
			c.Print("pinned in the books by %s and %s with audit entry %d", key.First, key.Second, key.Audit)
		}
	}
}
