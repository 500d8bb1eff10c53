package keys

import (
	"crypto/des"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// The lane cipher must agree with crypto/des in both directions.
func TestBitslicedDES(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := newSchedule()
	for range 50 {
		var key, block, k, b lanes
		for i := range 64 {
			key[i], block[i] = rng.Uint64(), rng.Uint64()
		}
		k, b = key, block
		k.transpose()
		b.transpose()
		s.crypt(&k, &b, false)
		out := b
		out.transpose()
		for i := range 64 {
			var kb, bb [8]byte
			binary.BigEndian.PutUint64(kb[:], key[i])
			binary.BigEndian.PutUint64(bb[:], block[i])
			c, err := des.NewCipher(kb[:])
			if err != nil {
				t.Fatal(err)
			}
			c.Encrypt(bb[:], bb[:])
			if want := binary.BigEndian.Uint64(bb[:]); out[i] != want {
				t.Fatalf("lane %d: %016x, want %016x", i, out[i], want)
			}
		}
		s.crypt(&k, &b, true)
		b.transpose()
		if b != block {
			t.Fatal("deciphering does not give the blocks back")
		}
	}
}

// purchases makes n records of which every seventh is wrong in some way.
func purchases(n int) (*Store, []PurchaseRecord, []bool) {
	store := GenerateTest(1)
	rng := rand.New(rand.NewPCG(3, 4))
	records, want := make([]PurchaseRecord, n), make([]bool, n)
	for i := range records {
		r := &records[i]
		binary.BigEndian.PutUint32(r.Card.Issuer[:], uint32(0x01014910+i%5))
		binary.BigEndian.PutUint64(r.Card.ASN[2:], rng.Uint64())
		r.Amount, r.Type = rng.Uint32N(1000), 9
		r.TerminalSequence = rng.Uint32()
		binary.BigEndian.PutUint32(r.Terminal[2:], rng.Uint32())
		binary.BigEndian.PutUint32(r.Time[3:], rng.Uint32())
		r.TAC = PurchaseTAC(store.CardKeys(r.Card).TAC(), Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time})
		want[i] = i%7 != 3
		if want[i] {
			continue
		}
		switch rng.IntN(7) {
		case 0:
			r.Amount++
		case 1:
			r.TAC[rng.IntN(4)] ^= 1 << rng.IntN(8)
		case 2:
			r.Terminal[5] ^= 1
		case 3:
			r.TerminalSequence ^= 1 << 31
		case 4:
			r.Card.ASN[9] ^= 2
		case 5:
			r.Time[6] ^= 1
		case 6:
			r.Type = 6
		}
	}
	return store, records, want
}

func TestVerifyPurchases(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 700, 2001} {
		store, records, want := purchases(n)
		got := make([]bool, n)
		NewTACVerifier(store.TACMaster()).VerifyPurchases(records, got)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%d records: verdict on %d is %v, want %v", n, i, got[i], want[i])
			}
		}
	}
}

func TestVerifyLoads(t *testing.T) {
	store := GenerateTest(1)
	records, ok := make([]LoadRecord, 300), make([]bool, 300)
	for i := range records {
		r := &records[i]
		r.Card.ASN[9], r.Card.ASN[8] = byte(i), byte(i>>8)
		r.NewBalance, r.OnlineSequence, r.Amount, r.Type = uint32(i+5000), uint16(i), uint32(i), 2
		r.TAC = LoadTAC(store.CardKeys(r.Card).TAC(), Load{r.NewBalance, r.OnlineSequence, r.Amount, r.Type, r.Terminal, r.Time})
		if i%10 == 9 {
			r.NewBalance++
		}
	}
	NewTACVerifier(store.TACMaster()).VerifyLoads(records, ok)
	for i := range ok {
		if ok[i] != (i%10 != 9) {
			t.Fatalf("verdict on %d is %v", i, ok[i])
		}
	}
}

// The memory in use must not grow with the number of records.
func TestVerifyDoesNotAllocatePerRecord(t *testing.T) {
	store, records, _ := purchases(2000)
	ok := make([]bool, len(records))
	v := NewTACVerifier(store.TACMaster())
	if n := testing.AllocsPerRun(5, func() { v.VerifyPurchases(records, ok) }); n > 20 {
		t.Errorf("%v allocations for %d records", n, len(records))
	}
}

// One core, through the batch interface and one by one with crypto/des, in turns, so that both run
// under the same load.
func BenchmarkTAC(b *testing.B) {
	store, records, _ := purchases(256) // fewer than two parts: the caller's core alone
	ok := make([]bool, len(records))
	master := store.TACMaster()
	v := NewTACVerifier(master)
	var batched, naive time.Duration
	const rounds = 10
	for b.Loop() {
		begin := time.Now()
		for range rounds {
			v.VerifyPurchases(records, ok)
		}
		between := time.Now()
		for range rounds {
			verifyNaively(master, records, ok)
		}
		batched += between.Sub(begin)
		naive += time.Since(between)
	}
	n := float64(b.N * rounds * len(records))
	b.ReportMetric(n/batched.Seconds(), "cards.tac_per_second_core")
	b.ReportMetric(n/naive.Seconds(), "cards.tac_naive_per_second_core")
	b.ReportMetric(naive.Seconds()/batched.Seconds(), "cards.tac_batched_over_naive")
}

// verifyNaively verifies one record after the other, as a reader of the standard would.
func verifyNaively(master Key, records []PurchaseRecord, ok []bool) {
	for i := range records {
		r := &records[i]
		f := r.Card.Factors()
		tac := PurchaseTAC(Diversify(master, f[:]...), Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time})
		ok[i] = tac.Equal(r.TAC)
	}
}

// A naive loop that already knows the issuer's key, which all cards of a city share: the fairest
// comparison with crypto/des.
func BenchmarkTACNaiveIssuerKnown(b *testing.B) {
	store, records, _ := purchases(256)
	f := records[0].Card.Factors()
	issuer := Diversify(store.TACMaster(), f[0]).block()
	for b.Loop() {
		for i := range records {
			r := &records[i]
			k := diversify(issuer, r.Card.Factors()[1])
			PurchaseTAC(k, Purchase{r.Amount, r.Type, r.Terminal, r.TerminalSequence, r.Time}).Equal(r.TAC)
		}
	}
	b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "cards.tac_naive_issuer_known_per_second_core")
}
