// Package hsmtest gives tests a token of their own in SoftHSM2, a PKCS#11 token in software.
package hsmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Find returns the file of SoftHSM2's library. A test is skipped where it is not installed.
func Find(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if files, err := filepath.Glob(pattern); err == nil && len(files) > 0 {
			return files[0]
		}
	}
	t.Skip("SoftHSM2 is not installed, the token that stands for an HSM; install it with: deploy/setup.sh test")
	return ""
}

// Library sets up an empty directory of tokens for the test and for the programs that it starts,
// and returns what Find returns.
func Library(t testing.TB) string {
	t.Helper()
	found := Find(t)
	settings, err := Directory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(Settings, settings)
	return found
}

// Directory makes an empty directory of tokens in a folder and returns the settings file of it.
func Directory(dir string) (settings string, err error) {
	tokens, settings := filepath.Join(dir, "tokens"), filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return "", err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	return settings, os.WriteFile(settings, []byte(text), 0o600)
}

// Settings is the variable that names SoftHSM2's settings file.
const Settings = "SOFTHSM2_CONF"
