package ledger_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

// TestProofs proves rows of batches of all sizes, in a few kB, and refuses proofs in which anything
// was changed.
func TestProofs(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	var keys []ledger.Key
	number := 0
	for _, size := range []int{1, 2, 3, 7, 64, 1000} {
		var batch []ledger.Transfer
		for range size {
			number++
			x := evidence(number, 5, "record")
			x.Day = today.Add(-(number % 5))
			batch = append(batch, x)
		}
		for _, at := range []int{0, size / 2, size - 1} {
			keys = append(keys, ledger.Key{Day: batch[at].Day, Subject: batch[at].Subject, ID: batch[at].ID})
		}
		for i, d := range b.post(batch).Transfers {
			if d.Result != ledger.Inserted {
				t.Fatalf("transfer %d of %d: %+v", i, size, d)
			}
		}
	}
	elsewhere, err := b.Lease(ctx, "desk", "test", 0)
	b.must(err)
	if _, err = b.Prove(ctx, keys[0]); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("before the seal: %v, expected ErrDay", err)
	}
	b.must(b.CloseDay(ctx, today, today.Next()))
	b.must(b.EndDay(ctx, today))
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ledgertest.Pin(t, b.Ledger, signer)
	seal, err := b.SealDay(ctx, today, signer)
	b.must(err)
	if _, err = b.Prove(ctx, ledger.Key{Day: today, Subject: "nobody", ID: "x"}); !errors.Is(err, ledger.ErrNoRow) {
		t.Errorf("of no row: %v, expected ErrNoRow", err)
	}
	for _, k := range keys {
		proof, err := b.Prove(ctx, k)
		if err != nil {
			t.Fatalf("%v: %v", k, err)
		}
		data, err := json.Marshal(proof)
		b.must(err)
		if len(data) > 4096 {
			t.Errorf("the proof has %d bytes, expected at most 4096", len(data))
		}
		var read chain.Proof
		b.must(json.Unmarshal(data, &read))
		if err = read.Check(seal.Signer); err != nil || string(read.Row.ID) != string(k.ID) {
			t.Errorf("proof of %v: %v", k, err)
		}
		if err = read.Check(nil); !errors.Is(err, chain.ErrProof) {
			t.Errorf("proof of %v by no signer: %v, expected ErrProof", k, err)
		}
	}
	tamperProof(t, b, keys[len(keys)-2], elsewhere.Stream)
	for _, counts := range []string{"transfers = -2147483648", "transfers = 2147483647, memos = 2147483647"} {
		_, err := b.Pool().Exec(ctx, "UPDATE batches SET "+counts)
		b.must(err)
		if _, err = b.Prove(ctx, keys[0]); err == nil || !strings.Contains(err.Error(), "the batch has 1 rows, its link says") {
			t.Errorf("of a batch with %s: %v, expected that its rows are not as many", counts, err)
		}
	}
}

// tamperProof changes every part of a proof in turn.
func tamperProof(t *testing.T, b *books, k ledger.Key, otherStream string) {
	proof, err := b.Prove(context.Background(), k)
	b.must(err)
	data, err := json.Marshal(proof)
	b.must(err)
	stranger := ed25519.NewKeyFromSeed([]byte("a stranger's seed of 32 bytes...")) // any other key
	public, ok := stranger.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("not an Ed25519 key")
	}
	for name, change := range map[string]func(*chain.Proof){
		"version":      func(p *chain.Proof) { p.Version = 2 },
		"amount":       func(p *chain.Proof) { p.Row.Amount++ },
		"amount, hash": func(p *chain.Proof) { p.Row.Amount++; p.Row.Hash = p.Row.ContentHash() },
		"position":     func(p *chain.Proof) { p.Row.Position++; p.Row.Hash = p.Row.ContentHash() },
		"row path":     func(p *chain.Proof) { p.RowPath[0][0] ^= 1 },
		"short path":   func(p *chain.Proof) { p.RowPath = p.RowPath[1:] },
		"root":         func(p *chain.Proof) { p.Link.Root[0] ^= 1 },
		"note":         func(p *chain.Proof) { p.Link.Note = []byte("other rules") },
		"previous":     func(p *chain.Proof) { p.Previous[0] ^= 1 },
		"link":         func(p *chain.Proof) { p.LinkIndex = 0 },
		"links":        func(p *chain.Proof) { p.Links = p.LinkIndex },
		"link path":    func(p *chain.Proof) { p.LinkPath[0][0] ^= 1 },
		"stream":       func(p *chain.Proof) { p.Stream = otherStream },
		"sequence":     func(p *chain.Proof) { p.Sequence++ },
		"head":         func(p *chain.Proof) { p.Head[0] ^= 1 },
		"stream index": func(p *chain.Proof) { p.StreamIndex = -1 },
		"stream path":  func(p *chain.Proof) { p.StreamPath[0][0] ^= 1 },
		"day root":     func(p *chain.Proof) { p.Seal.Root[0] ^= 1 },
		"signature":    func(p *chain.Proof) { p.Seal.Signature[0] ^= 1 },
		"signer": func(p *chain.Proof) {
			p.Seal.Signer, p.Seal.Signature = public, ed25519.Sign(stranger, p.Seal.Message())
		},
	} {
		var p chain.Proof
		b.must(json.Unmarshal(data, &p))
		change(&p)
		if err := p.Check(proof.Seal.Signer); !errors.Is(err, chain.ErrProof) {
			t.Errorf("%s changed: %v, expected ErrProof", name, err)
		}
	}
}
