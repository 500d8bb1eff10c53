package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/ledger/verify"
)

// checkExport exports tampered books: what an export can show of the fault must be found there too.
func checkExport(t *testing.T, l *ledger.Ledger, signer ed25519.PublicKey, c tampering) {
	t.Helper()
	var file bytes.Buffer
	if err := export.Write(context.Background(), l, &file); err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{file.Bytes(), asText(t, file.Bytes())} {
		var faults []string
		if _, err := verify.Export(bytes.NewReader(text), signer, func(f verify.Fault) { faults = append(faults, f.String()) }); err != nil {
			t.Fatal(err)
		}
		compareExport(t, faults, c)
	}
}

func compareExport(t *testing.T, faults []string, c tampering) {
	t.Helper()
	seen := func(want string) bool {
		return slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, want) })
	}
	derived := func(want string) bool { // of what only helps to read fast and is not exported
		return strings.HasPrefix(want, string(verify.Checkpoint)) || strings.HasPrefix(want, string(verify.Unfindable)) ||
			strings.HasPrefix(want, string(verify.ShardSum)) || strings.HasPrefix(want, string(verify.Samples)) || c.name == "terms"
	}
	if c.want == nil || derived(c.want[0]) {
		if len(faults) > 0 {
			t.Errorf("what is not exported is at fault in the export: %q", faults)
		}
	} else if !slices.ContainsFunc(c.want, seen) {
		t.Errorf("the export shows %q, expected one of %q", faults, c.want)
	}
}

// asText writes an export as text: each line JSON.
func asText(t *testing.T, file []byte) []byte {
	t.Helper()
	return versionText(t, linesOf(t, file))
}

// linesOf reads the lines of an export.
func linesOf(t *testing.T, file []byte) (lines []*export.Line) {
	t.Helper()
	err := export.Read(bytes.NewReader(file), func(line *export.Line) error {
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func versionText(t *testing.T, lines []*export.Line) (text []byte) {
	t.Helper()
	add := func(line *export.Line) {
		data, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, data...), '\n')
	}
	for _, line := range lines {
		if line.Export != nil {
			line = &export.Line{Export: &export.Header{Version: export.TextVersion, Dialect: line.Export.Dialect}}
		}
		add(line)
	}
	add(&export.Line{End: &export.End{Lines: int64(len(lines)), Hash: sha256.Sum256(text)}})
	return text
}

func versionFrames(t *testing.T, lines []*export.Line) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := export.NewWriter(&file, lines[0].Export.Dialect)
	for _, line := range lines[1:] {
		err = errors.Join(err, w.Line(line))
	}
	if err = errors.Join(err, w.End()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestRowsAreSortedWithoutNames reads the books and wants nothing in the directory for temporary
// files while rows come out of them: a program that is killed then leaves nothing.
func TestRowsAreSortedWithoutNames(t *testing.T) {
	l, _ := write(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	rows := 0
	err := l.View(t.Context(), func(v *ledger.View) error {
		return export.Books(t.Context(), v, export.Whole, func(line *export.Line) error {
			if line.Row == nil {
				return nil
			}
			rows++
			names, err := os.ReadDir(dir)
			if len(names) > 0 {
				t.Errorf("there is %v", names)
			}
			return err
		})
	})
	if err != nil || rows == 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestExport verifies a true export, and refuses one that was changed or cut: of both versions.
func TestExport(t *testing.T) {
	l, signer := write(t)
	var file bytes.Buffer
	if err := export.Write(context.Background(), l, &file); err != nil {
		t.Fatal(err)
	}
	_, want := check(t, l, signer)
	first := binary.BigEndian.Uint32(file.Bytes())
	header := string(file.Bytes()[:4+first])
	framed := func(content string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(content)))) + content
	}
	end := bytes.LastIndex(file.Bytes(), []byte(`{"end":`)) - 4
	two := file.String()
	testBroken(t, two, signer, want, map[string]string{
		"without end":  two[:end],
		"changed":      strings.Replace(two, "ride", "rode", 1),
		"continued":    two + header,
		"unknown":      header + framed(`{"surprise":1}`) + two[len(header):],
		"row as text":  header + framed(`{"row":{}}`) + two[len(header):],
		"no row":       header + framed("\x00"+strings.Repeat("r", 100)) + two[len(header):],
		"too long":     header + "\xff\xff\xff\xff" + two[len(header):],
		"empty frames": header + strings.Repeat("\x00", 64) + two[len(header):],
		"earlier":      strings.Replace(two, `"version":4`, `"version":2`, 1),
		"version":      strings.Replace(two, `"version":4`, `"version":3`, 1),
		"no header":    two[len(header):],
	})
	one := string(asText(t, file.Bytes()))
	line, _, _ := strings.Cut(one, "\n")
	testBroken(t, one, signer, want, map[string]string{
		"without end": one[:strings.LastIndex(one[:len(one)-1], "\n")+1],
		"changed":     strings.Replace(one, `"amount":101`, `"amount":102`, 1),
		"continued":   one + line + "\n",
		"unknown":     line + "\n{\"surprise\":1}\n" + one[len(line)+1:],
		"earlier":     strings.Replace(one, `"version":3`, `"version":1`, 1),
		"version":     strings.Replace(one, `"version":3`, `"version":4`, 1),
		"empty":       "",
		"other":       "hello\n",
	})
}

// testBroken wants no fault in the whole export, and others refused.
func testBroken(t *testing.T, whole string, signer ed25519.PublicKey, want verify.Summary, others map[string]string) {
	t.Helper()
	verified := func(text string) (faults []string, summary verify.Summary, err error) {
		summary, err = verify.Export(strings.NewReader(text), signer, func(f verify.Fault) { faults = append(faults, f.String()) })
		return faults, summary, err
	}
	if faults, summary, err := verified(whole); err != nil || len(faults) > 0 || !reflect.DeepEqual(summary, want) {
		t.Errorf("faults %q, summary %+v, expected %+v; %v", faults, summary, want, err)
	}
	for cut := range len(whole) {
		if cut%97 != 0 && cut < len(whole)-200 {
			continue
		}
		if _, _, err := verified(whole[:cut]); !errors.Is(err, export.ErrFormat) && cut < len(whole)-1 {
			t.Errorf("cut after %d of %d bytes: %v, expected ErrFormat", cut, len(whole), err)
		}
	}
	for name, broken := range others {
		if _, _, err := verified(broken); !errors.Is(err, export.ErrFormat) {
			t.Errorf("%s: %v, expected ErrFormat", name, err)
		}
	}
}
