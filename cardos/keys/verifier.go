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
	KeyVersion       byte // as the card answered it; looked at where there are several
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

// TACVerifier verifies TACs under keys derived from one TAC master, or from the one of the
// version that a record names. With one master the version, which no card signs, does not
// matter. It is safe for concurrent use.
//
// It works on 64 records at once: each is a lane of one DES circuit, from the card's
// key to the last block of the CBC-MAC. That costs about a thirtieth of crypto/des
// record by record, where most of the time goes into key schedules, and takes
// the same time whatever keys and data are.
type TACVerifier struct {
	master   Key
	versions map[byte]Key // nil where there is but one
	schedule *schedule

	mu      sync.RWMutex
	issuers map[issuerKey]halves
}

// issuerKey names an issuer's TAC key.
type issuerKey struct {
	factor  Factor
	version byte
}

// halves is a key as two words.
type halves struct{ left, right uint64 }

// NewTACVerifier returns a verifier for a TAC master.
func NewTACVerifier(master Key) *TACVerifier {
	return &TACVerifier{master: master, schedule: newSchedule(), issuers: map[issuerKey]halves{}}
}

// Format hides the keys from every fmt verb.
func (*TACVerifier) Format(f fmt.State, _ rune) { hide(f, "[TAC verifier]") }

// holds reports whether a record's version has a master.
func (v *TACVerifier) holds(version byte) bool {
	_, ok := v.versions[version]
	return ok || v.versions == nil
}

// issuer returns an issuer's TAC key; of a version without master, that of a key of zeros.
func (v *TACVerifier) issuer(f Factor, version byte) halves {
	master := v.master
	if v.versions == nil {
		version = 0
	} else {
		master = v.versions[version]
	}
	name := issuerKey{f, version}
	v.mu.RLock()
	h, ok := v.issuers[name]
	v.mu.RUnlock()
	if ok {
		return h
	}
	k := Diversify(master, f)
	h = halves{binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.issuers) >= maxIssuers {
		clear(v.issuers)
	}
	v.issuers[name] = h
	return h
}

// VerifyPurchases sets ok[i] to whether records[i] carries the right TAC. The
// slices must be of one length; the shorter one bounds the work.
func (v *TACVerifier) VerifyPurchases(records []PurchaseRecord, ok []bool) {
	spread(min(len(records), len(ok)), func(from, to int) {
		var g group
		for ; from < to; from += 64 {
			n := min(64, to-from)
			for i := range n {
				r := &records[from+i]
				var text [32]byte
				Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time}.append(text[:0])
				v.put(&g, i, r.Card, r.KeyVersion, r.TAC, &text, purchaseText)
			}
			g.verdicts(v.schedule, ok[from:from+n])
			for i := range n {
				ok[from+i] = ok[from+i] && v.holds(records[from+i].KeyVersion)
			}
		}
	})
}

// VerifyLoads sets ok[i] to whether records[i] carries the right TAC.
func (v *TACVerifier) VerifyLoads(records []LoadRecord, ok []bool) {
	spread(min(len(records), len(ok)), func(from, to int) {
		var g group
		for ; from < to; from += 64 {
			n := min(64, to-from)
			for i := range n {
				r := &records[from+i]
				var text [32]byte
				Load{r.NewBalance, r.OnlineSequence, r.Amount, r.Type, r.Terminal, r.Time}.append(text[:0])
				v.put(&g, i, r.Card, r.KeyVersion, r.TAC, &text, loadText)
			}
			g.verdicts(v.schedule, ok[from:from+n])
			for i := range n {
				ok[from+i] = ok[from+i] && v.holds(records[from+i].KeyVersion)
			}
		}
	})
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

// put makes a record lane i of the group; text holds n bytes and zeros.
func (v *TACVerifier) put(g *group, i int, id CardID, version byte, tac MAC, text *[32]byte, n int) {
	text[n] = 0x80
	issuer := v.issuer(id.issuerFactor(), version)
	g.left[i], g.right[i] = issuer.left, issuer.right
	g.factor[i] = binary.BigEndian.Uint64(id.ASN[2:])
	g.blocks = n/8 + 1
	for b := range g.blocks {
		g.text[b][i] = binary.BigEndian.Uint64(text[8*b:])
	}
	g.tac[i] = uint64(binary.BigEndian.Uint32(tac[:])) << 32
}

// tacs computes all TACs, as columns, each in the left half of its record. It uses
// the group up.
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

// verdicts computes all TACs and compares. What stands in lanes beyond len(ok) does
// not matter.
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

// spread runs work over 0..n on all cores, in parts that are worth a goroutine
// and, but for the last, whole groups of 64.
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
