package chain_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"citycard/ledger/chain"
)

// TestHashes compares with values worked out from the documented layouts by a separate program, so
// that the books of today can be proved by the code of tomorrow.
func TestHashes(t *testing.T) {
	row := chain.Row{
		Day: 20260104, BookingDay: 20260105, Debit: 11, Credit: 22, Amount: 333, Purpose: 7, Linked: true, Stream: 44, Sequence: 5,
		Position: 6, Subject: "card", ID: "\x01\x02", Evidence: []byte("tap"),
	}
	rowHash := row.ContentHash()
	check := func(what string, got chain.Hash, want string) {
		t.Helper()
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%s is %x, expected %s", what, got, want)
		}
	}
	check("row hash", rowHash, "a94bf9315fe337026b98e0825ae1c011744d43de9b77938ec0ff41df00a1a383")
	var tree chain.Tree
	for _, leaf := range []chain.Hash{rowHash, sha256.Sum256([]byte{0, 1}), rowHash} {
		tree.Add(leaf)
	}
	root := tree.Root()
	check("root of three", root, "114c12abc97bfcf95149f2135a19fe9d822b0c880c1778aadc1a94ccce3bd448")
	var previous, batches chain.Hash
	for i := range previous {
		previous[i], batches[i] = 9, 7
	}
	link := chain.Link{
		Stream: 44, Sequence: 5, From: 100, Next: 200, Day: 20260105, Shard: 3, Epoch: 17, At: time.Unix(1767614400, 0).Add(123456 * time.Microsecond), Transfers: 2, Memos: 1,
		Root: root, Note: []byte("note"),
	}
	check("chain head", link.HeadAfter(previous), "dd8531ca707719cb6526819b1a044ae32a6fdc2748944b0caf0b6a48aba1fbc8")
	account := chain.Account{
		Code: "agent", Kind: chain.Asset, Owner: "kiosk", Flags: chain.DebitsMustNotExceedCredits | chain.MustReturnToZero, Shards: 2, Cap: 1000, Alarm: 500,
	}
	check("lease", chain.LeaseHash("taps/0", 17, "host 7"), "71247f1a9f400e1ebac525732d2812473fbeda2350e0ad8048ac317d362e1c63")
	check("opening of an account", account.OpeningHash(), "4db67c3c011ad481af4fa53511cd2076c4dfb1eb902441f23b7ebd3de30f66a0")
	check("day leaf", chain.HeadLeaf(20260105, "taps", 5, previous, batches), "b395301588315608b17cdc93dd895606b3df9266beb7fc9a504c8ec8155e6a79")
	entry := chain.AuditEntry{Number: 3, At: time.Unix(1767614400, 0), Act: "reopen day", What: "20260104", First: "Li", Second: "Wang", Reason: "late file"}
	check("audit entry", entry.HashAfter(previous), "28931b8506efc92bfd4eff57c784b5401bc930ee14faeedcf2ccbd4fd0b7cd82")
	entry.Signed = []chain.Signature{
		{Key: "SHA256:a", Statement: `{"person":"li"}`, Signature: "U1NI"}, {Key: "SHA256:b", Statement: "二", Signature: "U1NIU0lH"},
	}
	check("signed audit entry", entry.HashAfter(previous), "432e892039e35e217b34bf2bbfdbc14ee0cbbfe66f4b9c5388238d4d2bb4ac2b")
	check("start of the audit", chain.AuditStart("5f0c6f4e-6a55-4f2a-9f0e-0c53e0a1b2c3"), "2f8f096cb1dc2f571b7193f2329d0f7c1ec1858b7b33787bd2d539bddf4a739d")
	row.Act, row.Expires = chain.Hold, time.Unix(1767614400, 0)
	check("hash of a hold", row.ContentHash(), "897372f8e63ce23e333d35283c87d7103e559a1c84032f30c4441cdd9174214e")
	check("empty root", (&chain.Tree{}).Root(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if got := chain.IDOfCode("operator:metro"); got != 181815622270387252 {
		t.Errorf("operator:metro has the number %d, expected 181815622270387252", got)
	}
}

// TestStoredHash reads hashes out of columns: NULL is zero, other lengths are refused, or like no
// hash that has a meaning.
func TestStoredHash(t *testing.T) {
	short := make([]byte, sha256.Size-1) // a zero that lost a byte
	for _, stored := range [][]byte{nil, make([]byte, sha256.Size), {}, {0}, short, make([]byte, sha256.Size+1)} {
		valid := stored == nil || len(stored) == sha256.Size
		var h chain.Hash
		if err := h.ScanBytes(stored); (err == nil) != valid || h != (chain.Hash{}) {
			t.Errorf("%d bytes are scanned as %x, %v", len(stored), h, err)
		}
		if got := chain.StoredHash(stored); (got == chain.Hash{}) != valid || got == sha256.Sum256(stored) {
			t.Errorf("%d bytes are %x", len(stored), got)
		}
	}
}

// TestSignaturesText reads what is written, and takes no other text for it: not another spelling of
// the same signatures, nor one that would lose something.
func TestSignaturesText(t *testing.T) {
	one := chain.Signature{Key: "SHA256:a", Statement: `{"what":"<1> & 2"}`, Signature: "U1NI"}
	for _, list := range [][]chain.Signature{nil, {one}, {one, {Key: "SHA256:b", Statement: "二\u2028", Signature: "c2ln"}}} {
		text, err := chain.SignaturesText(list)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := chain.ParseSignatures(text); err != nil || !slices.Equal(got, list) || !slices.Equal(chain.StoredSignatures(text), list) {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		" ", "null", "[]", "{}", "x", `[{"key":"a","statement":"b"}]`, `[{"Key":"a","statement":"b","signature":"c"}]`,
		`[{"key":"a","statement":"b","signature":"c"} ]`, `[{"key":"a","statement":"b","signature":"c","more":1}]`,
		`[{"key":"z","key":"a","statement":"b","signature":"c"}]`, `[{"key":"a","statement":"b","signature":"c"}]x`,
	} {
		if got, err := chain.ParseSignatures(text); err == nil {
			t.Errorf("%q is read as %+v, want an error", text, got)
		}
		if got := chain.StoredSignatures(text); len(got) != 1 || got[0] != (chain.Signature{Statement: text}) {
			t.Errorf("%q is stored as %+v", text, got)
		}
	}
}
