package keys

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// followed is a keyring of a test store's file, one rotation, and a card of each generation.
func followed(t *testing.T) (ring *Keyring, tacs *TACs, path string, first, second *Store) {
	t.Helper()
	path, _ = storeOnDisk(t)
	ring, err := OpenKeyring(path, "p", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if tacs, err = FollowTACs(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	first = GenerateTest(1)
	if second, err = first.Rotate(&meanwhile{seed: "second"}); err != nil {
		t.Fatal(err)
	}
	return ring, tacs, path, first, second
}

func tapOf(s *Store, version byte) PurchaseRecord {
	id := CardID{ASN: [10]byte{7}}
	return PurchaseRecord{Card: id, Amount: 5, Type: 9, KeyVersion: version, TAC: PurchaseTAC(s.CardKeys(id).TAC(), Purchase{Amount: 5, Type: 9})}
}

func loadOf(s *Store, version byte) LoadRecord {
	id := CardID{ASN: [10]byte{7}}
	return LoadRecord{Card: id, Amount: 5, Type: 2, KeyVersion: version, TAC: LoadTAC(s.CardKeys(id).TAC(), Load{Amount: 5, Type: 2})}
}

func orderOf(s *Store) LoadOrder {
	o := LoadOrder{Card: CardID{ASN: [10]byte{7}}, Amount: 5, Type: 2, KeyVersion: s.Version()}
	o.MAC1 = LoadSession(s.CardKeys(o.Card).Load(), o.Random, 0).LoadMAC1(LoadStart{0, 5, 2, o.Terminal})
	return o
}

// In a process that was started before a rotation, the first record of a card made after it
// verifies, whatever version the record names.
func TestKeyringFollowsItsFile(t *testing.T) {
	asks := map[string]func(ring *Keyring, tacs *TACs, s *Store) (bool, error){
		"purchase": func(ring *Keyring, tacs *TACs, s *Store) (bool, error) {
			ok := make([]bool, 2)
			err := tacs.VerifyPurchases(t.Context(), []PurchaseRecord{tapOf(GenerateTest(1), 1), tapOf(s, 2)}, ok)
			return ok[0] && ok[1], err
		},
		"purchase that says the old version": func(ring *Keyring, tacs *TACs, s *Store) (bool, error) {
			ok := make([]bool, 1)
			err := tacs.VerifyPurchases(t.Context(), []PurchaseRecord{tapOf(s, 1)}, ok)
			return ok[0], err
		},
		"load that says no version": func(ring *Keyring, tacs *TACs, s *Store) (bool, error) {
			ok := make([]bool, 1)
			err := tacs.VerifyLoads(t.Context(), []LoadRecord{loadOf(s, 0)}, ok)
			return ok[0], err
		},
		"order": func(ring *Keyring, tacs *TACs, s *Store) (bool, error) {
			_, err := ring.AuthoriseLoad(t.Context(), orderOf(s))
			return err == nil, err
		},
	}
	for name, ask := range asks {
		ring, tacs, path, _, second := followed(t)
		if good, err := ask(ring, tacs, second); good || err != nil && !errors.Is(err, ErrKeyVersion) {
			t.Errorf("%s before the rotation: %v, %v", name, good, err)
		}
		rotated, err := rotateFile(path, "p", &meanwhile{seed: "second"}, 2)
		if err != nil {
			t.Fatal(err)
		}
		if good, err := ask(ring, tacs, rotated); !good || err != nil {
			t.Errorf("%s after it: %v, %v", name, good, err)
		}
		if ring.Store().Version() != 2 {
			t.Errorf("%s: version %d is in use", name, ring.Store().Version())
		}
	}
}

// If the file was changed into something that cannot be used, wrong records wait as long as it is
// not certain that they are wrong. No other records wait.
func TestKeyringWaitsForWhatItCannotUse(t *testing.T) {
	ring, tacs, path, first, second := followed(t)
	third, err := second.Rotate(&meanwhile{seed: "third"})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := GenerateTest(2).Rotate(&meanwhile{seed: "x"})
	if err != nil {
		t.Fatal(err)
	}
	save := func(s *Store, passphrase string) func() error {
		return func() error { return s.WithWorkFactor(2).Save(path, passphrase) }
	}
	steps := []struct {
		name    string
		change  func() error
		waits   bool
		version byte
	}{
		{"the same masters, sealed again", save(first, "p"), false, 1},
		{"under another passphrase", save(second, "q"), true, 1},
		{"half a file", func() error { return os.WriteFile(path, []byte("age-encryption"), 0o600) }, true, 1},
		{"other masters", save(stranger, "p"), true, 1},
		{"rotated", save(second, "p"), false, 2},
		{"the backup from before", save(first, "p"), false, 2},
		{"a folder", func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, true, 2},
		{"nothing", func() error { return os.Remove(path) }, false, 2},
		{"rotated again", save(third, "p"), false, 3},
	}
	for _, step := range steps {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		ok := make([]bool, 2)
		if err := tacs.VerifyPurchases(t.Context(), []PurchaseRecord{tapOf(first, 1), tapOf(first, 9)}, ok); err != nil || !ok[0] || !ok[1] {
			t.Errorf("%s: good records: %v, %v", step.name, ok, err)
		}
		for range 2 { // the second time from memory
			purchases := tacs.VerifyPurchases(t.Context(), []PurchaseRecord{tapOf(first, 1), tapOf(stranger, 9)}, ok)
			loads := tacs.VerifyLoads(t.Context(), []LoadRecord{loadOf(stranger, 9)}, ok[1:])
			o := orderOf(stranger)
			o.KeyVersion = 9
			_, order := ring.AuthoriseLoad(t.Context(), o)
			for _, err := range []error{purchases, loads, order, ring.Refresh()} {
				if errors.Is(err, ErrOutdated) != step.waits {
					t.Errorf("%s: wrong records: %v, want ErrOutdated: %v", step.name, err, step.waits)
				}
			}
			if !step.waits && (ok[1] || !errors.Is(order, ErrKeyVersion)) {
				t.Errorf("%s: wrong records are taken: %v, %v", step.name, ok, order)
			}
		}
		if got := ring.Store().Version(); got != step.version {
			t.Errorf("%s: version %d is in use, want %d", step.name, got, step.version)
		}
	}
}

// Wrong records do not cause an unchanged file to be decrypted again, which costs a second.
func TestKeyringUnsealsAFileOnce(t *testing.T) {
	ring, tacs, _, _, second := followed(t)
	ring.passphrase = "no longer right"
	ok := make([]bool, 1)
	if err := tacs.VerifyPurchases(t.Context(), []PurchaseRecord{tapOf(second, 200)}, ok); err != nil || ok[0] {
		t.Errorf("a wrong record: %v, %v", ok, err)
	}
}

func TestKeyringNeedsAStore(t *testing.T) {
	path, _ := storeOnDisk(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := OpenKeyring(path, "q", log); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := OpenKeyring(filepath.Join(path, "none"), "p", log); err == nil {
		t.Error("opened what is not there")
	}
}
