package csvfile_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"citycard/clearing/csvfile"
)

// ended is a text as a file, with its last line.
func ended(rows int, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return []byte(text + csvfile.End(rows, sum[:]))
}

// TestRead: a file is what its last line says, or is refused whole.
func TestRead(t *testing.T) {
	good := ended(2, "a,b\n1,\"x,y\"\n2,z\n")
	f, err := csvfile.Read(good, []string{"a", "b"}, 2)
	if err != nil || len(f.Rows) != 2 || f.Rows[0].Fields[1] != "x,y" || f.Rows[0].Content != "1,x,y" || f.Rows[1].Line != 3 {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = csvfile.Read(ended(3, "a,b\n\n1,2\n\r\n3,\"x\ny\"\n\n4,5\n"), []string{"a", "b"}, 3)
	if err != nil || len(f.Rows) != 3 || f.Rows[0].Line != 3 || f.Rows[1].Line != 5 || f.Rows[2].Line != 8 {
		t.Errorf("with blank lines: %+v, %v", f, err)
	}
	for want, content := range map[string][]byte{
		"the file is cut":          good[:len(good)-9],
		"or was changed":           []byte(strings.Replace(string(good), "z", "w", 1)),
		"the first line must be":   ended(1, "b,a\n1,2\n"),
		"not CSV":                  ended(1, "a,b\n1\n"),
		"has 1 rows, says 2":       ended(2, "a,b\n1,2\n"),
		"and may have 2":           ended(3, "a,b\n1,2\n3,4\n5,6\n"),
		"line 2 is not UTF-8":      ended(1, "a,b\n\xff,2\n"),
		"line 4 is not UTF-8":      ended(1, "a,b\n\n\n\xff,2\n"),
		"the last line is not sha": nil,
	} {
		if _, err := csvfile.Read(content, []string{"a", "b"}, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
