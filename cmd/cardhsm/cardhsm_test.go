package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cardos/hsm/hsmtest"
	"citycard/cardos/keys"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cardhsm": main})
}

// The commands as they are typed, each script with an empty SoftHSM2 and a key store of two
// generations of test masters.
func TestScripts(t *testing.T) {
	library := hsmtest.Library(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			settings, err := hsmtest.Directory(env.WorkDir)
			if err != nil {
				return err
			}
			env.Setenv(hsmtest.Settings, settings)
			env.Setenv("LIBRARY", library)
			store, err := keys.GenerateTest(1).Rotate(deterministic{})
			if err != nil {
				return err
			}
			if err := store.WithWorkFactor(2).Save(filepath.Join(env.WorkDir, "keys.age"), "passphrase"); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "passphrase"), []byte("passphrase\n"), 0o600)
		},
	})
}

// deterministic is a source of bytes that are always the same.
type deterministic struct{}

func (deterministic) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(3 * i)
	}
	return len(p), nil
}
