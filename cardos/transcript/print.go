package transcript

import (
	"bufio"
	"fmt"
	"io"

	"citycard/cardos/apdu"
)

// Print writes the transcript, exchange by exchange. Errors are the writer's.
func (t *Transcript) Print(w io.Writer, lang apdu.Language) error {
	for i, e := range t.Exchanges() {
		if err := e.Print(w, i+1, lang); err != nil {
			return err
		}
	}
	return nil
}

// Print writes one exchange under a number: the command's name, the bytes sent with
// their fields, the answer's fields, and the status word with its meaning. Errors
// are the writer's.
func (e Exchange) Print(w io.Writer, number int, lang apdu.Language) error {
	out := bufio.NewWriter(w)
	subject := e.subject
	title := name(subject).in(lang)
	if e.Header[1] == 0xC0 && subject.INS != 0xC0 {
		title = name(apdu.Command{INS: 0xC0}).in(lang) + " (" + title + ")"
	}
	fmt.Fprintf(out, "%d. %s\n   > %X", number, title, e.Header)
	body(out, e.Data, e.HiddenCommand, lang)
	if e.Header == subject.Header() {
		fields(out, sent(subject), e.Data, lang)
	}
	if e.Failure != "" {
		fmt.Fprintf(out, "   < %s: %s\n", word{"no answer", "无应答"}.in(lang), e.Failure)
		return out.Flush()
	}
	fmt.Fprintf(out, "   < %s", e.Status)
	body(out, e.Answer, e.HiddenAnswer, lang)
	fields(out, received(subject), e.Answer, lang)
	fmt.Fprintf(out, "     %s\n", e.Status.Describe(lang))
	return out.Flush()
}

// body ends a line with data, or with how much of it is hidden.
func body(out *bufio.Writer, data []byte, hidden int, lang apdu.Language) {
	switch {
	case hidden > 0:
		fmt.Fprintf(out, " "+word{"[%d bytes hidden]", "[隐去%d字节]"}.in(lang)+"\n", hidden)
	case len(data) > 0:
		fmt.Fprintf(out, " %X\n", data)
	default:
		fmt.Fprintln(out)
	}
}

// fields prints data by its layout, as far as it goes.
func fields(out *bufio.Writer, layout []part, data []byte, lang apdu.Language) {
	for _, p := range layout {
		if len(data) < p.size {
			return
		}
		fmt.Fprintf(out, "     %s = %s\n", p.in(lang), p.text(data[:p.size]))
		data = data[p.size:]
	}
}
