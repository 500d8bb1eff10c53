package hsm

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
)

func TestContract(t *testing.T) {
	keyservicetest.Contract(t, time.Now(), func(t *testing.T, store *keys.Store) keyservice.Backend { return inUse(t, store) })
}
