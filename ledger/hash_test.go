package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"citycard/ledger"
)

// TestHashes compares with values worked out from the documented layouts by a separate program, so that the books of today
// can be proved by the code of tomorrow.
func TestHashes(t *testing.T) {
	row := ledger.Row{
		Day: 20260104, BookingDay: 20260105, Debit: 11, Credit: 22, Amount: 333, Purpose: 7, Linked: true, UpTo: true, Stream: 44, Sequence: 5,
		Position: 6, Subject: "card", ID: "\x01\x02", Evidence: []byte("tap"),
	}
	rowHash := row.ContentHash()
	check := func(what string, got ledger.Hash, want string) {
		t.Helper()
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%s is %x, expected %s", what, got, want)
		}
	}
	check("row hash", rowHash, "d44780574958c1d86181f1978b0702a3bc53245cc4da6e539f958749670f2ab6")
	var tree ledger.Tree
	for _, leaf := range []ledger.Hash{rowHash, sha256.Sum256([]byte{0, 1}), rowHash} {
		if err := tree.Add(leaf); err != nil {
			t.Fatal(err)
		}
	}
	root, err := tree.Root()
	if err != nil {
		t.Fatal(err)
	}
	check("root of three", root, "570a06d8d507434c7f1307b6ce7c0fdb9fe6dd12827b8ddbfcaf6306104a8454")
	var previous ledger.Hash
	for i := range previous {
		previous[i] = 9
	}
	link := ledger.Link{Stream: 44, Sequence: 5, From: 100, Next: 200, Day: 20260105, Shard: 3, Transfers: 2, Memos: 1, Root: root, Note: []byte("note")}
	check("chain head", link.HeadAfter(previous), "6fcdcfb5db178cd1c7f881a4547cd3bb7e4d7e34f8612d89bfc443c3f7ceac00")
	check("day leaf", ledger.HeadLeaf(20260105, "taps", 5, previous), "a2db451249ec7031329ea96fb90827994be3d61e8770355e532e8a41041ee58c")
	empty, err := (&ledger.Tree{}).Root()
	if err != nil {
		t.Fatal(err)
	}
	check("empty root", empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if got := ledger.IDOfCode("operator:metro"); got != 181815622270387252 {
		t.Errorf("operator:metro has the number %d, expected 181815622270387252", got)
	}
}
