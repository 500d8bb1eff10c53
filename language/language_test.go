package language_test

import (
	"errors"
	"fmt"
	"testing"

	"citycard/language"
)

func TestFound(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		want        string
	}{
		{map[string]string{}, "en"},
		{map[string]string{"LANG": "C.UTF-8"}, "en"},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "zh"},
		{map[string]string{"LANG": "zh"}, "zh"},
		{map[string]string{"LANG": "zhx_XX"}, "en"},
		{map[string]string{"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"},
		{map[string]string{"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "en_GB"}, "zh"},
	} {
		found := language.Found(func(name string) string { return c.environment[name] })
		if got := found.String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.environment, got, c.want)
		}
	}
}

func TestSet(t *testing.T) {
	for text, want := range map[string]string{"en": "en", "zh": "zh", "zh_CN": "zh", "zh-Hans": "zh", "EN_GB": "en"} {
		var l language.Language
		if err := l.Set(text); err != nil || l.String() != want {
			t.Errorf("Set(%q): %s, %v; want %s", text, l.String(), err, want)
		}
	}
	var l language.Language
	if err := l.Set("fr"); err == nil || l.String() != "en" {
		t.Errorf("Set(fr): %s, %v; want an error", l.String(), err)
	}
}

func TestAccepted(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "de": "en", "en-US,en;q=0.9,zh;q=0.8": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "zh-Hans-CN": "zh",
		"fr, zh;q=0.2": "zh", "zh;q=0.3, en;q=0.7": "en", "*": "en", "no header at all;;;q=x": "en",
	} {
		accepted := language.Accepted(header)
		if got := accepted.String(); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// TestErrorIn asks for errors that wrap a text in several ways, in both languages.
func TestErrorIn(t *testing.T) {
	missing := language.Textf("no command given")
	english, chinese := language.Language{}, language.Chinese()
	for _, c := range []struct {
		err              error
		inEnglish, inZhs string
	}{
		{missing, "no command given", "缺少命令"},
		{fmt.Errorf("begin: %w, then stop", missing), "begin: no command given, then stop", "begin: 缺少命令, then stop"},
		{errors.Join(errors.New("a"), missing), "a\nno command given", "a\n缺少命令"},
		{language.Textf("unknown command %q", "x"), `unknown command "x"`, `未知命令 "x"`},
		{language.Textf("nobody has translated %v", missing), "nobody has translated no command given", "nobody has translated 缺少命令"},
		{errors.New("plain"), "plain", "plain"},
	} {
		if got := language.Error(english, c.err); got != c.inEnglish || c.err.Error() != c.inEnglish {
			t.Errorf("in English: %q and %q, want %q", got, c.err, c.inEnglish)
		}
		if got := language.Error(chinese, c.err); got != c.inZhs {
			t.Errorf("in Chinese: %q, want %q", got, c.inZhs)
		}
	}
	if !errors.Is(fmt.Errorf("begin: %w", missing), missing) {
		t.Error("a wrapped text is not found")
	}
}
