package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
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
	return fmt.Errorf("want %s or %s", LogText, LogJSON)
}

// logFormatFlag is the flag for the format of the log and of Run's own messages.
const logFormatFlag = "log-format"

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
		return errors.New("want debug, info, warn or error")
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

	unprinted error // the first of Print
}

// Register adds --data, --config, --log-level and --log-format to the flags.
func (c *Common) Register(flags *flag.FlagSet) {
	if c.LogFormat == "" {
		c.LogFormat = LogText
	}
	flags.StringVar(&c.Data, "data", c.Data, "keep everything in `DIR` / 数据目录")
	flags.StringVar(&c.Config, configFlag, c.Config, "read settings from `FILE` / 配置文件")
	flags.Var(levelValue{&c.LogLevel}, "log-level", "log `LEVEL` and above: debug, info, warn, error / 日志级别")
	flags.Var(&c.LogFormat, logFormatFlag, "write the log as `FORMAT`: text or json / 日志格式")
}

// Logger logs to standard error.
func (c *Common) Logger() *slog.Logger { return c.LoggerTo(os.Stderr) }

// Print prints a line of the answer, on standard output. Whether it got there, Printed says.
func (c *Common) Print(format string, args ...any) {
	if _, err := fmt.Printf(format+"\n", args...); c.unprinted == nil {
		c.unprinted = err
	}
}

// Printed returns an error if a line of the answer could not be printed; the command has done its
// work all the same.
func (c *Common) Printed() error {
	if c.unprinted == nil {
		return nil
	}
	return Fail("the answer could not be printed / 结果未能输出", "", c.unprinted)
}

// Say gives the user a message besides the command's answer, on standard error; with --log-format
// json it is a line of the log.
func (c *Common) Say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.LogFormat == LogJSON {
		c.Logger().Info(text)
		return
	}
	fmt.Fprintln(os.Stderr, text)
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
