package proposal

import (
	"encoding/json"
	"fmt"

	"citycard/language"
)

// FitsOf is the Fits of a kind whose request has the type T. makes gives the whole change of a
// request. What only the books know, such as states, it takes from the change that is shown.
func FitsOf[T any](kind string, makes func(request T, shown *Change) (*Change, error)) func(json.RawMessage, *Change) error {
	return func(body json.RawMessage, shown *Change) error {
		var request T
		if err := decode(body, &request); err != nil {
			return fmt.Errorf("request of %s: %w", kind, err)
		}
		return fits(request, shown, makes)
	}
}

func fits[T any](request T, shown *Change, makes func(T, *Change) (*Change, error)) error {
	if shown == nil {
		return fmt.Errorf("there is no change")
	}
	want, err := makes(request, shown)
	if err != nil {
		return err
	}
	if shown.Unit != want.Unit {
		return other(string(shown.Unit), string(want.Unit))
	}
	if shown.Approves != want.Approves {
		return other(string(shown.Approves), string(want.Approves))
	}
	if err = same(shown.Rows, want.Rows); err == nil {
		err = same(shown.Transfers, want.Transfers)
	}
	if err == nil {
		err = same(shown.Effects, want.Effects)
	}
	return err
}

// same names the first part of a change that is another one, or is missing.
func same[T any](shown, want []T) error {
	for i := range max(len(shown), len(want)) {
		is, err := textAt(shown, i)
		if err != nil {
			return err
		}
		wanted, err := textAt(want, i)
		if err != nil {
			return err
		}
		if is != wanted {
			return other(is, wanted)
		}
	}
	return nil
}

func textAt[T any](list []T, i int) (string, error) {
	if i >= len(list) {
		return "", nil
	}
	text, err := canonical(list[i])
	return string(text), err
}

func other(shown, want string) error {
	return language.Textf("it shows %.300q; the request makes %.300q", shown, want)
}
