package main

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"citycard/language"
	"citycard/terminals/downlink"
)

// publisher looks at the key of the publishing service that the agent is given; nil if there is
// none.
func (d *doctor) publisher() ed25519.PublicKey {
	key, err := d.follow.key()
	switch {
	case err != nil:
		d.fails("publisher", err, language.Textf("take what citycard publish-key show prints at the clearing centre"))
	case key == nil:
		d.find("publisher", warning, language.Textf("fares and hotlist are followed whoever has written them"), language.Textf("give --publisher in place of --unsigned"))
	default:
		d.find("publisher", fine, language.Textf("the key %s is followed", short(key)), nil)
	}
	return key
}

// short is the beginning of a public key: people compare it with what citycard publish-key show
// prints.
func short(key ed25519.PublicKey) string { return fmt.Sprintf("%x…", []byte(key[:8])) }

// signed looks whether the fares that the brokers have are signed by a key.
func (d *doctor) signed(ctx context.Context, up uplink, key ed25519.PublicKey) {
	opts, err := up.options()
	if err != nil {
		return // it was said before
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, said, err := downlink.Read(ctx, up.brokers, opts...)
	if err != nil {
		d.fails("publisher", err, language.Textf("look at the rights of the terminal's user"))
		return
	}
	switch by, version, err := downlink.Signed(said, key); {
	case len(said) == 0:
		d.find("publisher", warning, language.Textf("nothing is published in topic fares yet"), language.Textf("start citycard serve with its publishing key"))
	case err != nil:
		d.find("publisher", broken, language.Textf("what topic fares has is signed by another key than %s, and is not followed", short(key)), language.Textf("compare --publisher with what citycard publish-key show prints at the clearing centre"))
	case !by.Equal(key):
		d.find("publisher", fine, language.Textf("topic fares is signed by %s, the successor of %s: version %d", short(by), short(key), version), nil)
	default:
		d.find("publisher", fine, language.Textf("topic fares is signed by %s: version %d", short(by), version), nil)
	}
}
