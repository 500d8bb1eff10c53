package language

import (
	"bytes"
	"embed"
	"io/fs"
	"strings"
	"sync"

	"github.com/leonelquinteros/gotext"
	text "golang.org/x/text/language"
)

//go:embed zh/*.po
var chinese embed.FS

// Language is what texts are shown in. The zero value is English. It is a flag's value.
type Language struct {
	words map[string]*gotext.Translation // by the English text
}

// Chinese is simplified Chinese.
func Chinese() Language { return Language{catalogues()} }

// catalogues are all Chinese texts. They are read once, when they are first asked for.
var catalogues = sync.OnceValue(func() map[string]*gotext.Translation {
	var all bytes.Buffer
	names, _ := fs.Glob(chinese, "zh/*.po") // the pattern is well formed
	for _, name := range names {
		catalogue, _ := chinese.ReadFile(name) // it is part of the program
		all.Write(append(catalogue, '\n'))
	}
	words := gotext.NewPo()
	words.Parse(all.Bytes())
	return words.GetDomain().GetTranslations()
})

// Found is the language that the environment asks for: LC_ALL, LC_MESSAGES or LANG, the first of
// them that is set. A locale such as zh_CN.UTF-8 is Chinese, every other one English.
func Found(getenv func(string) string) Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(name); locale != "" {
			if place, _, _ := strings.Cut(locale, "."); place == "zh" || strings.HasPrefix(place, "zh_") {
				return Chinese()
			}
			break
		}
	}
	return Language{}
}

// Accepted is the language that a browser asks for with its header Accept-Language.
func Accepted(header string) Language {
	best, _ := text.MatchStrings(text.NewMatcher([]text.Tag{text.English, text.Chinese}), header)
	if base, _ := best.Base(); base.String() == "zh" {
		return Chinese()
	}
	return Language{}
}

// String is "en" or "zh".
func (l *Language) String() string {
	if l == nil || l.words == nil {
		return "en"
	}
	return "zh"
}

// Set takes "en" and "zh", and locales of these languages.
func (l *Language) Set(name string) error {
	switch code, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(name, "-", "_")), "_"); code {
	case "en":
		*l = Language{}
	case "zh":
		*l = Chinese()
	default:
		return Textf("want en or zh")
	}
	return nil
}

// Of is an English text in the language, verbs included.
func (l Language) Of(english string) string {
	if found := l.words[english]; found != nil && english != "" {
		return found.Get()
	}
	return english
}

// Coded is a code with what it means in brackets; a code that is an English word of the same
// meaning stands alone in English.
func (l Language) Coded(code, english, chinese string) string {
	words := l.Choose(english, chinese)
	if words == "" || words == code {
		return code
	}
	return code + l.Choose(" ("+words+")", "（"+words+"）")
}

// Choose takes one of two texts that stand side by side in a table.
func (l Language) Choose(english, chinese string) string {
	if l.words == nil {
		return english
	}
	return chinese
}
