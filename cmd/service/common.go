package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"citycard/language"
)

// LoadAuthority is the default address of the load authority, for the server and for its clients.
const LoadAuthority = "127.0.0.1:8480"

// LogFormat is how log lines are written.
type LogFormat string

// The two log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// String gives the flag's value.
func (f *LogFormat) String() string { return string(*f) }

// Set accepts "text" and "json".
func (f *LogFormat) Set(text string) error {
	switch LogFormat(text) {
	case LogText, LogJSON:
		*f = LogFormat(text)
		return nil
	}
	return language.Textf("want %s or %s", LogText, LogJSON)
}

// logFormatFlag is the flag for the format of the log and of Run's own messages.
const logFormatFlag = "log-format"

// languageFlag is the flag for the language of texts.
const languageFlag = "language"

// levelValue is a flag that holds the lowest level to log.
type levelValue struct{ to *slog.Level }

func (l levelValue) String() string {
	if l.to == nil {
		return ""
	}
	return l.to.String()
}

func (l levelValue) Set(text string) error {
	if l.to.UnmarshalText([]byte(text)) != nil {
		return language.Textf("want debug, info, warn or error")
	}
	return nil
}

// Common holds the settings that every command has. The zero value is ready for Register; values
// that are set before Register become the defaults.
type Common struct {
	Data      string     // directory for everything the program keeps
	Config    string     // configuration file, "" for none
	LogLevel  slog.Level // lowest level that is written
	LogFormat LogFormat
	Language  language.Language // of what is printed for people

	unprinted error // the first of Print
}

// Register adds --data, --config, --log-level, --log-format and --language to the flags.
func (c *Common) Register(flags *flag.FlagSet) {
	if c.LogFormat == "" {
		c.LogFormat = LogText
	}
	flags.StringVar(&c.Data, "data", c.Data, "keep everything in `DIR`")
	flags.StringVar(&c.Config, configFlag, c.Config, "read settings from `FILE`")
	flags.Var(levelValue{&c.LogLevel}, "log-level", "log `LEVEL` and above: debug, info, warn, error")
	flags.Var(&c.LogFormat, logFormatFlag, "write the log as `FORMAT`: text or json")
	registerLanguage(flags, &c.Language)
}

// registerLanguage adds --language, whose default is the language that the environment asks for.
func registerLanguage(flags *flag.FlagSet, to *language.Language) {
	*to = language.Found(os.Getenv)
	flags.Var(to, languageFlag, "print texts in `LANGUAGE`, en or zh, whatever LC_ALL, LC_MESSAGES and LANG say")
}

// Logger logs to standard error.
func (c *Common) Logger() *slog.Logger { return c.LoggerTo(os.Stderr) }

// Print prints a line of the answer in the user's language, on standard output. Whether it got
// there, Printed says.
func (c *Common) Print(format string, args ...any) {
	if _, err := fmt.Println(language.Textf(format, args...).In(c.Language)); c.unprinted == nil {
		c.unprinted = err
	}
}

// Printed returns an error if a line of the answer could not be printed; the command has done its
// work all the same.
func (c *Common) Printed() error {
	if c.unprinted == nil {
		return nil
	}
	return Fail("the answer could not be printed").Because(c.unprinted)
}

// Ended is how a command ends that has ended with err. If its answer could not be printed, that is
// an error too; but a reader that went away hides no other error, and what err says already is not
// said again.
func (c *Common) Ended(err error) error {
	printed := c.Printed()
	if printed == nil || err != nil && (errors.Is(printed, syscall.EPIPE) || errors.Is(err, c.unprinted)) {
		return err
	}
	if exit, ok := silent(err); ok {
		return Exit(exit.code, printed)
	}
	return errors.Join(err, printed)
}

// Say gives the user a message besides the command's answer, on standard error; with --log-format
// json it is a line of the log.
func (c *Common) Say(format string, args ...any) {
	text := language.Textf(format, args...)
	if c.LogFormat == LogJSON {
		c.Logger().Info(text.Error())
		return
	}
	fmt.Fprintln(os.Stderr, text.In(c.Language))
}

// LoggerTo logs to w. While bars are shown w is a Progress, which keeps log lines above them.
func (c *Common) LoggerTo(w io.Writer) *slog.Logger { return newLogger(w, c.LogFormat, c.LogLevel) }

func newLogger(w io.Writer, format LogFormat, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
