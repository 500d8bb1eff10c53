package hsm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
)

// Masters are the masters in a token in use: they give the answers that a keys.Store gives. They
// follow rotations, which another process may make in the token. Safe for concurrent use.
type Masters struct {
	token   *Token
	process *rsa.PrivateKey // under which keys leave the token
	test    bool

	mu    sync.Mutex
	login *login // whose handles these are
	known []generation
	held  *keys.Held
}

// Masters takes the token's masters into use. Errors: ErrNoMasters, ErrBroken, ErrUnable.
func (t *Token) Masters(ctx context.Context) (*Masters, error) {
	process, err := rsa.GenerateKey(rand.Reader, wrappingBits)
	if err != nil {
		return nil, fmt.Errorf("make a wrapping key: %w", err)
	}
	m := &Masters{token: t, process: process}
	held, err := m.Held(ctx)
	if err != nil {
		return nil, err
	}
	m.test = held.Test()
	return m, nil
}

// Format hides what is held from every fmt verb.
func (m *Masters) Format(f fmt.State, _ rune) { m.token.Format(f, 'v') }

// Test reports whether these are test masters.
func (m *Masters) Test() bool { return m.test }

// generations are those in use, read again after the token was opened again or if fresh.
func (m *Masters) generations(w *work, fresh bool) ([]generation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.login == w.login {
		if !fresh {
			return m.known, nil
		}
		records, err := w.records()
		if err != nil || len(records) == len(m.known) {
			return m.known, err
		}
	}
	known, err := w.generations()
	switch {
	case err != nil:
		return nil, err
	case len(known) == 0 && len(m.known) > 0: // SoftHSM2 shows nothing once its token has gone
		return nil, pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT)
	case len(known) == 0:
		return nil, ErrNoMasters
	case len(m.known) > 0 && !includes(known, m.known):
		return nil, fmt.Errorf("%w: masters that are in use are missing in it", ErrBroken)
	}
	m.login, m.known = w.login, known
	return known, nil
}

// includes reports whether the masters of all generations of another set are there, by their check
// values.
func includes(known, other []generation) bool {
	for _, o := range other {
		i := slices.IndexFunc(known, func(g generation) bool { return g.version == o.version })
		if i < 0 || known[i].test != o.test {
			return false
		}
		for r, check := range o.checks {
			if known[i].checks[r] != check {
				return false
			}
		}
	}
	return true
}

// master finds the master of a role and version, in the token if it is not known yet; a role that
// does not rotate has one of any version. It fails with keys.ErrKeyVersion.
func (m *Masters) master(w *work, version byte, r keys.Role) (pkcs11.ObjectHandle, error) {
	for _, fresh := range []bool{false, true} {
		known, err := m.generations(w, fresh)
		if err != nil {
			return 0, err
		}
		for _, g := range known {
			if g.version == version || !r.Rotates() {
				return g.masters[r], nil
			}
		}
	}
	return 0, keys.ErrKeyVersion
}

// newest are the masters that cards get keys of.
func (m *Masters) newest(w *work) (generation, error) {
	known, err := m.generations(w, true)
	if err != nil {
		return generation{}, err
	}
	return known[0], nil
}

// Held are the keys that clearing holds, as the token has them now: the same pointer as long as
// they are the same.
func (m *Masters) Held(ctx context.Context) (*keys.Held, error) {
	var held *keys.Held
	err := m.token.do(ctx, "read the keys that clearing holds", func(w *work) error {
		var err error
		held, err = m.hold(w)
		return err
	})
	return held, err
}

func (m *Masters) hold(w *work) (*keys.Held, error) {
	known, err := m.generations(w, true)
	if err != nil {
		return nil, err
	}
	if held := m.holding(); held != nil && held.Version() == known[0].version {
		return held, nil
	}
	var token keys.Key
	generations := make([]keys.HeldGeneration, len(known))
	for i, g := range known {
		taken := map[keys.Role]keys.Key{}
		for _, r := range []keys.Role{keys.RoleTAC, keys.RolePersonToken, keys.RolePersonData} {
			if taken[r], err = w.leave(m.process, g.masters[r]); err != nil {
				return nil, err
			}
		}
		token = taken[keys.RolePersonToken]
		generations[i] = keys.HeldGeneration{Version: g.version, TAC: taken[keys.RoleTAC], PersonData: taken[keys.RolePersonData]}
	}
	held, err := keys.NewHeld(known[0].test, token, generations)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil || m.held.Version() != held.Version() { // nobody else took them meanwhile
		m.held = held
	}
	return m.held, nil
}

// holding are the held keys that were taken last.
func (m *Masters) holding() *keys.Held {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}
