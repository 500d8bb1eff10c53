package persons

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"citycard/cardos/keys"
	"citycard/ledger"
)

const today ledger.Day = 20260105

// lines reads all rows of a roster.
func lines(t testing.TB, text string, charset Charset) (rows []*row) {
	t.Helper()
	r := newRoster(strings.NewReader(text), charset, keys.GenerateTest(1).PersonToken, today)
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.number > 1 {
			of := r.row(line)
			of.raw = bytes.Clone(of.raw)
			rows = append(rows, of)
		}
	}
}

// TestLines reads lines with one fault each; the fault is named by column and reason, and its text
// has nothing of the line.
func TestLines(t *testing.T) {
	const number = "419999196001010028"
	permit, foreigner := withCheck("81000019900101001"), withCheck("91184019909999001")
	for _, test := range []struct {
		line, column string
		reason       Reason
	}{
		{"resident," + number + ",张三,,present,20200101,", "", ""},
		{"resident," + number + ",张三,19600101,died,20260105,", "", ""},
		{`resident,` + number + `,"张三",,moved,20200101,"张散"`, "", ""},
		{"residence_permit," + permit + ",张三,19900101,present,20200101,", "", ""},
		{"foreigner," + foreigner + ",JOHN DOE,19800101,present,20200101,", "", ""},
		{`passport,USA-123456789,"DOE, JOHN",19800101,restored,20200101,`, "", ""},
		{"citizen," + number + ",张三,,present,20200101,", "certificate", KindUnknown},
		{"," + number + ",张三,,present,20200101,", "certificate", KindUnknown},
		{"residence_permit," + number + ",张三,,present,20200101,", "number", KindOther},
		{"resident," + permit + ",张三,,present,20200101,", "number", KindOther},
		{"resident,419999196001010029,张三,,present,20200101,", "number", NumberCheck},
		{"resident," + number + ",,,present,20200101,", "name", Missing},
		{"resident," + number + ",张\uE863,,present,20200101,", "name", NameUnreadable},
		{"resident," + number + ",张三,19600102,present,20200101,", "birth", TwoBirths},
		{"resident," + number + ",张三,19600230,present,20200101,", "birth", NotADay},
		{"resident," + number + ",张三,20260106,present,20200101,", "birth", DayToCome},
		{"resident," + number + ",张三,,here,20200101,", "status", StatusUnknown},
		{"resident," + number + ",张三,,present,,", "since", NotADay},
		{"resident," + number + ",张三,,present,20260106,", "since", DayToCome},
		{"resident," + number + ",张三,,present,20200101,?", "former_name", NameReplaced},
		{"resident," + number + ",张三,,present,20200101", "certificate", LineShape},
		{"resident," + number + ",张三,,present,20200101,,", "certificate", LineShape},
		{"resident," + number + `,"张三,,present,20200101,`, "certificate", LineShape},
		{"", "certificate", LineShape},
		{"resident," + withCheck("41999920260106001") + ",张三,,present,20260105,", "number", DayToCome},
		{strings.Repeat("x", maxLine+1), "certificate", LineLong},
		{"resident," + number + "," + strings.Repeat("长", maxLine) + ",,present,20200101,", "certificate", LineLong},
	} {
		// The line behind it is read all the same.
		rows := lines(t, Header+"\n"+test.line+"\r\nresident,"+number+",李四,,present,20200101,\n", UTF8)
		if len(rows) != 2 || rows[1].wrong != nil || rows[1].name != "李四" || rows[1].line != 3 {
			t.Errorf("%.60q: %d rows", test.line, len(rows))
			continue
		}
		var reason Reason
		if rows[0].wrong != nil {
			reason = rows[0].wrong.Reason
			if said := rows[0].wrong.Error(); strings.Contains(said, "1960") || strings.Contains(said, "张") {
				t.Errorf("%.60q: said %s", test.line, said)
			}
		}
		if reason != test.reason || rows[0].column != test.column || reason == "" && rows[0].name == "" {
			t.Errorf("%.60q: %s %q, want %s %q", test.line, rows[0].column, reason, test.column, test.reason)
		}
		if want := test.line[:min(len(test.line), maxLine)]; reason != "" && string(rows[0].raw) != want {
			t.Errorf("%.60q: kept as %q", test.line, rows[0].raw)
		}
	}
}

// TestHugeLine reads a line of ten megabytes in bounded memory, and the line behind it.
func TestHugeLine(t *testing.T) {
	const number = "419999196001010028"
	rows := lines(t, Header+"\n"+strings.Repeat("x", 10<<20)+"\nresident,"+number+",李四,,present,20200101,\n", UTF8)
	if len(rows) != 2 || rows[0].wrong == nil || rows[0].wrong.Reason != LineLong || len(rows[0].raw) != maxLine || rows[1].wrong != nil {
		t.Errorf("%d rows, the first kept with %d bytes", len(rows), len(rows[0].raw))
	}
}

// TestGB18030 reads a roster in GB 18030: a name of two bytes a character, one of extension B in
// four, a middle dot, one that has no code point for everybody, and bytes that are nothing.
func TestGB18030(t *testing.T) {
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String("买买提·艾力")
	if err != nil {
		t.Fatal(err)
	}
	const before, behind = "resident,419999196001010028,", ",,present,20200101,\n"
	text := Header + "\n"
	for _, name := range []string{"\xD5\xC5\xC8\xFD", "\xCD\xF5\x95\x32\x90\x31", encoded, "\xCD\xF5\xAA\xA1", "\xCD\xF5\xFF", "\xFE\x59"} {
		text += before + name + behind
	}
	rows := lines(t, text, GB18030)
	for i, want := range []struct {
		name   string
		reason Reason
	}{
		{"张三", ""}, {"王\U00020087", ""}, {"买买提·艾力", ""}, {"", NameUnreadable}, {"", NameUnreadable}, {"", NameUnreadable},
	} {
		var reason Reason
		if rows[i].wrong != nil {
			reason = rows[i].wrong.Reason
		}
		if rows[i].name != want.name || reason != want.reason {
			t.Errorf("row %d: %q, %v, want %q, %q", i+1, rows[i].name, rows[i].wrong, want.name, want.reason)
		}
	}
}

// TestFiles surveys files that are refused as a whole.
func TestFiles(t *testing.T) {
	const good = "resident,419999196001010028,张三,,present,20200101,\n"
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text    string
		charset Charset
		rows    int64
		want    string // empty: it is taken
	}{
		{Header + "\n" + good, UTF8, 0, ""},
		{"\uFEFF" + Header + "\r\n" + good, UTF8, 1, ""},
		{Header + "\n" + gbk, GB18030, 1, ""},
		{"", UTF8, 0, "the file is empty"},
		{Header + "\n", UTF8, 0, "there is no row behind the header"},
		{"number,name\n" + good, UTF8, 0, "line 1: want the header"},
		{Header + "\n" + good[:len(good)/2], UTF8, 0, "line 2 has no end"},
		{Header + "\n" + good + good[:len(good)-1], UTF8, 0, "line 3 has no end"},
		{Header, UTF8, 0, "line 1 has no end"},
		{Header + "\n" + good, UTF8, 2, "the roster has 1 rows, want 2"},
		{Header + "\n" + gbk, UTF8, 0, "line 2 is not in UTF-8"},
		{Header + "\n" + good, GB18030, 0, "the file is in UTF-8"},
	} {
		r := newRoster(strings.NewReader(test.text), test.charset, keys.GenerateTest(1).PersonToken, today)
		_, err := surveyRoster(t.Context(), r, &Order{Rows: test.rows, Part: 2})
		if fit := (*FileError)(nil); err != nil && !errors.As(err, &fit) {
			t.Errorf("%.40q: %T", test.text, err)
		}
		if said := errorText(err); test.want == "" && err != nil || !strings.Contains(said, test.want) || strings.Contains(said, "张") {
			t.Errorf("%.40q in %s: %q, want %q", test.text, test.charset, said, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzRoster reads any bytes as a roster. No line gets lost, a line without a fault has everything
// that a person needs, and no fault says what stands in a line.
func FuzzRoster(f *testing.F) {
	f.Add([]byte("resident,419999196001010028,张三,,present,20200101,\n"), false)
	f.Add([]byte("\xD5\xC5,\"\n\",,,\r\n\n,,,,,,"), true)
	f.Add(append([]byte("passport,D-1,A,19800101,restored,20200101,B\nx"), bytes.Repeat([]byte("x"), 70_000)...), false)
	f.Fuzz(func(t *testing.T, text []byte, gb bool) {
		charset := UTF8
		if gb {
			charset = GB18030
		}
		rows := lines(t, Header+"\n"+string(text), charset)
		want := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			want++
		}
		if len(rows) != want {
			t.Fatalf("%d rows of %d lines", len(rows), want)
		}
		for _, r := range rows {
			if r.wrong != nil {
				if r.column == "" || r.wrong.Error() == "" {
					t.Errorf("line %d: refused without a column or a word", r.line)
				}
				continue
			}
			again, wrong := ParseCertificate(r.certificate.Number)
			if wrong != nil || again != r.certificate || !r.valid || r.name == "" || r.status == 0 || !r.since.Valid() {
				t.Errorf("line %d is taken: %+v", r.line, r)
			}
			if nameForm(nameForm(r.name)) != nameForm(r.name) {
				t.Errorf("line %d: the form of a name has another form", r.line)
			}
		}
	})
}
