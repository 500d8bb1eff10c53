package keys

import (
	"crypto/cipher"
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
}

// maxIssuers bounds the memory of issuer keys: records come from outside and
// may name any issuer.
const maxIssuers = 1024

// TACVerifier verifies TACs under keys derived from one TAC master. It is safe
// for concurrent use.
type TACVerifier struct {
	master cipher.Block

	mu      sync.RWMutex
	issuers map[Factor]cipher.Block
}

// NewTACVerifier returns a verifier for a TAC master.
func NewTACVerifier(master Key) *TACVerifier {
	return &TACVerifier{master: master.block(), issuers: map[Factor]cipher.Block{}}
}

// issuer returns the cipher of an issuer's TAC key.
func (v *TACVerifier) issuer(f Factor) cipher.Block {
	v.mu.RLock()
	b, ok := v.issuers[f]
	v.mu.RUnlock()
	if ok {
		return b
	}
	b = diversify(v.master, f).block()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.issuers) >= maxIssuers {
		clear(v.issuers)
	}
	v.issuers[f] = b
	return b
}

func (v *TACVerifier) cardKey(id CardID) TACKey {
	f := id.Factors()
	return diversify(v.issuer(f[0]), f[1]).TACKey()
}

// VerifyPurchases sets ok[i] to whether records[i] carries the right TAC. The
// slices must be of one length; the shorter one bounds the work.
func (v *TACVerifier) VerifyPurchases(records []PurchaseRecord, ok []bool) {
	spread(min(len(records), len(ok)), func(i int) {
		r := &records[i]
		ok[i] = v.cardKey(r.Card).Purchase(Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time}).Equal(r.TAC)
	})
}

// VerifyLoads sets ok[i] to whether records[i] carries the right TAC.
func (v *TACVerifier) VerifyLoads(records []LoadRecord, ok []bool) {
	spread(min(len(records), len(ok)), func(i int) {
		r := &records[i]
		ok[i] = v.cardKey(r.Card).Load(Load{r.NewBalance, r.OnlineSequence, r.Amount, r.Type, r.Terminal, r.Time}).Equal(r.TAC)
	})
}

// spread runs work for 0..n-1 on all cores, in runs long enough to be worth a
// goroutine.
func spread(n int, work func(i int)) {
	const least = 256
	workers := min(runtime.GOMAXPROCS(0), max(1, n/least))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				work(i)
			}
		})
	}
	wg.Wait()
}
