package service

import (
	"errors"
	"fmt"
)

// Exit codes of the programs; Codes says what they mean.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitFindings    = 3
	ExitUnreachable = 4
	ExitInUse       = 5
	ExitNoBooks     = 6
	ExitRefused     = 7
	ExitSIGHUP      = 129
	ExitSIGINT      = 130
	ExitSIGPIPE     = 141
	ExitSIGTERM     = 143
)

// Code is an exit code and what it means.
type Code struct {
	Number           int
	Meaning, Chinese string
}

// Codes is the table of all exit codes, which --help prints.
func Codes() []Code {
	return []Code{
		{ExitOK, "done; a service that was asked to stop ends with 0 too", "完成"},
		{ExitFailed, "failed; one line on standard error says what is wrong and what to do", "失败"},
		{ExitUsage, "wrong use: a flag, an argument, the environment or the configuration file", "用法错误"},
		{ExitFindings, "ran to its end, and what it checked does not hold", "核对不符"},
		{ExitUnreachable, "the database, Kafka or serve does not answer; the same command may do once it does", "数据库、Kafka 或清算服务不可达"},
		{ExitInUse, "a data directory or a port is in use by another process", "数据目录或端口被占用"},
		{ExitNoBooks, "no books: the database or the directory has none, or those of another version", "没有可用的账簿"},
		{ExitRefused, "refused: the books, the rules or the rights do not allow it; nothing was changed", "被规则或权限拒绝,未做变更"},
		{ExitSIGHUP, "interrupted before its end, by SIGHUP", "被 SIGHUP 中断"},
		{ExitSIGINT, "interrupted before its end, by SIGINT", "被 SIGINT 中断"},
		{ExitSIGPIPE, "nobody reads its output any more", "输出已无人读取"},
		{ExitSIGTERM, "interrupted before its end, by SIGTERM", "被 SIGTERM 中断"},
	}
}

// exitError carries an error and the exit code with which it ends the program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Exit makes an error that ends the program with code. With a nil err nothing
// is printed: the command has said everything itself, in its report.
func Exit(code int, err error) error {
	return &exitError{code: code, err: err}
}

// usage is a Failure that ends with ExitUsage.
func usage(what, todo string, err error) error { return Exit(ExitUsage, Fail(what, todo, err)) }

// Unreachable is a Failure that ends with ExitUnreachable.
func Unreachable(what, todo string, err error) error {
	return Exit(ExitUnreachable, Fail(what, todo, err))
}

// Taken is a Failure that ends with ExitInUse.
func Taken(what, todo string, err error) error { return Exit(ExitInUse, Fail(what, todo, err)) }

// NoBooks is a Failure that ends with ExitNoBooks.
func NoBooks(what, todo string, err error) error { return Exit(ExitNoBooks, Fail(what, todo, err)) }

// Refuse is a Failure that ends with ExitRefused.
func Refuse(what, todo string, err error) error { return Exit(ExitRefused, Fail(what, todo, err)) }

// exitCode is the exit code for err.
func exitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	return ExitFailed
}
