package persons

import (
	"strings"
	"testing"
)

// TestNameForms compares spellings of names.
func TestNameForms(t *testing.T) {
	same := [][]string{
		{"买买提·艾力", "买买提•艾力", "买买提・艾力", "买买提･艾力", "买买提．艾力", "买买提.艾力", "买买提‧艾力", "买买提 · 艾力", "买买提··艾力", "买买提⋅艾力"},
		{"张三", "张 三", "张　三", "　张三 "},
		{"JOHN O'BRIEN", "John O’Brien", "ＪＯＨＮ　Ｏ＇ＢＲＩＥＮ", "John  O'Brien"},
		{"DOE, J.R.", "Doe, J.R.", "ＤＯＥ，　Ｊ．Ｒ．"},
		{"ZOË", "ZOE\u0308"},
		{"金\uF900", "金豈"}, // a compatibility ideograph
		{"𠮷田", "𠮷 田"},
	}
	forms := map[string]string{}
	for _, spellings := range same {
		for _, name := range spellings {
			parsed, wrong := parseName(name)
			if wrong != nil {
				t.Errorf("%q is refused: %s", name, wrong)
				continue
			}
			if got, want := nameForm(parsed), nameForm(spellings[0]); got != want {
				t.Errorf("%q has the form %q, %q has %q", name, got, spellings[0], want)
			}
		}
		form := nameForm(spellings[0])
		if before := forms[form]; before != "" {
			t.Errorf("%q and %q have one form", before, spellings[0])
		}
		forms[form] = spellings[0]
	}
	for _, pair := range [][2]string{{"买买提·艾力", "买买提艾力"}, {"吉田", "𠮷田"}, {"ANN LEE", "ANNLEE"}, {"张三", "张叁"}, {"后藤", "後藤"}} {
		if nameForm(pair[0]) == nameForm(pair[1]) {
			t.Errorf("%q and %q have one form", pair[0], pair[1])
		}
	}
	for name := range forms {
		if nameForm(name) != name {
			t.Errorf("the form of %q has another form", name)
		}
	}
}

// TestUnreadableNames names what cannot be read, with its place, and leaves nothing out.
func TestUnreadableNames(t *testing.T) {
	for _, test := range []struct {
		name   string
		reason Reason
		detail string
	}{
		{"王\uE863", NameUnreadable, "U+E863, 2"},
		{"\U000F0000明", NameUnreadable, "U+F0000, 1"},
		{"李\uFFFD", NameUnreadable, "U+FFFD, 2"},
		{"李?明", NameReplaced, "U+003F, 2"},
		{"李？", NameReplaced, "U+FF1F, 2"},
		{"李□", NameReplaced, "U+25A1, 2"},
		{"李〓明", NameReplaced, "U+3013, 2"},
		{"李*", NameReplaced, "U+002A, 2"},
		{"⿰火昱", NameReplaced, "U+2FF0, 1"},
		{"李\u200B明", NameCharacter, "U+200B, 2"},
		{"李4", NameCharacter, "U+0034, 2"},
		{"李\x00", NameCharacter, "U+0000, 2"},
		{"·", NameNoLetter, ""},
		{" 　", Missing, ""},
		{strings.Repeat("长", maxName+1), NameLong, ""},
		{strings.Repeat("长", maxName), "", ""},
		{"王𬎆", "", ""},  // of GB 18030's extension B and later
		{"䶮", "", ""},   // extension A
		{"𰻝面", "", ""},  // extension G
		{"李〇明", "", ""}, // a number to Unicode, and a name's character all the same
	} {
		_, wrong := parseName(test.name)
		switch {
		case test.reason == "" && wrong != nil:
			t.Errorf("%q: %s %s", test.name, wrong.Reason, wrong.Detail)
		case test.reason != "" && (wrong == nil || wrong.Reason != test.reason || wrong.Detail != test.detail):
			t.Errorf("%q: %+v, want %s %s", test.name, wrong, test.reason, test.detail)
		}
	}
}
