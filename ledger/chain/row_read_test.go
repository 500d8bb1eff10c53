package chain_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"citycard/ledger/chain"
)

// TestParseRow reads rows out of their canonical bytes, and refuses all that is not whole or has
// more.
func TestParseRow(t *testing.T) {
	transfer := chain.Row{
		Day: 20260104, BookingDay: 20260105, Debit: 11, Credit: 22, Amount: 333, Purpose: 7, Linked: true, Stream: -44, Sequence: 5,
		Position: 6, Subject: "card", ID: "\x01\x02", Evidence: []byte("tap"),
	}
	hold := transfer
	hold.Act, hold.Expires = chain.Hold, time.Unix(1767614400, 0)
	changed := hold // what SetStored makes of flags that no row has
	changed.SetStored(-1, 300, -5)
	zero := hold // the second of Go's zero time is not none
	zero.SetStored(7, 4, time.Time{}.Unix())
	memo := chain.Row{Day: 1, Subject: "s", ID: "i", Kind: "record", Reason: "free", Position: -1}
	for _, row := range []chain.Row{transfer, hold, changed, zero, memo, {}} {
		b := row.AppendCanonical(nil)
		got, err := chain.ParseRow(b)
		if err != nil || !reflect.DeepEqual(got, row) {
			t.Errorf("%x is read as %+v, want %+v; %v", b, got, row, err)
		}
		for cut := range b {
			if _, err := chain.ParseRow(b[:cut]); !errors.Is(err, chain.ErrCanonical) {
				t.Errorf("%d bytes of %d: %v, want ErrCanonical", cut, len(b), err)
			}
		}
		if _, err := chain.ParseRow(append(b, 0)); !errors.Is(err, chain.ErrCanonical) {
			t.Errorf("a byte more: %v, want ErrCanonical", err)
		}
	}
	// Bytes that no row makes, though each field can be read.
	for name, change := range map[string]func(b []byte){
		"leaf": func(b []byte) { b[0] = 1 }, "version": func(b []byte) { b[1] = 3 }, "reserved flag": func(b []byte) { b[36] |= 2 },
		"never lapses": func(b []byte) { clear(b[57:65]) }, "length": func(b []byte) { b[65] = 0xFF },
	} {
		b := hold.AppendCanonical(nil)
		change(b)
		if _, err := chain.ParseRow(b); !errors.Is(err, chain.ErrCanonical) {
			t.Errorf("%s: %v, want ErrCanonical", name, err)
		}
	}
}

// TestStoredValues stores what a row can have, and what its columns can have besides: nothing of
// that is like anything a row can have.
func TestStoredValues(t *testing.T) {
	row := func(kind []byte, expires int64) chain.Row {
		r := chain.Row{Day: 20260104, Subject: "card", ID: "1", Kind: string(chain.StoredKind(kind))}
		r.SetStored(7, 4, expires)
		if got := r.ExpiresUnix(); got != expires {
			t.Errorf("stored to lapse at %d, it lapses at %d", expires, got)
		}
		return r
	}
	seen := make(map[chain.Hash]string)
	for _, kind := range [][]byte{nil, {}, []byte("record")} {
		for _, expires := range []int64{math.MinInt64, time.Time{}.Unix() - 1, time.Time{}.Unix(), time.Time{}.Unix() + 1, -1, 0, 1, math.MaxInt64} {
			r := row(kind, expires)
			name := fmt.Sprintf("kind %q, lapses at %d", kind, expires)
			if other, there := seen[r.ContentHash()]; there {
				t.Errorf("%s hashes like %s", name, other)
			}
			seen[r.ContentHash()] = name
			if r.IsMemo() != (kind != nil) {
				t.Errorf("%s: a memo: %v", name, r.IsMemo())
			}
		}
	}
}

// TestMerkleTree compares roots with the example of certificate transparency's test vectors (RFC
// 6962 trees over eight leaves), each leaf after its zero byte.
func TestMerkleTree(t *testing.T) {
	leaves := []string{"", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43", "\x50\x51\x52\x53\x54\x55\x56\x57", "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"}
	var hashes []chain.Hash
	for i, want := range []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		hashes = append(hashes, sha256.Sum256([]byte("\x00"+leaves[i])))
		root := chain.RootOf(hashes)
		if text, _ := root.MarshalText(); string(text) != want {
			t.Errorf("root over %d leaves is %s, want %s", i+1, text, want)
		}
	}
}
