package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"citycard/language"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/rogpeppe/go-internal/testscript"
)

// The tests talk to a whole program, "station", that does little with each part
// of this package.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"station": func() { os.Exit(Run("station", station())) },
	})
}

// TestScripts runs commands as a user types them and checks their output: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exitcode": exitCodeCommand,
		},
	})
}

// exitCodeCommand runs a program that must end with the exit code named first.
func exitCodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// station is the program's tree of commands.
func station() *ffcli.Command {
	return &ffcli.Command{
		Name: "station", ShortUsage: "station COMMAND [flags]",
		Subcommands: []*ffcli.Command{
			showCommand(), greetCommand(), keepCommand(), freshCommand(),
			plainCommand("fail", func(context.Context) error {
				return Fail("cannot reach Kafka at 10.0.0.5:9092").Todo("start the broker or correct --kafka").Because(errors.New("dial:\n\tconnection refused"))
			}),
			plainCommand("faults", func(context.Context) error {
				return fmt.Errorf("try: %w", Fail("nothing was read").Todo("correct the files").BecauseOf(2, []error{errors.New("a.csv:2: no\nnumber"), errors.New("b.csv: empty")}))
			}),
			plainCommand("findings", func(context.Context) error { return Exit(ExitFindings, nil) }),
			plainCommand("job", func(ctx context.Context) error {
				fmt.Println("working")
				<-ctx.Done()
				return fmt.Errorf("working: %w", ctx.Err())
			}),
			parentCommand(), secretCommand(), VersionCommand("station", func() (*language.Text, error) { return language.Textf("gauge   1435 mm"), nil }),
			{
				Name: "group", Exec: func(context.Context, []string) error { return flag.ErrHelp },
				Subcommands: []*ffcli.Command{plainCommand("one", func(context.Context) error { return flag.ErrHelp })},
			},
		},
	}
}

// secretCommand prints the passphrase that it finds.
func secretCommand() *ffcli.Command {
	flags := flag.NewFlagSet("secret", flag.ContinueOnError)
	var file string
	RegisterPassphrase(flags, &file)
	c := plainCommand("secret", func(context.Context) error {
		passphrase, err := Passphrase(file)
		if err == nil {
			fmt.Printf("[%s]\n", passphrase)
		}
		return err
	})
	c.FlagSet = flags
	return c
}

func plainCommand(name string, run func(ctx context.Context) error) *ffcli.Command {
	return &ffcli.Command{Name: name, Exec: func(ctx context.Context, args []string) error {
		if err := NoArguments(args); err != nil {
			return err
		}
		return run(ctx)
	}}
}

func showCommand() *ffcli.Command {
	var common Common
	flags := flag.NewFlagSet("show", flag.ExitOnError)
	common.Register(flags)
	number := flags.Int("number", 7, "how many `N`")
	c := plainCommand("show", func(context.Context) error {
		fmt.Printf("number %d\nlevel %v\n", *number, common.LogLevel)
		return nil
	})
	c.FlagSet, c.ShortHelp = flags, "print what is set"
	return c
}

// greet takes arguments, and a command below it.
func greetCommand() *ffcli.Command {
	var common Common
	flags := flag.NewFlagSet("greet", flag.ContinueOnError)
	common.Register(flags)
	number, loud := 7, flags.Bool("loud", false, "in capitals")
	Whole(flags, &number, "number", 1, 9, "how many `N`")
	return &ffcli.Command{Name: "greet", ShortHelp: "greet", FlagSet: flags, Exec: func(_ context.Context, args []string) error {
		fmt.Printf("%q number %d loud %t level %v\n", args, number, *loud, common.LogLevel)
		return nil
	}}
}

// keep holds a data directory until it is told to stop.
func keepCommand() *ffcli.Command {
	var common Common
	flags := flag.NewFlagSet("keep", flag.ContinueOnError)
	common.Register(flags)
	once := flags.Bool("once", false, "end at once")
	c := plainCommand("keep", func(ctx context.Context) error {
		dir, err := OpenDataDir(common.Data, "keep")
		if err != nil {
			return err
		}
		fmt.Printf("used %t\n", dir.Used)
		if !*once {
			<-ctx.Done()
		}
		return dir.Close()
	})
	c.FlagSet = flags
	return c
}

func freshCommand() *ffcli.Command {
	var common Common
	flags := flag.NewFlagSet("fresh", flag.ContinueOnError)
	common.Register(flags)
	c := plainCommand("fresh", func(context.Context) error {
		dir, err := NewDataDir(common.Data, "fresh")
		if err != nil {
			return err
		}
		return dir.Close()
	})
	c.FlagSet = flags
	return c
}

// parent starts a child that keeps a data directory, says so, and waits.
func parentCommand() *ffcli.Command {
	var common Common
	flags := flag.NewFlagSet("parent", flag.ContinueOnError)
	common.Register(flags)
	c := plainCommand("parent", func(ctx context.Context) error {
		child, err := StartChild(ctx, ChildSpec{
			Program: "station", Args: []string{"keep", "--data", common.Data}, Log: common.Logger(), Grace: time.Minute,
			Line: func([]byte) error { fmt.Println("kept"); return nil },
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		return child.Stop(context.Background())
	})
	c.FlagSet = flags
	return c
}
