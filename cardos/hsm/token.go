package hsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// Token is a token that this process is logged in to, the only one of its Module. It is safe for
// concurrent use: each operation has a session of its own while it runs.
type Token struct {
	module   *Module
	label    string
	pin      string // kept, since a token may end the login at any time
	sessions int
	log      *slog.Logger

	now atomic.Pointer[login]

	using   sync.RWMutex // written while the library is started again, which no call may see
	refused error        // why the PIN is not tried again
}

// login is one time that the token was opened.
type login struct {
	slot uint
	free chan pkcs11.SessionHandle
}

// Open logs in to the token of a name and opens that many sessions. Errors: ErrAway, ErrTwoTokens,
// ErrPIN, ErrLocked.
func (m *Module) Open(label, pin string, sessions int, log *slog.Logger) (*Token, error) {
	t := &Token{module: m, label: label, pin: pin, sessions: max(sessions, 1), log: log}
	opened, err := t.open()
	if err != nil {
		return nil, err
	}
	t.now.Store(opened)
	return t, nil
}

// Format hides the PIN from every fmt verb.
func (t *Token) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[token %s]", t.label) }

// Close logs out and closes all sessions.
func (t *Token) Close() error {
	t.using.Lock()
	defer t.using.Unlock()
	t.refused = errors.New("the token was closed")
	if err := t.module.calls.CloseAllSessions(t.now.Load().slot); err != nil {
		return fault("close the token", err)
	}
	return nil
}

func (t *Token) open() (*login, error) {
	slot, err := t.module.slot(t.label)
	if err != nil {
		return nil, err
	}
	l := &login{slot: slot, free: make(chan pkcs11.SessionHandle, t.sessions)}
	for range t.sessions {
		session, err := t.module.calls.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			_ = t.module.calls.CloseAllSessions(slot)
			return nil, fault("open a session", err)
		}
		l.free <- session
	}
	session := <-l.free
	l.free <- session
	if err := t.module.calls.Login(session, pkcs11.CKU_USER, t.pin); err != nil {
		_ = t.module.calls.CloseAllSessions(slot)
		return nil, fault("log in to the token", err)
	}
	return l, nil
}

// again opens the token after a login was lost, unless somebody did so meanwhile. It starts the
// library again: many see a token that came back only then.
func (t *Token) again(gone *login, cause error) error {
	t.using.Lock()
	defer t.using.Unlock()
	switch {
	case t.now.Load() != gone:
		return nil
	case t.refused != nil:
		return t.refused
	}
	_ = t.module.calls.Finalize() // a library that lost its token may not even do that
	if err := t.module.calls.Initialize(); err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	opened, err := t.open()
	if err != nil {
		if errors.Is(err, ErrPIN) || errors.Is(err, ErrLocked) {
			t.refused = err
		}
		return err
	}
	t.log.Warn("the token was opened again", "token", t.label, "because", cause)
	t.now.Store(opened)
	return nil
}

// attempts is how often the token is opened again for one operation.
const attempts = 5

// do runs an operation in a session. Where the token was taken out or ended the login, the token is
// opened again and the operation is repeated; so an operation changes nothing that lasts.
func (t *Token) do(ctx context.Context, act string, operation func(*work) error) error {
	in, err := t.run(ctx, operation)
	for attempt := 0; attempt < attempts && lost(err); attempt++ {
		if err = t.again(in, err); err == nil {
			in, err = t.run(ctx, operation)
		}
	}
	if err != nil {
		return fault(act, err)
	}
	return nil
}

// once runs an operation that makes or destroys lasting objects; it is not repeated.
func (t *Token) once(ctx context.Context, act string, operation func(*work) error) error {
	if _, err := t.run(ctx, operation); err != nil {
		return fault(act, err)
	}
	return nil
}

// run runs an operation in a session of the present login, and returns that too.
func (t *Token) run(ctx context.Context, operation func(*work) error) (*login, error) {
	t.using.RLock()
	defer t.using.RUnlock()
	l := t.now.Load() // not earlier: the handles of a login that is over may be others' by now
	select {
	case session := <-l.free:
		w := &work{login: l, calls: t.module.calls, session: session}
		err := operation(w)
		err = errors.Join(err, w.end(err != nil))
		if code := pkcs11.Error(0); errors.As(err, &code) {
			var gone error
			session, gone = t.replaced(l, session)
			err = errors.Join(err, gone)
		}
		l.free <- session
		return l, err
	case <-ctx.Done():
		return l, fmt.Errorf("wait for a session of the token: %w", context.Cause(ctx))
	}
}

// replaced is a session for one in which a call failed: that one may still be in the middle of
// it. The new one is opened first, since the login ends with the last session. The error is one
// of those that are lost, where the call failed because the token ended the login, whatever it
// said then.
func (t *Token) replaced(l *login, failed pkcs11.SessionHandle) (pkcs11.SessionHandle, error) {
	session, err := t.module.calls.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return failed, err
	}
	_ = t.module.calls.CloseSession(failed)
	info, err := t.module.calls.GetSessionInfo(session)
	if err == nil && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return session, err
}
