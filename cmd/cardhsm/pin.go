package main

import (
	"bytes"
	"os"

	"golang.org/x/term"

	"citycard/cmd/service"
	"citycard/language"
)

// readPIN reads a PIN from its file, which nobody else may read, or asks for it on the terminal;
// twice where it is a new one. The flag is the one that names the file.
func readPIN(file, flag string, question *language.Text, twice bool, l language.Language) (string, error) {
	if file != "" {
		return pinOf(file, flag)
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", service.Fail("nobody can be asked for the PIN").Todo("give %s FILE, or run the command on a terminal", flag).Because(err)
	}
	defer terminal.Close()
	ask := func(question *language.Text) (string, error) {
		if _, err := terminal.WriteString(question.In(l)); err != nil {
			return "", err
		}
		pin, err := term.ReadPassword(int(terminal.Fd()))
		_, _ = terminal.WriteString("\n") // the answer was read
		return string(pin), err
	}
	pin, err := ask(question)
	if err != nil || !twice {
		return pin, err
	}
	again, err := ask(language.Textf("once more: "))
	if err == nil && again != pin {
		err = service.Fail("the PINs differ").Todo("try again")
	}
	return pin, err
}

func pinOf(file, flag string) (string, error) {
	info, err := os.Stat(file)
	// What systemd gives a service as a credential can be read by a group of one.
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o037 != 0 {
		return "", service.Fail("others may read the PIN in %s", file).Todo("chmod 600 %s", file)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", service.Fail("cannot read the PIN").Todo("correct %s", flag).Because(err)
	}
	pin := string(bytes.TrimRight(text, "\r\n"))
	if pin == "" {
		return "", service.Fail("the file of the PIN %s is empty", file).Todo("write the PIN into it, or correct %s", flag)
	}
	return pin, nil
}
