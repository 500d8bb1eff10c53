package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

func exportCommand() *ffcli.Command {
	c := newCommand("export", "", "write all books to a file",
		"Rows as the bytes that are hashed, all else as JSON; package ledger/export describes them.\n"+
			"\"citycard verify --export FILE\" replays it without a database.")
	out := registerOut(c)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		return writeTo(*out, func(w io.Writer) error { return export.Write(ctx, b.Ledger, w) })
	})
}

func registerOut(c *command) *string {
	return c.flags.String("out", "", "`file` to write, which must not exist; empty: standard output")
}

func proveCommand() *ffcli.Command {
	c := newCommand("prove", "--day DAY --subject HEX --id HEX", "write the proof of one transfer of a sealed day",
		"A few kB that \"citycard verify --proof FILE\" checks without the books.")
	var day books.Day
	c.flags.Var(&day, "day", "effective `day` YYYYMMDD of the transfer")
	subject := c.flags.String("subject", "", "its subject, in `hex`")
	id := c.flags.String("id", "", "its id, in `hex`, as a statement shows it")
	out := registerOut(c)
	var key ledger.Key
	c.check = func() error {
		whose, err := hex.DecodeString(*subject)
		which, idErr := hex.DecodeString(*id)
		switch {
		case err != nil:
			return language.Textf("--subject %q: %w", *subject, err)
		case idErr != nil:
			return language.Textf("--id %q: %w", *id, idErr)
		}
		if day == 0 || len(whose) == 0 || len(which) == 0 {
			return language.Textf("want --day, and --subject and --id in hex, two digits a byte")
		}
		key = ledger.Key{Day: ledger.Day(day), Subject: ledger.Subject(whose), ID: ledger.ID(which)}
		return nil
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		proof, err := b.Prove(ctx, key)
		switch {
		case errors.Is(err, ledger.ErrNoRow):
			return service.Fail("there is no such row in the books").Todo("citycard statement --subject HEX lists the days and ids of what is booked for a subject")
		case errors.Is(err, ledger.ErrDay):
			return service.Refuse("it cannot be proved yet").Todo("seal the day first: citycard day seal").Because(err)
		case err != nil:
			return err
		}
		return writeTo(*out, func(w io.Writer) error { return writeJSON(w, proof) })
	})
}

// writeTo writes to standard output, or to a new file, which gets its name when it is complete and
// on disk.
func writeTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(os.Stdout)
	}
	begun := false
	_, err := os.Lstat(path)
	if err == nil {
		err = fs.ErrExist // at once: the books take long to write
	} else {
		err = durable.WriteNew(path, func(w io.Writer) error { begun = true; return write(w) })
	}
	if err != nil && !begun || errors.Is(err, fs.ErrExist) {
		return service.Fail("cannot write %s", path).Todo("name a file that does not exist, in a directory that does").Because(err)
	}
	return err
}

// readProof reads a proof and checks it. If the signer is not known, it proves nothing, even if
// everything else is right.
func (c *command) readProof(path string, trusted signer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return service.Fail("cannot read the proof").Todo("correct --proof").Because(err)
	}
	var proof chain.Proof
	if err = json.Unmarshal(data, &proof); err != nil || proof.Stream == "" {
		return service.Fail("%s is not a proof file", path).Todo("give the file that citycard prove has written").Because(err)
	}
	key := trusted.key
	if key == nil {
		key = proof.Seal.Signer
	}
	if err := proof.Check(key); err != nil {
		c.Print("THE PROOF DOES NOT HOLD: %v", err)
		return service.Exit(service.ExitFindings, nil)
	}
	r := &proof.Row
	c.Print("day %v, subject %x, id %x: %v yuan from account %d to %d, booked on %v", r.Day, string(r.Subject), string(r.ID), r.Amount, r.Debit, r.Credit, r.BookingDay)
	if trusted.key == nil {
		c.Print("NOT PROVED: WHO SEALED THE DAY WAS NOT CHECKED, the proof's own word is %x; "+askSigner, []byte(proof.Seal.Signer))
		return service.Exit(service.ExitFindings, nil)
	}
	c.Print("THE PROOF HOLDS, by the seal of %x (%s)", []byte(trusted.key), trusted.from)
	return nil
}
