package hsm

import (
	"fmt"

	"github.com/miekg/pkcs11"
)

// Module is a PKCS#11 library. A process loads a library once.
type Module struct{ calls *pkcs11.Ctx }

// Load loads the library in a file. The error is ErrModule.
func Load(path string) (*Module, error) {
	calls := pkcs11.New(path)
	if calls == nil {
		return nil, fmt.Errorf("%w: %s", ErrModule, path)
	}
	if err := calls.Initialize(); err != nil {
		calls.Destroy()
		return nil, fmt.Errorf("%w: %s: %w", ErrModule, path, err)
	}
	return &Module{calls}, nil
}

// Close ends all sessions and unloads the library.
func (m *Module) Close() error {
	err := m.calls.Finalize()
	m.calls.Destroy()
	return err
}

// Slot is a place for a token, and the token in it.
type Slot struct {
	ID     uint
	Label  string // of the token
	Serial string
	Model  string
	Ready  bool // initialised, and has a PIN
	Locked bool
}

// Slots lists the slots that hold a token.
func (m *Module) Slots() ([]Slot, error) {
	ids, err := m.calls.GetSlotList(true)
	if err != nil {
		return nil, fault("list tokens", err)
	}
	slots := make([]Slot, 0, len(ids))
	for _, id := range ids {
		info, err := m.calls.GetTokenInfo(id)
		if err != nil {
			return nil, fault("list tokens", err)
		}
		slots = append(slots, Slot{
			ID: id, Label: info.Label, Serial: info.SerialNumber, Model: info.Model,
			Ready:  info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 && info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED != 0,
			Locked: info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0,
		})
	}
	return slots, nil
}

// slot finds the token of a name. Errors: ErrAway, ErrTwoTokens.
func (m *Module) slot(label string) (uint, error) {
	slots, err := m.Slots()
	if err != nil {
		return 0, err
	}
	var found []uint
	for _, s := range slots {
		if s.Label == label && s.Ready {
			found = append(found, s.ID)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("%w: %q", ErrAway, label)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%w: %q", ErrTwoTokens, label)
}

// Prepare makes an empty token out of one that nobody initialised yet: it gives it a name, the PIN
// of its security officer and the PIN that the key service logs in with. A token that is
// initialised is never erased. Errors: ErrAway where there is no such token, ErrPIN.
func (m *Module) Prepare(label, officerPIN, pin string) error {
	if err := m.CanPrepare(label); err != nil {
		return err
	}
	blank, err := m.blank()
	if err != nil {
		return err
	}
	if err := m.calls.InitToken(blank, officerPIN, label); err != nil {
		return fault("initialise the token", err)
	}
	if blank, err = m.labelled(label); err != nil { // SoftHSM2 gives the token another slot
		return err
	}
	session, err := m.calls.OpenSession(blank, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fault("open a session", err)
	}
	defer func() { _ = m.calls.CloseSession(session) }()
	if err := m.calls.Login(session, pkcs11.CKU_SO, officerPIN); err != nil {
		return fault("log in as security officer", err)
	}
	defer func() { _ = m.calls.Logout(session) }()
	if err := m.calls.InitPIN(session, pin); err != nil {
		return fault("set the PIN", err)
	}
	return nil
}

// CanPrepare says whether there is an empty token, and no other of the name. Errors: ErrAway,
// ErrTwoTokens.
func (m *Module) CanPrepare(label string) error {
	if _, err := m.labelled(label); err == nil {
		return fmt.Errorf("%w: %q", ErrTwoTokens, label)
	}
	_, err := m.blank()
	return err
}

// blank finds a token that nobody initialised.
func (m *Module) blank() (uint, error) {
	ids, err := m.calls.GetSlotList(true)
	if err != nil {
		return 0, fault("list tokens", err)
	}
	for _, id := range ids {
		info, err := m.calls.GetTokenInfo(id)
		if err != nil {
			return 0, fault("list tokens", err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%w: no slot holds an empty token", ErrAway)
}

// labelled finds the token of a name, whether it has a PIN or not.
func (m *Module) labelled(label string) (uint, error) {
	slots, err := m.Slots()
	if err != nil {
		return 0, err
	}
	for _, s := range slots {
		if s.Label == label {
			return s.ID, nil
		}
	}
	return 0, fmt.Errorf("%w: %q", ErrAway, label)
}
