package hsm

import (
	"testing"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
)

func TestContract(t *testing.T) {
	keyservicetest.Contract(t, func(t *testing.T, store *keys.Store) keyservice.Backend { return inUse(t, store) })
}
