package keyservicetest_test

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
)

func TestSoftware(t *testing.T) {
	keyservicetest.Contract(t, time.Now(), func(_ *testing.T, store *keys.Store) keyservice.Backend {
		return keyservice.Software{Keyring: keys.NewKeyring(store)}
	})
}
