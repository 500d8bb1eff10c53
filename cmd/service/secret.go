package service

import (
	"bytes"
	"os"

	"golang.org/x/term"
)

// KeyPassphrase reads the passphrase of a person's key from its file; without a file it asks for it
// on the terminal, with a question in the user's language.
func KeyPassphrase(file, question string) ([]byte, error) {
	if file == "" {
		return askKeyPassphrase(question)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, Fail("cannot read the passphrase of your key").Todo("correct --identity-passphrase-file").Because(err)
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

func askKeyPassphrase(question string) ([]byte, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, Fail("nobody can be asked for the passphrase of your key").Todo("give --identity-passphrase-file, or run the command on a terminal").Because(err)
	}
	defer terminal.Close()
	if _, err := terminal.WriteString(question); err != nil {
		return nil, err
	}
	secret, err := term.ReadPassword(int(terminal.Fd()))
	_, _ = terminal.WriteString("\n") // the answer was read
	return secret, err
}
