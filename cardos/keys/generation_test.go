package keys

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// rotated is a test store with two generations before the one in use.
func rotated(t *testing.T) (first, second, third *Store) {
	t.Helper()
	first = GenerateTest(1)
	second, err := first.Rotate(strings.NewReader(strings.Repeat("second", 100)))
	if err != nil {
		t.Fatal(err)
	}
	if third, err = second.Rotate(strings.NewReader(strings.Repeat("the third", 100))); err != nil {
		t.Fatal(err)
	}
	return first, second, third
}

// After rotations the store serves the cards of every generation, also when it comes out of its
// file; new cards get the newest keys. A TAC verifies whatever version its record names, since no
// card signs the version.
func TestRotate(t *testing.T) {
	first, second, third := rotated(t)
	path := filepath.Join(t.TempDir(), "keys")
	if err := third.WithWorkFactor(10).Save(path, "p"); err != nil {
		t.Fatal(err)
	}
	kept, err := Open(path, "p")
	if err != nil {
		t.Fatal(err)
	}
	id := CardID{Issuer: [8]byte{1, 2, 3, 4}, ASN: [10]byte{9, 8, 7}}
	if kept.Version() != 3 || kept.CardKeys(id) != third.CardKeys(id) || kept.CardKeys(id).TAC() == second.CardKeys(id).TAC() || !kept.Test() {
		t.Errorf("version %d, or its keys are not the newest", kept.Version())
	}
	if kept.PersonToken("1") != first.PersonToken("1") || kept.IssuerSAMKeys().SocialSecurity != first.IssuerSAMKeys().SocialSecurity {
		t.Error("a rotation changes tokens or social-security keys")
	}
	for version, made := range map[byte]*Store{1: first, 2: second, 3: third} {
		card := made.CardKeys(id)
		if card.Version != version {
			t.Errorf("cards of version %d answer %d", version, card.Version)
		}
		o := LoadOrder{Card: id, Amount: 100, Type: 2, KeyVersion: version}
		session := LoadSession(card.Load(), o.Random, 0)
		o.MAC1 = session.LoadMAC1(LoadStart{0, 100, 2, o.Terminal})
		if mac2, err := kept.AuthoriseLoad(o); err != nil || mac2 != session.LoadMAC2(Movement{100, 2, o.Terminal, o.Time}) {
			t.Errorf("a load of version %d: %v, %v", version, mac2, err)
		}
		if purchase, ok := kept.SAMKeys().PurchaseOf(version); !ok || purchase != made.SAMKeys().Purchase {
			t.Errorf("a SAM has no master of version %d", version)
		}
		for claimed := byte(0); claimed <= 4; claimed++ {
			purchase := PurchaseRecord{Card: id, Amount: 5, Type: 9, KeyVersion: claimed}
			purchase.TAC = PurchaseTAC(card.TAC(), Purchase{Amount: 5, Type: 9})
			load := LoadRecord{Card: id, NewBalance: 7, Amount: 5, Type: 2, KeyVersion: claimed}
			load.TAC = LoadTAC(card.TAC(), Load{NewBalance: 7, Amount: 5, Type: 2})
			verifier, ok := kept.Held().TACVerifier(), make([]bool, 2)
			verifier.VerifyPurchases([]PurchaseRecord{purchase}, ok[:1])
			verifier.VerifyLoads([]LoadRecord{load}, ok[1:])
			if !ok[0] || !ok[1] {
				t.Errorf("TACs of version %d that say %d: %v", version, claimed, ok)
			}
		}
	}
	if _, err := kept.AuthoriseLoad(LoadOrder{KeyVersion: 4}); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("a version that is not held: %v", err)
	}
}

// A version without a master does not verify under a key of zeros.
func TestVersionWithoutMasterVerifiesNothing(t *testing.T) {
	_, _, third := rotated(t)
	id := CardID{ASN: [10]byte{1}}
	f := id.Factors()
	forged := PurchaseRecord{Card: id, KeyVersion: 77, TAC: PurchaseTAC(Diversify(Key{}, f[:]...), Purchase{})}
	ok := []bool{true}
	third.Held().TACVerifier().VerifyPurchases([]PurchaseRecord{forged}, ok)
	if ok[0] {
		t.Error("a forged record verifies under a key of zeros")
	}
}

// Among the cards of many generations only the wrong records fail, in any order and with any
// versions. Records that name their own generation need no more memory than under one master.
func TestVerifyAmongGenerations(t *testing.T) {
	first, second, third := rotated(t)
	verifier := third.Held().TACVerifier()
	const n = 1000
	var purchases [n]PurchaseRecord
	var loads [n]LoadRecord
	for i := range n {
		made := []*Store{first, second, third}[i%3]
		id := CardID{ASN: [10]byte{1, 8: byte(i >> 8), 9: byte(i)}}
		tac := made.CardKeys(id).TAC()
		purchases[i] = PurchaseRecord{Card: id, Amount: uint32(i), Type: 9, KeyVersion: made.Version(), TAC: PurchaseTAC(tac, Purchase{Amount: uint32(i), Type: 9})}
		loads[i] = LoadRecord{Card: id, Amount: uint32(i), Type: 2, KeyVersion: made.Version(), TAC: LoadTAC(tac, Load{Amount: uint32(i), Type: 2})}
	}
	ok := make([]bool, n)
	if got := testing.AllocsPerRun(5, func() { verifier.VerifyPurchases(purchases[:], ok) }); got > 20 {
		t.Errorf("%v allocations for %d records that name their generation", got, n)
	}
	for i := range n {
		if i%7 < 3 {
			purchases[i].KeyVersion, loads[i].KeyVersion = byte(i%5), byte(i%5)
		}
		if i%10 == 9 {
			purchases[i].Amount++
			loads[i].Amount++
		}
	}
	check := func(kind string) {
		for i := range n {
			if want := i%10 != 9; ok[i] != want {
				t.Fatalf("%s %d verifies: %v, want %v", kind, i, ok[i], want)
			}
		}
	}
	verifier.VerifyPurchases(purchases[:], ok)
	check("purchase")
	verifier.VerifyLoads(loads[:], ok)
	check("load")
}

// The version of one generation does not matter either.
func TestOneGenerationTakesAnyVersion(t *testing.T) {
	s := GenerateTest(1)
	id := CardID{ASN: [10]byte{1}}
	ok := make([]bool, 1)
	s.Held().TACVerifier().VerifyPurchases([]PurchaseRecord{{Card: id, KeyVersion: 77, TAC: PurchaseTAC(s.CardKeys(id).TAC(), Purchase{})}}, ok)
	if !ok[0] {
		t.Error("the version decides where there is nothing to choose")
	}
}

// Rotations end when the file is full or the version's byte is at its limit; if the RNG fails, no
// store is made.
func TestRotateRefuses(t *testing.T) {
	s := GenerateTest(1)
	if _, err := s.Rotate(strings.NewReader("too short")); err == nil {
		t.Error("rotated without random masters")
	}
	for range maxOlder {
		var err error
		if s, err = s.Rotate(strings.NewReader(strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Rotate(strings.NewReader(strings.Repeat("x", 1000))); err == nil {
		t.Error("rotated beyond the room there is")
	}
	sealed, err := s.WithWorkFactor(10).seal("p")
	if err != nil {
		t.Fatal(err)
	}
	again, err := unseal(strings.NewReader(string(sealed)), "p")
	if err != nil || len(again.older) != maxOlder {
		t.Errorf("a full store: %v", err)
	}
	twice := *s
	twice.older = append([]generation{s.current}, s.older[1:]...)
	if sealed, err = twice.WithWorkFactor(10).seal("p"); err != nil {
		t.Fatal(err)
	}
	if _, err := unseal(strings.NewReader(string(sealed)), "p"); !errors.Is(err, ErrStoreFormat) {
		t.Errorf("one version twice: %v", err)
	}
}
