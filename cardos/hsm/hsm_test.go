package hsm

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"citycard/cardos/hsm/hsmtest"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
)

const (
	officerPIN = "1234"
	userPIN    = "567890"
)

// empty is a token without masters.
func empty(t testing.TB) (*Module, *Token) {
	t.Helper()
	module, err := Load(hsmtest.Library(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := module.Prepare("cards", officerPIN, userPIN); err != nil {
		t.Fatal(err)
	}
	token, err := module.Open("cards", userPIN, 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return module, token
}

// inUse are the masters of a store in a token.
func inUse(t testing.TB, store *keys.Store) *Masters {
	t.Helper()
	_, token := empty(t)
	if err := token.Import(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	masters, err := token.Masters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return masters
}

// rotated is a test store of three generations, and those before.
func rotated(t testing.TB) []*keys.Store {
	t.Helper()
	stores := []*keys.Store{keys.GenerateTest(1)}
	for _, seed := range []string{"second", "the third"} {
		next, err := stores[len(stores)-1].Rotate(strings.NewReader(strings.Repeat(seed, 100)))
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, next)
	}
	return stores
}

// orderOf is a load of a card that a store made.
func orderOf(s *keys.Store, id keys.CardID) (o keys.LoadOrder, mac2 keys.MAC) {
	o = keys.LoadOrder{Card: id, OldBalance: 700, Amount: 5000, Type: 2, Terminal: [6]byte{1, 2}, Time: [7]byte{0x20, 0x26}, OnlineSequence: 300, Random: [4]byte{1, 2, 3, 4}, KeyVersion: s.Version()}
	session := keys.LoadSession(s.CardKeys(id).Load(), o.Random, o.OnlineSequence)
	o.MAC1 = session.LoadMAC1(keys.LoadStart{OldBalance: o.OldBalance, Amount: o.Amount, Type: o.Type, Terminal: o.Terminal})
	return o, session.LoadMAC2(keys.Movement{Amount: o.Amount, Type: o.Type, Terminal: o.Terminal, Time: o.Time})
}

func card(n byte) keys.CardID {
	return keys.CardID{Issuer: [8]byte{1, 1, 0x49, 0x10, 255, 255, 255, 255}, ASN: [10]byte{3, 0x10, 0x50, 0x70, 0x20, 8: n}}
}

// The masters of all generations come into the token as they are, and it answers as the store does.
func TestImportedMastersAnswerAsTheirStore(t *testing.T) {
	stores := rotated(t)
	masters := inUse(t, stores[2])
	for _, made := range stores {
		for n := range byte(20) {
			o, want := orderOf(made, card(n))
			if got, err := masters.AuthoriseLoad(t.Context(), o); err != nil || got != want {
				t.Fatalf("a card of version %d: MAC2 %x, %v, want %x", made.Version(), got, err, want)
			}
			o.Amount++
			if _, err := masters.AuthoriseLoad(t.Context(), o); !errors.Is(err, keys.ErrMAC) {
				t.Fatalf("another amount: %v, want ErrMAC", err)
			}
		}
	}
	for _, wrong := range []keys.LoadOrder{{KeyVersion: 9}, {KeyVersion: 1, Algorithm: 4}} {
		if _, err := masters.AuthoriseLoad(t.Context(), wrong); !errors.Is(err, keys.ErrKeyVersion) {
			t.Errorf("version %d, algorithm %d: %v, want ErrKeyVersion", wrong.KeyVersion, wrong.Algorithm, err)
		}
	}
	held, err := masters.Held(t.Context())
	if err != nil || held.Fingerprint() != stores[2].Held().Fingerprint() || !masters.Test() {
		t.Errorf("the held keys differ, or the mark of test masters is lost: %v", err)
	}
	if again, err := masters.Held(t.Context()); err != nil || again != held {
		t.Errorf("the same keys come as others: %v", err)
	}
	shown, err := masters.token.Generations(t.Context())
	if err != nil || len(shown) != 3 || shown[0].Version != 3 || !shown[2].Test {
		t.Fatalf("generations %+v, %v", shown, err)
	}
	for _, m := range shown[0].Masters {
		if m.Inside || (m.Check == "") == derives(m.Role) {
			t.Errorf("master %q: made inside %v, check value %q", m.Role, m.Inside, m.Check)
		}
	}
	if err := masters.token.Import(t.Context(), stores[0]); !errors.Is(err, ErrMasters) {
		t.Errorf("a second import: %v, want ErrMasters", err)
	}
	if _, err := masters.token.Make(t.Context()); !errors.Is(err, ErrMasters) {
		t.Errorf("other masters beside them: %v, want ErrMasters", err)
	}
}

// The published examples of package keys, with keys that are in the token.
func TestPublishedExamples(t *testing.T) {
	_, token := empty(t)
	key := keys.Key{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}
	terminal := [6]byte{0, 0x11, 0x22, 0x33, 0x44, 0x55}
	random := [4]byte{0x11, 0x22, 0x33, 0x44}
	err := token.once(t.Context(), "test", func(w *work) error {
		in, err := w.pair()
		if err != nil {
			return err
		}
		load, err := w.unwrap(in, key, level())
		if err != nil {
			return err
		}
		session, err := w.derive(load, twice(keys.LoadSessionData(random, 0)), cipher())
		if err != nil {
			return err
		}
		mac1, err := w.mac(session, keys.LoadStart{Amount: 0x1000, Type: 1, Terminal: terminal}.Covered())
		if err != nil {
			return err
		}
		if mac1 != (keys.MAC{0x29, 0x88, 0xae, 0x5a}) {
			t.Errorf("MAC1 %x, want 2988ae5a", mac1)
		}
		mac2, err := w.mac(session, keys.Movement{Amount: 0x1000, Type: 1, Terminal: terminal, Time: [7]byte{0x20, 0x11, 0x12, 0x21, 0x21, 0x48, 0x22}}.Covered())
		if mac2 != (keys.MAC{0x3a, 0x84, 0x5b, 0xf0}) {
			t.Errorf("MAC2 %x, want 3a845bf0", mac2)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Masters that the token makes: a rotation is followed while the masters are in use, and cards of
// both generations are served.
func TestMastersMadeInside(t *testing.T) {
	_, token := empty(t)
	if _, err := token.Masters(t.Context()); !errors.Is(err, ErrNoMasters) {
		t.Errorf("an empty token: %v, want ErrNoMasters", err)
	}
	if _, err := token.Rotate(t.Context()); !errors.Is(err, ErrNoMasters) {
		t.Errorf("rotation of an empty token: %v, want ErrNoMasters", err)
	}
	if version, err := token.Make(t.Context()); err != nil || version != 1 {
		t.Fatalf("version %d, %v", version, err)
	}
	masters, err := token.Masters(t.Context())
	if err != nil || masters.Test() {
		t.Fatalf("masters: %v", err)
	}
	first, err := masters.Held(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version, err := token.Rotate(t.Context()); err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	second, err := masters.Held(t.Context())
	if err != nil || second.Version() != 2 || first.Version() != 1 || second.PersonToken("1") != first.PersonToken("1") {
		t.Errorf("after a rotation: version %d, %v", second.Version(), err)
	}
	for _, version := range []byte{1, 2} {
		if _, err := masters.AuthoriseLoad(t.Context(), keys.LoadOrder{KeyVersion: version}); !errors.Is(err, keys.ErrMAC) {
			t.Errorf("a card of version %d: %v, want ErrMAC", version, err)
		}
	}
	shown, err := token.Generations(t.Context())
	if err != nil || len(shown) != 2 {
		t.Fatal(shown, err)
	}
	seen := map[string]keys.Role{}
	for _, m := range append(shown[0].Masters, shown[1].Masters...) {
		if !m.Inside {
			t.Errorf("master %q was not made in the token", m.Role)
		}
		if other, twice := seen[m.Check]; twice && m.Check != "" && (other != m.Role || m.Role.Rotates()) {
			t.Errorf("masters %q and %q have one check value", other, m.Role)
		}
		seen[m.Check] = m.Role
	}
}

// No master can be read, wrapped or used for anything but derivation, but for those that clearing
// holds, and an operation leaves nothing behind.
func TestWhatMastersAllow(t *testing.T) {
	masters := inUse(t, keys.GenerateTest(1))
	for range 50 {
		o, _ := orderOf(keys.GenerateTest(1), card(1))
		if _, err := masters.AuthoriseLoad(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	err := masters.token.once(t.Context(), "test", func(w *work) error {
		left, err := w.find(template{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false)})
		if err != nil || len(left) > 0 {
			t.Errorf("%d session objects are left, %v", len(left), err)
		}
		for _, r := range keys.Roles() {
			master, err := masters.master(w, 1, r)
			if err != nil {
				return err
			}
			if _, err := w.calls.GetAttributeValue(w.session, master, template{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)}); !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE)) {
				t.Errorf("master %q can be read: %v", r, err)
			}
			if _, err := w.leave(masters.process, master); (err == nil) != leaves(r) {
				t.Errorf("master %q leaves: %v", r, err)
			}
			if _, err := w.ecb(master, make([]byte, 8)); err == nil {
				t.Errorf("master %q enciphers", r)
			}
			if err := w.calls.SetAttributeValue(w.session, master, template{pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true)}); err == nil {
				t.Errorf("master %q can be changed", r)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A login that the token ended, and a token that was taken out and put back, are opened again by
// the next operation; while it is away, the error says so.
func TestTokenGoesAndComesBack(t *testing.T) {
	masters := inUse(t, keys.GenerateTest(1))
	ask := func() error {
		o, want := orderOf(keys.GenerateTest(1), card(1))
		got, err := masters.AuthoriseLoad(t.Context(), o)
		if err == nil && got != want {
			t.Errorf("MAC2 %x, want %x", got, want)
		}
		return err
	}
	calls := masters.token.module.calls
	if err := masters.token.once(t.Context(), "test", func(w *work) error { return calls.Logout(w.session) }); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("after a login that ended: %v", err)
	}
	if err := calls.CloseAllSessions(masters.token.now.Load().slot); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("after sessions that ended: %v", err)
	}
	tokens, err := filepath.Glob(filepath.Join(filepath.Dir(os.Getenv(hsmtest.Settings)), "tokens", "*"))
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(tokens[0], away); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var halted *keyservice.HaltedError
		if err := ask(); !errors.Is(err, ErrAway) || !errors.As(err, &halted) || halted.What != "the token is not there" {
			t.Errorf("while the token is away: %v, want ErrAway", err)
		}
	}
	if err := os.Rename(away, tokens[0]); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("after the token came back: %v", err)
	}
}

// A PIN that the token refuses is tried once.
func TestRefusedPINIsNotTriedAgain(t *testing.T) {
	masters := inUse(t, keys.GenerateTest(1))
	token := masters.token
	err := token.once(t.Context(), "test", func(w *work) error {
		return errors.Join(token.module.calls.SetPIN(w.session, userPIN, "another"), token.module.calls.Logout(w.session))
	})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := orderOf(keys.GenerateTest(1), card(1))
	var said []string
	for range 3 {
		_, err := masters.AuthoriseLoad(t.Context(), o)
		if !errors.Is(err, ErrPIN) {
			t.Fatalf("after the PIN was changed: %v, want ErrPIN", err)
		}
		said = append(said, err.Error())
	}
	if token.refused == nil || said[0] != said[2] {
		t.Errorf("it is tried again: %q", said)
	}
	if strings.Contains(said[0], userPIN) {
		t.Errorf("the PIN is in %q", said[0])
	}
}

// What an attempt left that was interrupted neither counts nor stands in the way.
func TestInterruptedMaking(t *testing.T) {
	_, token := empty(t)
	broke := errors.New("broke")
	err := token.once(t.Context(), "test", func(w *work) error {
		n := 0
		return w.fill(1, false, keys.Roles(), func(r keys.Role) (pkcs11.ObjectHandle, error) {
			if n++; n > 7 {
				return 0, broke
			}
			return w.calls.GenerateKey(w.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_DES2_KEY_GEN, nil)}, kept(1, r))
		})
	})
	if !errors.Is(err, broke) {
		t.Fatal(err)
	}
	if shown, err := token.Generations(t.Context()); err != nil || len(shown) != 0 {
		t.Errorf("half a generation counts: %v, %v", shown, err)
	}
	store := keys.GenerateTest(1)
	if err := token.Import(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Masters(t.Context()); err != nil {
		t.Error(err)
	}
	// A master that was destroyed afterwards is missed.
	err = token.once(t.Context(), "test", func(w *work) error {
		found, err := w.find1(1, keys.RoleLoad)
		return errors.Join(err, w.calls.DestroyObject(w.session, found[0]))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Masters(t.Context()); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), `"load"`) {
		t.Errorf("a master is missing: %v, want ErrBroken and which", err)
	}
}

// A batch's transport key may come again, but no other one in its place, also with the masters of a
// file.
func TestTransportKeys(t *testing.T) {
	_, token := empty(t)
	key := func(n byte) keys.Key { return keys.Key{1, 2, 3, 4, 5, 6, 7, 8, n << 1} }
	for range 2 {
		if err := token.AddTransport(t.Context(), "B-0", key(0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := token.AddTransport(t.Context(), "B-0", key(1)); !errors.Is(err, keys.ErrBatchKnown) {
		t.Errorf("another key: %v, want ErrBatchKnown", err)
	}
	const more = 120
	err := token.once(t.Context(), "test", func(w *work) error {
		in, err := w.pair()
		for n := byte(1); err == nil && n <= more; n++ {
			err = w.addTransport(in, fmt.Sprint("B-", n), key(n))
		}
		return err
	})
	if list, all := token.Batches(t.Context()); errors.Join(err, all) != nil || len(list) != 1+more {
		t.Errorf("%d batches, want %d: %v, %v", len(list), 1+more, err, all)
	}
	for _, n := range []byte{9, 2} {
		with, err := keys.GenerateTest(1).WithTransport("B-2", key(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Import(t.Context(), with); (err == nil) != (n == 2) || err != nil && !errors.Is(err, keys.ErrBatchKnown) {
			t.Errorf("a file with the key %d of batch B-2: %v", n, err)
		}
	}
}

// Names decide which token it is.
func TestOpenRefuses(t *testing.T) {
	module, token := empty(t)
	if _, err := module.Open("other", userPIN, 1, token.log); !errors.Is(err, ErrAway) {
		t.Errorf("no token of that name: %v, want ErrAway", err)
	}
	if err := module.Prepare("cards", officerPIN, userPIN); !errors.Is(err, ErrTwoTokens) {
		t.Errorf("a second one of the name: %v, want ErrTwoTokens", err)
	}
	if _, err := Load("/etc/hostname"); !errors.Is(err, ErrModule) {
		t.Errorf("no library: %v, want ErrModule", err)
	}
	if err := token.Close(); err != nil {
		t.Error(err)
	}
	if _, err := module.Open("cards", "000000", 1, token.log); !errors.Is(err, ErrPIN) {
		t.Errorf("another PIN: %v, want ErrPIN", err)
	}
	slots, err := module.Slots()
	if err != nil || !slices.ContainsFunc(slots, func(s Slot) bool { return s.Label == "cards" && s.Ready && !s.Locked }) {
		t.Errorf("slots %+v, %v", slots, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token)
	if strings.Contains(log.String(), userPIN) {
		t.Errorf("the PIN is in %s", log.String())
	}
}
