package hsm

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
)

// Errors about what is in the token.
var (
	// ErrNoMasters says that the token has no masters of cards.
	ErrNoMasters = errors.New("the token holds no masters")
	// ErrMasters says that masters are there already, where none may be.
	ErrMasters = errors.New("the token holds masters already")
	// ErrBroken says that a master is missing, is there twice or is another than was made.
	ErrBroken = errors.New("the masters in the token are not those that were made")
)

// application marks our objects, and is the begin of their labels.
const application = "citycard"

// maxGenerations is how many generations a token may hold, as a store of package keys.
const maxGenerations = 16

// generation is one set of masters in the token. It counts from the moment that its record is
// there: a data object that says which masters belong to it, written after them. Masters without a
// record were left by an attempt that was interrupted; nothing was made under them.
type generation struct {
	version byte
	test    bool
	masters map[keys.Role]pkcs11.ObjectHandle
	checks  map[keys.Role]string
}

// record is the data object of a generation.
type record struct {
	Version byte                 `json:"version"`
	Test    bool                 `json:"test"`
	Checks  map[keys.Role]string `json:"checks"`
}

// id is CKA_ID of a master: version1 role1. Masters that do not change with a rotation have version
// 0.
func id(version byte, r keys.Role) []byte {
	if !r.Rotates() {
		version = 0
	}
	return []byte{version, byte(r)}
}

// kept are the attributes of a master.
func kept(version byte, r keys.Role) template {
	kind := uint(pkcs11.CKK_DES2)
	if !derives(r) {
		kind = pkcs11.CKK_GENERIC_SECRET
	}
	label := fmt.Sprintf("%s %s", application, r)
	if r.Rotates() {
		label = fmt.Sprintf("%s, version %d", label, version)
	}
	return template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, leaves(r)),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, derives(r)),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id(version, r)),
		pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false), // last: SoftHSM2 takes nothing after it
	}
}

// leaves reports whether a master is one of those that clearing holds.
func leaves(r keys.Role) bool {
	return r == keys.RoleTAC || r == keys.RolePersonToken || r == keys.RolePersonData
}

// derives reports whether keys of cards are derived from a master.
func derives(r keys.Role) bool { return r != keys.RolePersonToken && r != keys.RolePersonData }

// find returns the objects that match. A token that ended the login shows nothing of
// what is private and calls that no error.
func (w *work) find(match template) ([]pkcs11.ObjectHandle, error) {
	if err := w.calls.FindObjectsInit(w.session, match); err != nil {
		return nil, err
	}
	const page = 100
	var found []pkcs11.ObjectHandle
	var err error
	for n := page; n == page && err == nil; {
		var more []pkcs11.ObjectHandle
		more, _, err = w.calls.FindObjects(w.session, page)
		n, found = len(more), append(found, more...)
	}
	if err = errors.Join(err, w.calls.FindObjectsFinal(w.session)); err != nil || len(found) > 0 {
		return found, err
	}
	info, err := w.calls.GetSessionInfo(w.session)
	if err == nil && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return nil, err
}

// find1 finds the master of a role.
func (w *work) find1(version byte, r keys.Role) ([]pkcs11.ObjectHandle, error) {
	return w.find(template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id(version, r)),
	})
}

// records reads the records of all generations, the newest first.
func (w *work) records() ([]record, error) {
	found, err := w.find(template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, application),
	})
	if err != nil {
		return nil, err
	}
	records := make([]record, len(found))
	for i, object := range found {
		values, err := w.calls.GetAttributeValue(w.session, object, template{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(values[0].Value, &records[i]); err != nil {
			return nil, fmt.Errorf("%w: a record cannot be read: %w", ErrBroken, err)
		}
	}
	slices.SortFunc(records, func(a, b record) int { return int(b.Version) - int(a.Version) })
	for i := 1; i < len(records); i++ {
		if records[i].Version == records[i-1].Version {
			return nil, fmt.Errorf("%w: version %d is there twice", ErrBroken, records[i].Version)
		}
	}
	return records, nil
}

// generations finds the masters of all generations, the newest first, and holds each against what
// its record says of it.
func (w *work) generations() ([]generation, error) {
	records, err := w.records()
	if err != nil {
		return nil, err
	}
	all := make([]generation, 0, len(records))
	for _, rec := range records {
		g := generation{version: rec.Version, test: rec.Test, masters: map[keys.Role]pkcs11.ObjectHandle{}, checks: rec.Checks}
		for _, r := range keys.Roles() {
			found, err := w.find1(g.version, r)
			if err != nil {
				return nil, err
			}
			if len(found) != 1 {
				return nil, fmt.Errorf("%w: %d masters %q of version %d", ErrBroken, len(found), r, g.version)
			}
			g.masters[r] = found[0]
			check, err := w.check(r, found[0])
			if err != nil {
				return nil, err
			}
			if check != rec.Checks[r] {
				return nil, fmt.Errorf("%w: master %q of version %d has check value %s, want %s", ErrBroken, r, g.version, check, rec.Checks[r])
			}
		}
		all = append(all, g)
	}
	return all, nil
}

// check is the check value of a master that keys of cards are derived from, and empty for others.
// See keys.CheckValue.
func (w *work) check(r keys.Role, master pkcs11.ObjectHandle) (string, error) {
	if !derives(r) {
		return "", nil
	}
	key, err := w.derive(master, bothHalves(keys.Factor{}), cipher())
	if err != nil {
		return "", err
	}
	sealed, err := w.ecb(key, make([]byte, 8))
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sealed[:keys.CheckValueSize]), nil
}

// Master is a master in the token as a person may see it.
type Master struct {
	Role    keys.Role
	Version byte // 0 for one that does not change with a rotation
	Check   string
	Inside  bool // made in the token, and never outside it
}

// Generation is a generation of masters as a person may see it.
type Generation struct {
	Version byte
	Test    bool
	Masters []Master
}

// Generations lists what the token holds, the newest first. The error is ErrBroken where it is not
// what was made.
func (t *Token) Generations(ctx context.Context) ([]Generation, error) {
	var all []Generation
	err := t.do(ctx, "read the masters", func(w *work) error {
		all = nil
		generations, err := w.generations()
		if err != nil {
			return err
		}
		for _, g := range generations {
			shown := Generation{Version: g.version, Test: g.test}
			for _, r := range keys.Roles() {
				values, err := w.calls.GetAttributeValue(w.session, g.masters[r], template{pkcs11.NewAttribute(pkcs11.CKA_LOCAL, nil)})
				if err != nil {
					return err
				}
				inside := len(values[0].Value) == 1 && values[0].Value[0] == 1
				shown.Masters = append(shown.Masters, Master{Role: r, Version: id(g.version, r)[0], Check: g.checks[r], Inside: inside})
			}
			all = append(all, shown)
		}
		return nil
	})
	return all, err
}
