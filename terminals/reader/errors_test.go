package reader

import (
	"errors"
	"testing"

	"github.com/ebfe/scard"

	"citycard/language"
)

// TestSorted compares answers of a smart card service with what callers do next.
func TestSorted(t *testing.T) {
	tests := []struct {
		code               scard.Error
		connects, admitted error // nil: none of the errors that callers branch on
	}{
		{scard.ErrSecurityViolation, nil, ErrNoService},
		{scard.ErrNoService, ErrNoService, ErrNoService},
		{scard.ErrInvalidHandle, ErrNoService, ErrNoService},
		{scard.ErrUnknownReader, ErrNoReader, ErrNoReader},
		{scard.ErrNoSmartcard, ErrNoCard, ErrNoCard},
		{scard.ErrRemovedCard, ErrCardGone, ErrCardGone},
		{scard.ErrSharingViolation, ErrBusy, ErrBusy},
		{scard.ErrResetCard, ErrCardReset, ErrCardReset},
		{scard.ErrUnpoweredCard, ErrUnresponsive, ErrUnresponsive},
		{scard.ErrInternalError, nil, nil},
	}
	branches := []error{ErrNoService, ErrNoReader, ErrNoCard, ErrCardGone, ErrBusy, ErrCardReset, ErrUnresponsive}
	for _, test := range tests {
		for _, got := range []struct{ err, want error }{
			{sorted(language.Textf("connect"), test.code), test.connects}, {sortedAdmitted(language.Textf("watch"), test.code), test.admitted},
		} {
			if !errors.Is(got.err, test.code) {
				t.Errorf("%v does not keep the code %v", got.err, test.code)
			}
			for _, branch := range branches {
				if is := errors.Is(got.err, branch); is != (branch == got.want) {
					t.Errorf("%v: is %v: %v", got.err, branch, is)
				}
			}
		}
	}
}
