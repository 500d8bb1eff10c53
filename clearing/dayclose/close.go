package dayclose

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

// StreamSettlement is the stream in which payments are booked; it stays in the
// day while the input streams move on.
const StreamSettlement = "settlement"

// settlementID is the id of a participant's one payment of a day.
var settlementID = identity.Settlement("net")

// Closer closes days.
type Closer struct {
	Ledger   *ledger.Ledger
	Registry *registry.Edition
	Owner    string             // who claims the settlement stream
	Dir      string             // settlement files, one folder a day
	Seals    string             // seal files, one a day
	Signer   ed25519.PrivateKey // not kept in the database
}

// Result is a closed and sealed day.
type Result struct {
	Day       ledger.Day
	Positions []settlement.Position
	Files     string // the folder
	Seal      ledger.Seal
}

// Close closes day, which next follows. Call it once every input has been
// consumed up to the cut-off (intake.Await).
func (c *Closer) Close(ctx context.Context, day, next ledger.Day) (*Result, error) {
	if err := c.Ledger.CloseDay(ctx, day, next, StreamSettlement); err != nil {
		return nil, err
	}
	positions, err := Positions(ctx, c.Ledger, c.Registry, day)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(c.Dir, day.String())
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("settlement files: %w", err)
	}
	if _, err := settlement.Write(folder, settlement.Day(day), positions); err != nil {
		return nil, err
	}
	if err := c.pay(ctx, day, positions); err != nil {
		return nil, err
	}
	if err := c.Ledger.EndDay(ctx, day); err != nil {
		return nil, err
	}
	seal, err := c.Ledger.SealDay(ctx, day, c.Signer)
	if err != nil {
		return nil, err
	}
	if err := writeSeal(c.Seals, seal); err != nil {
		return nil, err
	}
	return &Result{Day: day, Positions: positions, Files: folder, Seal: seal}, nil
}

// pay books the payments of the day. The stream is claimed for the day, or was
// before: a close that is done again finds its payments there.
func (c *Closer) pay(ctx context.Context, day ledger.Day, positions []settlement.Position) error {
	var transfers []ledger.Transfer
	for _, p := range positions {
		if t, ok := payment(day, p); ok {
			transfers = append(transfers, t)
		}
	}
	claim, err := c.Ledger.Claim(ctx, StreamSettlement, c.Owner, day)
	if err != nil {
		return fmt.Errorf("claim settlement: %w", err)
	}
	if claim.Day != day {
		// An earlier run went on to the next day, so its payments are booked.
		return nil
	}
	if len(transfers) == 0 {
		return nil
	}
	out, err := c.Ledger.Post(ctx, &ledger.Batch{
		Stream: StreamSettlement, Epoch: claim.Epoch, From: claim.Next, Next: claim.Next + 1, Day: day, Transfers: transfers,
	})
	if err != nil {
		return fmt.Errorf("book payments of day %s: %w", day, err)
	}
	var refused []error
	for i, decision := range out.Transfers {
		if decision.Result != ledger.Inserted && decision.Result != ledger.Duplicate {
			refused = append(refused, fmt.Errorf("payment of %s: %w", transfers[i].Subject, decision.Err))
		}
	}
	return errors.Join(refused...)
}

// sealFile is what is published of a seal.
type sealFile struct {
	Day       string `json:"day"`
	Streams   int    `json:"streams"`
	Root      string `json:"root"`      // SHA-256, hexadecimal
	Signature string `json:"signature"` // Ed25519, hexadecimal
	Signer    string `json:"signer"`    // public key, hexadecimal
}

func writeSeal(dir string, seal ledger.Seal) error {
	data, err := json.MarshalIndent(sealFile{
		Day: seal.Day.String(), Streams: seal.Streams, Root: hex.EncodeToString(seal.Root[:]),
		Signature: hex.EncodeToString(seal.Signature), Signer: hex.EncodeToString(seal.Signer),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	if err := settlement.WriteFile(dir, seal.Day.String()+".json", append(data, '\n')); err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	return nil
}
