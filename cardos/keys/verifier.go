package keys

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
)

// PurchaseRecord is a purchase with the TAC that a terminal handed in.
type PurchaseRecord struct {
	Card             CardID
	Amount           uint32
	Type             byte
	Terminal         [6]byte
	TerminalSequence uint32
	Time             [7]byte
	TAC              MAC
	KeyVersion       byte // as the card answered it; which of several is tried first
}

// LoadRecord is a load with the TAC that a counter handed in.
type LoadRecord struct {
	Card           CardID
	NewBalance     uint32
	OnlineSequence uint16 // before the load
	Amount         uint32
	Type           byte
	Terminal       [6]byte
	Time           [7]byte
	TAC            MAC
	KeyVersion     byte // as in PurchaseRecord
}

// maxIssuers bounds the memory of issuer keys: records come from outside and
// may name any issuer.
const maxIssuers = 1024

// TACVerifier verifies TACs under keys derived from one TAC master, or from those of several
// generations. It is safe for concurrent use.
//
// No card signs the version that a record names, so the version only says which generation to try
// first: a record that does not verify under that one is tried under the others. A forger's guess
// at 32 bits is then tried under up to sixteen keys instead of one. Good records, which name their
// own generation, cost the same as under one master.
//
// It works on 64 records at once: each is a lane of one DES circuit, from the card's key to the
// last block of the CBC-MAC. That costs about a thirtieth of verifying each record with crypto/des,
// which spends most of its time on key schedules. The time does not depend on keys and data.
type TACVerifier struct {
	masters  []Key      // the newest generation's first
	begin    [256]uint8 // place in masters by version; the newest where it has none
	schedule *schedule

	mu      sync.RWMutex
	issuers map[issuerKey]halves
}

// issuerKey names an issuer's TAC key.
type issuerKey struct {
	factor     Factor
	generation uint8 // place in masters
}

// halves is a key as two words.
type halves struct{ left, right uint64 }

// NewTACVerifier returns a verifier for a TAC master.
func NewTACVerifier(master Key) *TACVerifier {
	return &TACVerifier{masters: []Key{master}, schedule: newSchedule(), issuers: map[issuerKey]halves{}}
}

// Format hides the keys from every fmt verb.
func (*TACVerifier) Format(f fmt.State, _ rune) { hide(f, "[TAC verifier]") }

// issuer returns an issuer's TAC key of a generation.
func (v *TACVerifier) issuer(f Factor, generation uint8) halves {
	name := issuerKey{f, generation}
	v.mu.RLock()
	h, ok := v.issuers[name]
	v.mu.RUnlock()
	if ok {
		return h
	}
	k := Diversify(v.masters[generation], f)
	h = halves{binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.issuers) >= maxIssuers {
		clear(v.issuers)
	}
	v.issuers[name] = h
	return h
}

// VerifyPurchases sets ok[i] to whether records[i] carries the right TAC. The slices should have
// the same length; only the length of the shorter one is processed.
func (v *TACVerifier) VerifyPurchases(records []PurchaseRecord, ok []bool) {
	v.purchases(records, ok, 0)
	tryOthers(v, records, ok, v.purchases)
}

// purchases verifies each record under the generation that is shift places after the one that is
// tried first.
func (v *TACVerifier) purchases(records []PurchaseRecord, ok []bool, shift int) {
	spread(min(len(records), len(ok)), func(from, to int) {
		var g group
		for ; from < to; from += 64 {
			n := min(64, to-from)
			for i := range n {
				r := &records[from+i]
				var text [32]byte
				Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time}.append(text[:0])
				v.put(&g, i, r.Card, v.generation(r.KeyVersion, shift), r.TAC, &text, purchaseText)
			}
			g.verdicts(v.schedule, ok[from:from+n])
		}
	})
}

// VerifyLoads sets ok[i] to whether records[i] carries the right TAC.
func (v *TACVerifier) VerifyLoads(records []LoadRecord, ok []bool) {
	v.loads(records, ok, 0)
	tryOthers(v, records, ok, v.loads)
}

// loads verifies the TACs of loads, as purchases does those of purchases.
func (v *TACVerifier) loads(records []LoadRecord, ok []bool, shift int) {
	spread(min(len(records), len(ok)), func(from, to int) {
		var g group
		for ; from < to; from += 64 {
			n := min(64, to-from)
			for i := range n {
				r := &records[from+i]
				var text [32]byte
				Load{r.NewBalance, r.OnlineSequence, r.Amount, r.Type, r.Terminal, r.Time}.append(text[:0])
				v.put(&g, i, r.Card, v.generation(r.KeyVersion, shift), r.TAC, &text, loadText)
			}
			g.verdicts(v.schedule, ok[from:from+n])
		}
	})
}

// generation is the index in masters that is shift places, in a ring, after the one that is tried
// first for a version.
func (v *TACVerifier) generation(version byte, shift int) uint8 {
	place := int(v.begin[version]) + shift
	if place >= len(v.masters) {
		place -= len(v.masters)
	}
	return uint8(place)
}

// tryOthers verifies the records that failed under each of the other generations.
func tryOthers[R any](v *TACVerifier, records []R, ok []bool, verify func([]R, []bool, int)) {
	for shift := 1; shift < len(v.masters); shift++ {
		var again []R
		var places []int
		for i := range min(len(records), len(ok)) {
			if !ok[i] {
				again, places = append(again, records[i]), append(places, i)
			}
		}
		if len(again) == 0 {
			return
		}
		verdicts := make([]bool, len(again))
		verify(again, verdicts, shift)
		for i, place := range places {
			ok[place] = verdicts[i]
		}
	}
}

// Lengths of what a TAC covers; the padding begins behind.
const (
	purchaseText = 22
	loadText     = 24
)

// group is 64 records: rows while they are put in, columns after.
type group struct {
	left, right lanes // the issuer's key
	factor      lanes // the card's
	text        [4]lanes
	blocks      int // of text in use
	tac         lanes
}

// put makes a record lane i of the group; text holds n bytes, then zeros.
func (v *TACVerifier) put(g *group, i int, id CardID, generation uint8, tac MAC, text *[32]byte, n int) {
	text[n] = 0x80
	issuer := v.issuer(id.issuerFactor(), generation)
	g.left[i], g.right[i] = issuer.left, issuer.right
	g.factor[i] = binary.BigEndian.Uint64(id.ASN[2:]) // its Digits
	g.blocks = n/8 + 1
	for b := range g.blocks {
		g.text[b][i] = binary.BigEndian.Uint64(text[8*b:])
	}
	g.tac[i] = uint64(binary.BigEndian.Uint32(tac[:])) << 32
}

// tacs computes all TACs, as columns, each in the left half of its record. The group cannot be used
// again.
func (g *group) tacs(s *schedule) lanes {
	g.left.transpose()
	g.right.transpose()
	g.factor.transpose()
	var inverse lanes
	for i, w := range g.factor {
		inverse[i] = ^w
	}
	key := &g.factor
	for _, half := range []*lanes{key, &inverse} {
		s.crypt(&g.left, half, false)
		s.crypt(&g.right, half, true)
		s.crypt(&g.left, half, false)
	}
	key.xor(&inverse) // the TAC key: left half XOR right half
	var x lanes
	for b := range g.blocks {
		g.text[b].transpose()
		x.xor(&g.text[b])
		s.crypt(key, &x, false)
	}
	return x
}

// verdicts computes all TACs and compares them. The content of lanes beyond len(ok) does not
// matter.
func (g *group) verdicts(s *schedule, ok []bool) {
	g.tac.transpose()
	x := g.tacs(s)
	wrong := uint64(0)
	for i := range 32 {
		wrong |= x[i] ^ g.tac[i]
	}
	for i := range ok {
		ok[i] = wrong>>(63-i)&1 == 0
	}
}

// spread runs work over 0..n on all cores. Each part is large enough for a goroutine and, except
// the last, consists of whole groups of 64.
func spread(n int, work func(from, to int)) {
	const least = 256
	workers := min(runtime.GOMAXPROCS(0), max(1, n/least))
	part := ((n+workers-1)/workers + 63) &^ 63
	var wg sync.WaitGroup
	for from := part; from < n; from += part {
		wg.Go(func() { work(from, min(from+part, n)) })
	}
	work(0, min(part, n)) // the caller's own share
	wg.Wait()
}
