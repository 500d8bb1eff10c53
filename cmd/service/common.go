package service

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
)

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
	return fmt.Errorf("expected %s or %s", LogText, LogJSON)
}

// Common holds the settings that every command has. The zero value is ready for
// Register; what is set before it is the default.
type Common struct {
	Data      string     // directory for everything the program keeps
	Config    string     // configuration file, "" for none
	LogLevel  slog.Level // lowest level that is written
	LogFormat LogFormat
}

// Register adds --data, --config, --log-level and --log-format to the flags.
func (c *Common) Register(flags *flag.FlagSet) {
	if c.LogFormat == "" {
		c.LogFormat = LogText
	}
	flags.StringVar(&c.Data, "data", c.Data, "keep everything in `DIR` / 数据目录")
	flags.StringVar(&c.Config, configFlag, c.Config, "read settings from `FILE` / 配置文件")
	flags.TextVar(&c.LogLevel, "log-level", c.LogLevel, "log `LEVEL` and above: debug, info, warn, error / 日志级别")
	flags.Var(&c.LogFormat, "log-format", "write the log as `FORMAT`: text or json / 日志格式")
}

// Logger logs to standard error.
func (c *Common) Logger() *slog.Logger { return c.LoggerTo(os.Stderr) }

// LoggerTo logs to w: while bars are shown, to Progress, which keeps log lines
// above them.
func (c *Common) LoggerTo(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
