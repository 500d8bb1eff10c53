package purse

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("bad hex in test: %v", err)
	}
	return b
}

// Records read from real cards: a Beijing union card, and a Hangzhou city-union card.
func TestRealLogRecords(t *testing.T) {
	cases := []struct {
		raw  string
		want LogRecord
	}{
		{"042D 000000 000001F4 09 300089000340 20241229 141740", LogRecord{
			Sequence: 0x042D, Amount: 500, Type: TypeCAPP, Terminal: [6]byte(unhex(t, "300089000340")), Time: [7]byte(unhex(t, "20241229141740")),
		}},
		{"0008 000000 0000016C 09 310001029313 20140614 173611", LogRecord{
			Sequence: 8, Amount: 364, Type: TypeCAPP, Terminal: [6]byte(unhex(t, "310001029313")), Time: [7]byte(unhex(t, "20140614173611")),
		}},
		{"0006 000000 000000B6 09 310001029166 20140614 154024", LogRecord{
			Sequence: 6, Amount: 182, Type: TypeCAPP, Terminal: [6]byte(unhex(t, "310001029166")), Time: [7]byte(unhex(t, "20140614154024")),
		}},
	}
	for _, c := range cases {
		raw := unhex(t, c.raw)
		got, err := ParseLogRecord(raw)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.raw, got, err)
		}
		if again := got.Encode(); string(again[:]) != string(raw) {
			t.Errorf("%s encodes to %X", c.raw, again)
		}
		if got.Empty() {
			t.Errorf("%s counts as empty", c.raw)
		}
	}
	if empty, err := ParseLogRecord(make([]byte, 23)); err != nil || !empty.Empty() {
		t.Error("zeros do not count as an empty record")
	}
}

func TestRealBalances(t *testing.T) {
	for raw, want := range map[string]uint32{"00000AC3": 2755, "00000F44": 3908, "8000164E": 5710} {
		if got, err := ParseBalance(unhex(t, raw)); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", raw, got, err, want)
		}
	}
}

// Answers of real exchanges: the published load example and a motorway lane.
func TestRealAnswers(t *testing.T) {
	load, err := ParseLoadStart(unhex(t, "00000000 0000 02 00 11223344 2988AE5A"))
	if err != nil || load.KeyVersion != 2 || load.Random != [4]byte{0x11, 0x22, 0x33, 0x44} || load.MAC1 != [4]byte{0x29, 0x88, 0xAE, 0x5A} {
		t.Errorf("load %+v, %v", load, err)
	}
	lane, err := ParsePurchaseStart(unhex(t, "11E1A2D9 0028 000000 01 00 C7B13722"))
	if err != nil || lane.OldBalance != 0x11E1A2D9 || lane.OfflineSequence != 0x28 || lane.KeyVersion != 1 || lane.OverdraftLimit != 0 {
		t.Errorf("purchase %+v, %v", lane, err)
	}
	receipt, err := ParseDebit(unhex(t, "F3183336 622083C8"))
	if err != nil || receipt.TAC != [4]byte{0xF3, 0x18, 0x33, 0x36} || receipt.MAC2 != [4]byte{0x62, 0x20, 0x83, 0xC8} {
		t.Errorf("debit %+v, %v", receipt, err)
	}
	if receipt.Swapped().TAC != receipt.MAC2 {
		t.Error("swapped receipt is not swapped")
	}
	// The answer to 80 5A 00 09 02 0028, the lane's counter after its sequence 0027.
	proof, err := ParseProof(unhex(t, "0410385D 807979F8"))
	if err != nil || proof.TAC != [4]byte{0x04, 0x10, 0x38, 0x5D} || proof.MAC2 != [4]byte{0x80, 0x79, 0x79, 0xF8} {
		t.Errorf("proof %+v, %v", proof, err)
	}
	// A metro card's, of 2017.
	paid, err := ParseDebit(unhex(t, "A5717B4F 9909F538"))
	if err != nil || paid.TAC != [4]byte{0xA5, 0x71, 0x7B, 0x4F} || paid.MAC2 != [4]byte{0x99, 0x09, 0xF5, 0x38} {
		t.Errorf("debit %+v, %v", paid, err)
	}
}

// Commands as they were seen in real traffic.
func TestRealCommands(t *testing.T) {
	terminal := [6]byte(unhex(t, "014400019C8B"))
	cases := []struct {
		cmd  apdu.Command
		want string
	}{
		{InitializeCAPP(Start{EP, 1, 0, terminal}), "80 50 03 02 0B 01 00000000 014400019C8B 0F"},
		{InitializeLoad(Start{ED, 1, 0x1000, [6]byte(unhex(t, "001122334455"))}), "80 50 00 01 0B 01 00001000 001122334455 10"},
		{InitializePurchase(Start{ED, 1, 0x1000, [6]byte(unhex(t, "001122334455"))}), "80 50 01 01 0B 01 00001000 001122334455 0F"},
		{CreditLoad([7]byte(unhex(t, "20111221214822")), keys.MAC(unhex(t, "3A845BF0"))), "80 52 00 00 0B 20111221 214822 3A845BF0 04"},
		{Debit(0x0077433B, [7]byte(unhex(t, "20210125095628")), keys.MAC(unhex(t, "A24781CB"))), "80 54 01 00 0F 0077433B 20210125095628 A24781CB 08"},
		{Prove(TypeCAPP, 0x28), "80 5A 00 09 02 0028 08"},
		{GetBalance(Available, EP), "80 5C 00 02 04"},
		{UpdateCAPP(0, 0x1E, unhex(t, "0403")), "80 DC 00 F0 02 0403"},
		{UpdateCAPP(0x12, 0x1A, unhex(t, "2712")), "80 DC 12 D0 02 2712"},
		{InitializeOverdraft(ED, 1, terminal), "80 50 04 01 07 01 014400019C8B 13"},
		{UpdateOverdraft(0x010203, [7]byte(unhex(t, "20210125095628")), keys.MAC{1, 2, 3, 4}), "80 58 00 00 0E 010203 20210125095628 01020304 04"},
		{ChangePIN(0, []byte{0x12, 0x34}, []byte{0x56, 0x78}), "80 5E 01 00 05 1234 FF 5678"},
		{ReloadPIN(0, []byte{0x12, 0x34}, keys.MAC{1, 2, 3, 4}), "80 5E 00 00 06 1234 01020304"},
	}
	for _, c := range cases {
		raw, err := c.cmd.Encode()
		if err != nil || string(raw) != string(unhex(t, c.want)) {
			t.Errorf("encoded %X, %v, want %s", raw, err, c.want)
		}
	}
}

func TestAnswersOfWrongLength(t *testing.T) {
	for n := range 32 {
		b := make([]byte, n)
		errs := map[int]error{}
		_, errs[4] = ParseBalance(b)
		_, errs[16] = ParseLoadStart(b)
		_, errs[15] = ParsePurchaseStart(b)
		_, errs[19] = ParseOverdraftStart(b)
		_, errs[8] = ParseProof(b)
		_, errs[23] = ParseLogRecord(b)
		for want, err := range errs {
			if (err == nil) != (n == want) || err != nil && !errors.Is(err, ErrAnswer) {
				t.Errorf("%d bytes where %d belong: %v", n, want, err)
			}
		}
	}
}

// FuzzLogRecord: every record of the right length survives parsing.
func FuzzLogRecord(f *testing.F) {
	f.Add([]byte("\x04\x2D\x00\x00\x00\x00\x00\x01\xF4\x09\x30\x00\x89\x00\x03\x40\x20\x24\x12\x29\x14\x17\x40"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseLogRecord(b)
		if err != nil {
			return
		}
		if again := r.Encode(); string(again[:]) != string(b) {
			t.Fatalf("%X became %X", b, again)
		}
	})
}
