package hsm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keyservice"
)

// Errors that say what a person has to do.
var (
	// ErrModule says that the file is no PKCS#11 library that this program can load.
	ErrModule = errors.New("the PKCS#11 library cannot be loaded")
	// ErrAway says that no token of the name is in a slot, or that it was taken out.
	ErrAway = errors.New("the token is not there")
	// ErrTwoTokens says that two tokens have the name.
	ErrTwoTokens = errors.New("two tokens have this name")
	// ErrPIN says that the token does not take the PIN. It is not tried again.
	ErrPIN = errors.New("the token does not take the PIN")
	// ErrLocked says that the token is locked after wrong PINs.
	ErrLocked = errors.New("the token is locked after wrong PINs")
	// ErrUnable says that the token lacks a mechanism or forbids what is needed.
	ErrUnable = errors.New("the token cannot do what is needed")
)

// lost reports whether the token, the session or the login has gone, so that the operation may
// succeed once the token is open again.
func lost(err error) bool {
	return slices.ContainsFunc([]pkcs11.Error{
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_SLOT_ID_INVALID,
		pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED,
	}, func(code pkcs11.Error) bool { return errors.Is(err, code) })
}

// fault says in an error what a person has to do about it.
func fault(act string, err error) error {
	if is := meaning(err); is != nil {
		if !errors.Is(err, is) {
			err = fmt.Errorf("%w: %w", is, err)
		}
		err = &keyservice.HaltedError{What: is.Error(), Err: err}
	}
	return fmt.Errorf("%s: %w", act, err)
}

// meaning is which of our errors one of the token means, or nil.
func meaning(err error) error {
	for _, is := range []error{ErrAway, ErrTwoTokens, ErrPIN, ErrLocked, ErrUnable, ErrNoMasters, ErrMasters, ErrBroken} {
		if errors.Is(err, is) {
			return is
		}
	}
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return nil
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED:
		return ErrPIN
	case pkcs11.CKR_PIN_LOCKED:
		return ErrLocked
	case pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID:
		return ErrAway
	case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_FUNCTION_NOT_SUPPORTED,
		pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED, pkcs11.CKR_TEMPLATE_INCONSISTENT, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID:
		return ErrUnable
	}
	return nil
}
