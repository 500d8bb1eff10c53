package keys

import (
	"fmt"
	"strings"
	"testing"
)

// TestSignPurchases signs numbers of records that do not fill a group, and compares every TAC with
// the one that a card computes.
func TestSignPurchases(t *testing.T) {
	master := GenerateTest(5).TACMaster()
	signer := NewTACSigner(master)
	for _, n := range []int{0, 1, 63, 64, 65, 700} {
		records := make([]PurchaseRecord, n)
		for i := range records {
			records[i] = PurchaseRecord{
				Card:   CardID{Issuer: [8]byte{1, 2, 3, byte(i % 3)}, ASN: [10]byte{0, 0, 0, byte(i), byte(i >> 8)}},
				Amount: uint32(i * 17), Type: 9, Terminal: [6]byte{byte(i)}, TerminalSequence: uint32(i), Time: [7]byte{0x20, 0x26, byte(i)},
			}
		}
		signer.SignPurchases(records)
		for i, r := range records {
			f := r.Card.Factors()
			want := PurchaseTAC(Diversify(master, f[:]...), Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time})
			if r.TAC != want {
				t.Fatalf("record %d of %d: TAC %x, the card computes %x", i, n, r.TAC, want)
			}
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", signer, signer, signer); strings.Contains(s, "0x") || !strings.Contains(s, "[TAC signer]") {
		t.Errorf("the signer prints as %s", s)
	}
}

func BenchmarkSignPurchases(b *testing.B) {
	signer := NewTACSigner(GenerateTest(5).TACMaster())
	records := make([]PurchaseRecord, 256)
	for b.Loop() {
		signer.SignPurchases(records)
	}
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "records/s")
}
