package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

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
	var previous, batches ledger.Hash
	for i := range previous {
		previous[i], batches[i] = 9, 7
	}
	link := ledger.Link{
		Stream: 44, Sequence: 5, From: 100, Next: 200, Day: 20260105, Shard: 3, Epoch: 17, At: noon.Add(123456 * time.Microsecond), Transfers: 2, Memos: 1,
		Root: root, Note: []byte("note"),
	}
	check("chain head", link.HeadAfter(previous), "e4ed5afa49e8b661aeaf871fa34b3322cd452dde74336a271fa7a752f1e351ff")
	account := ledger.Account{
		Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits | ledger.MustReturnToZero, Shards: 2, Cap: 1000, Alarm: 500,
	}
	check("claim", ledger.ClaimHash("taps/0", 17, "host 7"), "71247f1a9f400e1ebac525732d2812473fbeda2350e0ad8048ac317d362e1c63")
	check("opening of an account", account.OpeningHash(), "4db67c3c011ad481af4fa53511cd2076c4dfb1eb902441f23b7ebd3de30f66a0")
	check("day leaf", ledger.HeadLeaf(20260105, "taps", 5, previous, batches), "b395301588315608b17cdc93dd895606b3df9266beb7fc9a504c8ec8155e6a79")
	entry := ledger.AuditEntry{Number: 3, At: noon, Act: "reopen day", What: "20260104", First: "Li", Second: "Wang", Reason: "late file"}
	check("audit entry", entry.HashAfter(previous), "f88ae4a7f2ab4cf8265a140b680f44a64b19370d19a7d819b55fab1abeab9caa")
	row.Act, row.Expires = ledger.Hold, noon
	check("hash of a hold", row.ContentHash(), "7ef79c25953b32271e6ac052a46d087914b8b960d0807b81641955ad58f4688c")
	empty, err := (&ledger.Tree{}).Root()
	if err != nil {
		t.Fatal(err)
	}
	check("empty root", empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if got := ledger.IDOfCode("operator:metro"); got != 181815622270387252 {
		t.Errorf("operator:metro has the number %d, expected 181815622270387252", got)
	}
}
