package keys

import (
	"encoding/binary"
	"fmt"
)

// TACSigner computes TACs as the cards of one TAC master would, 64 at once, with the verifier's
// circuits. It serves load tests and simulated cities in which no chip signs. It is safe for
// concurrent use.
type TACSigner struct{ verifier *TACVerifier }

// NewTACSigner returns a signer for the cards of a TAC master.
func NewTACSigner(master Key) *TACSigner { return &TACSigner{NewTACVerifier(master)} }

// Format hides the keys from every fmt verb.
func (*TACSigner) Format(f fmt.State, _ rune) { hide(f, "[TAC signer]") }

// SignPurchases sets the TAC of each record, on all cores where there are many;
// up to 256 records are signed by the caller's goroutine alone.
func (s *TACSigner) SignPurchases(records []PurchaseRecord) {
	v := s.verifier
	spread(len(records), func(from, to int) {
		var g group
		for ; from < to; from += 64 {
			n := min(64, to-from)
			for i := range n {
				r := &records[from+i]
				var text [32]byte
				Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time}.append(text[:0])
				v.put(&g, i, r.Card, 0, MAC{}, &text, purchaseText)
			}
			tacs := g.tacs(v.schedule)
			tacs.transpose()
			for i := range n {
				binary.BigEndian.PutUint32(records[from+i].TAC[:], uint32(tacs[i]>>32))
			}
		}
	})
}
