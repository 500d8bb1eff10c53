package dayclose_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/settlement"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const today ledger.Day = 20260105

// move books a transfer on the effective day; id tells the transfers apart.
func move(id byte, day ledger.Day, debit, credit string, fen ledger.Fen, purpose ledger.Purpose) ledger.Transfer {
	return ledger.Transfer{
		Day: day, Subject: "s", ID: ledger.ID([]byte{id}), Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit),
		Amount: fen, Purpose: purpose,
	}
}

// TestClose closes a day with taps of two days, a medical settlement, pensions
// and a receipt, and closes it again: the positions and payments are those worked
// out below, once.
//
//	operator:bus   80 + 80 (today) + 100 (yesterday)   = 260, paid from the reserve
//	hospital:h1    700 (fund) + 200 (account)           = 900, paid from bank:medical
//	pension        3000 sent - 1000 returned            = 2000, paid from bank:pension
//	channel        -5000 authorised                     stays owed
func TestClose(t *testing.T) {
	town := clearingtest.New(t, nil)
	l := ledgertest.Open(t, 8)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.OpenDay(t.Context(), today))
	must(l.OpenAccounts(t.Context(), chart.Accounts(town.Registry.Current())))
	post := func(stream string, transfers ...ledger.Transfer) {
		t.Helper()
		claim, err := l.Claim(t.Context(), stream, "test", 0)
		must(err)
		out, err := l.Post(t.Context(), &ledger.Batch{Stream: stream, Epoch: claim.Epoch, From: claim.Next, Next: claim.Next + 1, Day: claim.Day, Transfers: transfers})
		must(err)
		for i, decision := range out.Transfers {
			if decision.Result != ledger.Inserted {
				t.Fatalf("transfer %d: %s %v", i, decision.Result, decision.Err)
			}
		}
	}
	personal := chart.Personal([16]byte{15: 1})
	post("openings", chart.Openings(town.Registry.Current())...)
	post("receipts",
		move(1, today, chart.BankMedical, chart.Fund("employee"), 10_000, chart.PurposeReceipt),
		move(2, today, chart.BankPension, chart.PensionFund, 10_000, chart.PurposeReceipt))
	post("taps/0",
		move(3, today, chart.Float, "operator:bus", 80, chart.PurposeBus),
		move(4, today, chart.Float, "operator:bus", 80, chart.PurposeBus),
		move(5, today-1, chart.Float, "operator:bus", 100, chart.PurposeBus),
		move(6, today, "channel:counter", chart.Unwritten, 5000, chart.PurposeLoadAuthorised),
		move(7, today, chart.Fund("employee"), "hospital:h1", 700, chart.PurposeMedicalFund),
		move(8, today, personal, "hospital:h1", 200, chart.PurposeMedicalAccount),
		move(9, today, chart.PensionFund, chart.PensionPayout, 3000, chart.PurposePension),
		move(10, today, chart.PensionPayout, chart.PensionReturned, 1000, chart.PurposePensionReturn))

	dir := t.TempDir()
	seed := sha256.Sum256([]byte("test"))
	closer := &dayclose.Closer{
		Ledger: l, Registry: town.Registry.Current(), Owner: "test", Dir: filepath.Join(dir, "settlement"), Seals: filepath.Join(dir, "seals"),
		Signer: ed25519.NewKeyFromSeed(seed[:]),
	}
	result, err := closer.Close(t.Context(), today, today.Next())
	must(err)
	again, err := closer.Close(t.Context(), today, today.Next())
	must(err)
	if again.Seal.Root != result.Seal.Root {
		t.Error("closing again gave another seal")
	}

	positions := map[string]settlement.Position{}
	for _, p := range result.Positions {
		positions[p.Participant.Code] = p
	}
	for code, fen := range map[string]int64{
		"operator:bus": 260, "operator:metro": 0, "hospital:h1": 900, "channel:counter": -5000,
		"fund:employee": -700, "fund:resident": 0, "pension:fund": -3000, "pension:payout": 2000,
	} {
		if positions[code].Fen != fen {
			t.Errorf("position of %s is %d, want %d", code, positions[code].Fen, fen)
		}
	}
	if lines := positions["operator:bus"].Lines; len(lines) != 2 || lines[0].Day != 20260104 || lines[0].Fen != 100 || lines[1].Count != 2 {
		t.Errorf("lines of the bus operator are %+v, want yesterday's 100 apart from today's two", lines)
	}
	for code, fen := range map[string]ledger.Fen{
		"operator:bus": 0, "hospital:h1": 0, chart.PensionPayout: 0, chart.PensionReturned: 1000, chart.Reserve: 260,
		"channel:counter": -5000, chart.BankPension: -10_000 + 2000, chart.BankMedical: -10_000 - 50_000 + 900,
	} {
		sums, err := l.Balance(t.Context(), code)
		must(err)
		if got := sums.Credits - sums.Debits; got != fen {
			t.Errorf("%s holds %d after the close, want %d", code, got, fen)
		}
	}
	if _, err := settlement.Verify(result.Files); err != nil {
		t.Error(err)
	}
	_, err = verify.Books(t.Context(), l, closer.Signer.Public().(ed25519.PublicKey), func(f verify.Fault) { t.Error(f) })
	must(err)
	checkSealFile(t, filepath.Join(dir, "seals", "20260105.json"), result.Seal)

	// The sealed day takes no more.
	if claim, err := l.Claim(t.Context(), "taps/0", "test", 0); err != nil || claim.Day != today.Next() {
		t.Errorf("after the close taps/0 is in day %d (%v), want %d", claim.Day, err, today.Next())
	}
}

func checkSealFile(t *testing.T, path string, seal ledger.Seal) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Day, Root, Signature, Signer string }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	read := ledger.Seal{Day: today, Signature: clearingtest.Hex(file.Signature), Signer: clearingtest.Hex(file.Signer)}
	copy(read.Root[:], clearingtest.Hex(file.Root))
	if !read.Valid() || read.Root != seal.Root || file.Day != "20260105" {
		t.Errorf("the published seal %s does not verify", data)
	}
}
