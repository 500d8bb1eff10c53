package service

import (
	"bytes"
	"flag"
	"os"
)

// PassphraseVariable holds the passphrase of the key store, for all programs: a flag would show it
// to everybody on the machine.
const PassphraseVariable = "CITYCARD_KEYS_PASSPHRASE"

// RegisterPassphrase adds --keys-passphrase-file, for systems where a file is safer than the
// environment.
func RegisterPassphrase(flags *flag.FlagSet, file *string) {
	flags.StringVar(file, "keys-passphrase-file", "", "`file` of the key store's passphrase; empty: it is in "+PassphraseVariable)
}

// Passphrase reads the passphrase of the key store: the content of the named file without its line
// end, else the value in the environment.
func Passphrase(file string) (string, error) {
	if file == "" {
		if passphrase := os.Getenv(PassphraseVariable); passphrase != "" {
			return passphrase, nil
		}
		return "", Fail("no passphrase for the key store").Todo("set %s or give --keys-passphrase-file", PassphraseVariable)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", Fail("cannot read the key store's passphrase").Todo("correct --keys-passphrase-file").Because(err)
	}
	passphrase := string(bytes.TrimRight(text, "\r\n"))
	if passphrase == "" {
		return "", Fail("the file of the key store's passphrase %s is empty", file).Todo("write the passphrase into it, or correct --keys-passphrase-file")
	}
	return passphrase, nil
}
