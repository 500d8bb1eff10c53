package transcript

import (
	"bufio"
	"fmt"
	"io"

	"citycard/cardos/apdu"
	"citycard/language"
)

// Write writes the transcript in a language, exchange by exchange. Errors are the writer's.
func (t *Transcript) Write(w io.Writer, l language.Language) error {
	for i, e := range t.Exchanges() {
		if err := e.Write(w, i+1, l); err != nil {
			return err
		}
	}
	return nil
}

// Write writes one exchange under a number: the command's name, the bytes sent with
// their fields, the answer's fields, and the status word with its meaning. Errors
// are the writer's.
func (e Exchange) Write(w io.Writer, number int, l language.Language) error {
	out := bufio.NewWriter(w)
	subject := e.subject
	title := name(subject).in(l)
	if e.Header[1] == 0xC0 && subject.INS != 0xC0 {
		title = l.Coded(name(apdu.Command{INS: 0xC0}).in(l), title, title)
	}
	fmt.Fprintf(out, "%d. %s\n   > %X", number, title, e.Header)
	body(out, e.Data, e.HiddenCommand, l)
	if e.Header == subject.Header() {
		fields(out, sent(subject), e.Data, l)
	}
	if e.Failure != nil {
		fmt.Fprintf(out, word{"   < no answer: %s\n", "   < 无应答：%s\n"}.in(l), language.Error(l, e.Failure))
		return out.Flush()
	}
	fmt.Fprintf(out, "   < %s", e.Status)
	body(out, e.Answer, e.HiddenAnswer, l)
	fields(out, received(subject), e.Answer, l)
	fmt.Fprintf(out, "     %s\n", e.Status.Describe(l))
	return out.Flush()
}

// body ends a line with data, or with how much of it is hidden.
func body(out *bufio.Writer, data []byte, hidden int, l language.Language) {
	switch {
	case hidden > 0:
		fmt.Fprintf(out, word{" [%d bytes hidden]\n", " [隐去%d字节]\n"}.in(l), hidden)
	case len(data) > 0:
		fmt.Fprintf(out, " %X\n", data)
	default:
		fmt.Fprintln(out)
	}
}

// fields prints data by its layout, as far as it goes.
func fields(out *bufio.Writer, layout []part, data []byte, l language.Language) {
	for _, p := range layout {
		if len(data) < p.size {
			return
		}
		fmt.Fprintf(out, "     %s = %s\n", p.in(l), p.text(data[:p.size]))
		data = data[p.size:]
	}
}
