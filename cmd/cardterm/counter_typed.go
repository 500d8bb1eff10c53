package main

import (
	"bufio"
	"cmp"
	"flag"
	"os"
	"strings"

	"golang.org/x/term"

	"citycard/cmd/service"
	"citycard/language"
)

// maxCertificate bounds the number of a certificate, in bytes.
const maxCertificate = 128

// typing is what is asked for where it may be no argument of a command, which others on the machine
// can read: on the terminal, and unseen; else it is lines of standard input.
type typing struct{ lines *bufio.Scanner }

// onTerminal reports whether somebody can be asked.
func (*typing) onTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// line is the next line of standard input, and errNotTyped at its end.
func (t *typing) line() (string, error) {
	if t.lines == nil {
		t.lines = bufio.NewScanner(os.Stdin)
	}
	if !t.lines.Scan() {
		return "", cmp.Or(t.lines.Err(), error(errNotTyped))
	}
	return strings.TrimSpace(t.lines.Text()), nil
}

// ask asks on the terminal.
func (*typing) ask(question *language.Text, l language.Language) (string, error) {
	if _, err := os.Stderr.WriteString(question.In(l)); err != nil {
		return "", err
	}
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	_, _ = os.Stderr.WriteString("\n") // the answer was read
	return string(secret), err
}

// registerCertificate adds the flag of the file with the number of a holder's certificate.
func registerCertificate(flags *flag.FlagSet, file *string) {
	flags.StringVar(file, "certificate-file", "", "`FILE` with the number of the holder's certificate, where the card is a person's; -: it is asked for, or is a line of standard input. It is not kept")
}

// certificate is the number of the holder's certificate; no file means none.
func (p *counterProgram) certificate(file string) (number string, err error) {
	switch {
	case file == "":
		return "", nil
	case file != "-":
		content, err := os.ReadFile(file)
		if err != nil {
			return "", service.Exit(service.ExitUsage, service.Fail("no certificate").Todo("correct --certificate-file").Because(err))
		}
		number = strings.TrimSpace(string(content))
	case p.typed.onTerminal():
		if number, err = p.typed.ask(language.Textf("number of the holder's certificate: "), p.Language); err != nil {
			return "", err
		}
		number = strings.TrimSpace(number)
	default:
		if number, err = p.typed.line(); err != nil {
			return "", service.Exit(service.ExitUsage, service.Fail("no certificate").Todo("give its number, as one line").Because(err))
		}
	}
	if number == "" || len(number) > maxCertificate || strings.ContainsAny(number, "\r\n") {
		return "", service.Exit(service.ExitUsage, service.Fail("no certificate").Todo("give its number, as one line")) // the error does not quote it
	}
	return number, nil
}
