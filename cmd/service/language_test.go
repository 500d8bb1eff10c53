package service

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramLanguage: a flag wins over the variable, which wins over the configuration file, which
// wins over the locale. A command that cannot be read is refused in a language too.
func TestProgramLanguage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zh.conf")
	if err := os.WriteFile(file, []byte("language zh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		arguments, variable, locale, want string
	}{
		{"show", "", "", "en"},
		{"show", "", "zh_CN.UTF-8", "zh"},
		{"show --config " + file, "", "", "zh"},
		{"show --config " + file, "", "en_GB.UTF-8", "zh"},
		{"show --config " + file, "en", "zh_CN.UTF-8", "en"},
		{"show", "zh", "en_GB.UTF-8", "zh"},
		{"show --language en", "zh", "zh_CN.UTF-8", "en"},
		{"show --language=zh", "en", "en_GB.UTF-8", "zh"},
		{"show --language en --config " + file, "", "", "en"},
		{"greet ann --language zh bob", "", "", "zh"},
		{"greet ann -- --language zh", "", "", "en"},
		{"version --language zh", "", "", "zh"},
		{"version --language zh", "en", "", "zh"},
		{"--language zh --help", "", "", "zh"},
		{"--help --language zh", "", "", "zh"},
		{"show --help", "zh", "", "zh"},
		{"group --language zh", "", "", "zh"},
		{"show --language fr", "", "zh_CN.UTF-8", "zh"},
		{"show --language", "zh", "", "zh"},
		{"show --frobnicate --language zh", "", "", "zh"},
		{"show --frobnicate --language zh -- --language en", "en", "", "zh"},
		{"show --frobnicate", "zh", "", "zh"},
		{"show --frobnicate", "fr", "zh_CN.UTF-8", "zh"},
		{"sow --language zh", "", "", "zh"},
	} {
		t.Setenv("STATION_LANGUAGE", test.variable)
		t.Setenv("LC_ALL", test.locale)
		t.Setenv("LC_MESSAGES", "")
		t.Setenv("LANG", "")
		p := program{name: "station", root: station(), args: strings.Fields(test.arguments)}
		err := p.parse()
		l := p.language()
		if got := l.String(); got != test.want {
			t.Errorf("%+v: %s (%v)", test, got, err)
		}
	}
}

// TestLogIsEnglish: what a program says of itself is in the user's language, and in English where
// it is a line of the log.
func TestLogIsEnglish(t *testing.T) {
	for format, want := range map[string]string{
		"text": "station: 多余的参数 \"x\"；参见 --help\n",
		"json": `"level":"ERROR","msg":"unexpected argument \"x\"; see --help","exit_code":2,"program":"station"}` + "\n",
	} {
		var stderr bytes.Buffer
		p := program{name: "station", root: station(), args: []string{"show", "--language", "zh", "--log-format", format}, stderr: &stderr}
		if err := p.parse(); err != nil {
			t.Fatal(err)
		}
		code := p.report(fmt.Errorf("%w", NoArguments([]string{"x"})))
		if code != ExitUsage || !strings.HasSuffix(stderr.String(), want) {
			t.Errorf("%s: exit code %d, said %q, want %q", format, code, stderr.String(), want)
		}
	}
}

// TestExitCode has errors with a code, without one, and around one that has one.
func TestExitCode(t *testing.T) {
	plain := errors.New("plain")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{plain, ExitFailed},
		{Fail("it fails"), ExitFailed},
		{Refuse("no").Todo("stop").Because(plain), ExitRefused},
		{Fail("it fails").Because(NoBooks("none")), ExitNoBooks},
		{Refuse("no").Because(NoBooks("none")), ExitRefused},
		{fmt.Errorf("try: %w", Unreachable("away")), ExitUnreachable},
		{Fail("it fails").Because(fmt.Errorf("try: %w", Taken("in use"))), ExitInUse},
		{errors.Join(plain, Fail("it fails"), Refuse("no")), ExitRefused},
		{Exit(ExitFindings, nil), ExitFindings},
		{Exit(ExitSIGINT, usage("wrong")), ExitSIGINT},
		{usage("wrong").Todo("%w", NoBooks("none")), ExitUsage},
	} {
		if got := ExitCode(test.err); got != test.want {
			t.Errorf("%v: exit code %d, want %d", test.err, got, test.want)
		}
	}
}
