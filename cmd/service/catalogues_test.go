package service

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// catalogueOf reads a catalogue strictly: package gotext leaves out what it does not understand.
func catalogueOf(t *testing.T, name string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var english, chinese string
	texts := map[string]string{}
	to := &english
	for i, line := range strings.Split(string(data), "\n") {
		quoted, comment := line, line == "" || strings.HasPrefix(line, "#")
		if text, ok := strings.CutPrefix(line, "msgid "); ok {
			texts[english], english, chinese = chinese, "", ""
			to, quoted = &english, text
		} else if text, ok := strings.CutPrefix(line, "msgstr "); ok {
			to, quoted = &chinese, text
		}
		text, err := strconv.Unquote(quoted)
		if err != nil && !comment {
			t.Errorf("%s:%d: %s", name, i+1, line)
		}
		*to += text
	}
	texts[english] = chinese
	delete(texts, "")
	return texts
}

// writeCatalogues writes a catalogue for each folder, in the order of their files and texts.
func writeCatalogues(t *testing.T, used, known map[string]string) {
	t.Helper()
	order := slices.SortedFunc(maps.Keys(used), func(a, b string) int {
		if byFile := strings.Compare(used[a], used[b]); byFile != 0 {
			return byFile
		}
		return strings.Compare(a, b)
	})
	files, last := map[string]*bytes.Buffer{}, ""
	for _, english := range order {
		name := path.Base(path.Dir(used[english]))
		if files[name] == nil {
			files[name] = bytes.NewBufferString("msgid \"\"\nmsgstr \"\"\n\"Language: zh_CN\\n\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n\"Content-Transfer-Encoding: 8bit\\n\"\n")
		}
		if used[english] != last {
			last = used[english]
			fmt.Fprintf(files[name], "\n#: %s\n", last)
		}
		fmt.Fprintf(files[name], "msgid %s\nmsgstr %s\n\n", quotedLines(english), quotedLines(known[english]))
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join("../../language/zh", name+".po"), append(bytes.TrimRight(text.Bytes(), "\n"), '\n'), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// quotedLines is a text in quotes, with each of its lines in a line of its own.
func quotedLines(text string) string {
	if !strings.Contains(strings.TrimSuffix(text, "\n"), "\n") {
		return strconv.Quote(text)
	}
	lines := []string{`""`}
	for line := range strings.Lines(text) {
		lines = append(lines, strconv.Quote(line))
	}
	return strings.Join(lines, "\n")
}
