package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStoreFile(t *testing.T) {
	store := GenerateTest(7).WithWorkFactor(2)
	path := filepath.Join(t.TempDir(), "keys.age")
	if err := store.Save(path, "a passphrase"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("file mode %v, %v, want 0600", info.Mode(), err)
	}
	again, err := Open(path, "a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	if again.current.masters != store.current.masters || again.current.version != store.current.version || !again.Test() {
		t.Error("what was opened differs from what was saved")
	}
	if _, err := Open(path, "another"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v, want ErrPassphrase", err)
	}
	if _, err := Open(path+"x", "a passphrase"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v, want os.ErrNotExist", err)
	}
	if err := os.WriteFile(path, []byte("no key file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "a passphrase"); !errors.Is(err, ErrStoreFormat) {
		t.Errorf("other file: %v, want ErrStoreFormat", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside the key file, %v", len(entries)-1, err)
	}
}

func TestGenerate(t *testing.T) {
	a, err := Generate(bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 64)))
	if err != nil || a.Test() {
		t.Fatalf("generate: test %v, %v", a.Test(), err)
	}
	if _, err := Generate(bytes.NewReader(make([]byte, 20))); err == nil {
		t.Error("a short source of randomness made keys")
	}
	if one, again := GenerateTest(1), GenerateTest(1); one.current.masters != again.current.masters || one.current.masters == GenerateTest(2).current.masters {
		t.Error("test masters do not follow from the seed")
	}
	seen := map[Key]bool{}
	for _, k := range GenerateTest(1).current.masters[1:] {
		if seen[k] {
			t.Error("two masters are equal")
		}
		seen[k] = true
	}
}

// Types that hold keys in unexported fields must hide them too.
func TestHoldersOfKeysHideThem(t *testing.T) {
	store := GenerateTest(1)
	cardKeys := store.CardKeys(CardID{})
	all := fmt.Sprintf("%v %+v %#v %x %d %v %+v %#v %v %+v", store, store, store, store, store,
		cardKeys, cardKeys, cardKeys, NewTACVerifier(store.TACMaster()), store.IssuerSAMKeys())
	for _, k := range []Key{store.TACMaster(), cardKeys.Purchase(), store.SAMKeys().Purchase, store.IssuerSAMKeys().SocialSecurity.Write} {
		for _, secret := range []string{fmt.Sprintf("%x", k[:4]), fmt.Sprint(k[:3]), fmt.Sprintf("%d %d", k[0], k[1])} {
			if strings.Contains(all, strings.Trim(secret, "[]")) {
				t.Errorf("a key appears in %s", all)
			}
		}
	}
}

// Whatever prints a key must not print it.
func TestKeyStaysHidden(t *testing.T) {
	key := Key(unhex(t, "11223344556677888877665544332211"))
	inside := struct{ K Key }{key}
	text, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "inside", inside)
	all := fmt.Sprintf("%v %+v %#v %s %x %X %d %q %v %+v", key, key, key, key, key, key, key, key, inside, &inside) +
		string(text) + log.String()
	for _, secret := range []string{"1122", "17 34", "17, 34", "0x11", "3344"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q appears in %s", secret, all)
		}
	}
}

func TestAuthoriseLoad(t *testing.T) {
	store := GenerateTest(1)
	id := CardID{Issuer: [8]byte{1, 1, 0x49, 0x10, 255, 255, 255, 255}, ASN: [10]byte{3, 0x10, 0x50, 0x70, 0x20}}
	order := LoadOrder{
		Card: id, OldBalance: 100, Amount: 5000, Type: 2, Terminal: [6]byte{1}, Time: [7]byte{0x20, 0x26},
		OnlineSequence: 3, Random: [4]byte{9, 8, 7, 6}, KeyVersion: store.Version(),
	}
	session := LoadSession(store.CardKeys(id).Load(), order.Random, order.OnlineSequence)
	order.MAC1 = session.LoadMAC1(LoadStart{100, 5000, 2, order.Terminal})
	mac2, err := store.AuthoriseLoad(order)
	if err != nil || mac2 != session.LoadMAC2(Movement{5000, 2, order.Terminal, order.Time}) {
		t.Fatalf("MAC2 %x, %v", mac2, err)
	}
	change := map[string]func(*LoadOrder){
		"amount":   func(o *LoadOrder) { o.Amount++ },
		"balance":  func(o *LoadOrder) { o.OldBalance++ },
		"card":     func(o *LoadOrder) { o.Card.ASN[9]++ },
		"terminal": func(o *LoadOrder) { o.Terminal[0]++ },
		"sequence": func(o *LoadOrder) { o.OnlineSequence++ },
		"random":   func(o *LoadOrder) { o.Random[0]++ },
		"MAC1":     func(o *LoadOrder) { o.MAC1[0]++ },
		"type":     func(o *LoadOrder) { o.Type = 1 },
	}
	for name, f := range change {
		o := order
		f(&o)
		if _, err := store.AuthoriseLoad(o); !errors.Is(err, ErrMAC) {
			t.Errorf("altered %s: %v, want ErrMAC", name, err)
		}
	}
	other := order
	other.Algorithm = 1
	if _, err := store.AuthoriseLoad(other); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("other algorithm: %v, want ErrKeyVersion", err)
	}
	order.KeyVersion++
	if _, err := store.AuthoriseLoad(order); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("other key version: %v, want ErrKeyVersion", err)
	}
}

func TestPersonToken(t *testing.T) {
	a, b := GenerateTest(1), GenerateTest(2)
	one, again := a.PersonToken("1"), a.PersonToken("1")
	if one != again || one == a.PersonToken("2") || one == b.PersonToken("1") {
		t.Error("token does not depend on just number and key")
	}
}
