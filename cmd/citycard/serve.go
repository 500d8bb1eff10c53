package main

import (
	"context"
	"errors"
	"flag"
	"strings"
	"syscall"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/observe"
	"citycard/cmd/service"
)

const stopLimit = 30 * time.Second

func serveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard serve", flag.ContinueOnError)
	s := &settings{kafkaPort: 9092, ops: "127.0.0.1:9464", api: service.LoadAuthority, Common: service.Common{Data: "citycard-data"}}
	s.register(flags)
	service.RegisterDemo(flags, &s.demo)
	return &ffcli.Command{
		Name:       "serve",
		ShortUsage: "citycard serve [flags]",
		ShortHelp:  "clear what arrives, until stopped / 持续清算",
		LongHelp: "Claims every partition of the input topics, clears what arrives, answers the load authority and serves\n" +
			"/metrics, /healthz and /readyz. The key store's passphrase is read from --keys-passphrase-file or " + service.PassphraseVariable + ".",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return serve(ctx, s)
		},
	}
}

// isFull reports that a disk is full, in our own words or in the database's.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "No space left on device")
}

// stoppedTodo is what to do about a part that has ended.
func stoppedTodo(err error) string {
	if isFull(err) {
		return "nothing that was acknowledged is lost; free some space and start again / 已确认的数据未丢失,请释放磁盘空间后重新启动"
	}
	return "nothing was lost; start again once what it names is put right / 数据未丢失,排除故障后重新启动"
}

func serve(ctx context.Context, s *settings) (err error) {
	log := s.Logger()
	dir, err := service.OpenDataDir(s.Data, observe.DataPurpose)
	if err != nil {
		return err
	}
	stack := service.NewStack(log, stopLimit)
	stack.Push("data directory", func(context.Context) error { return dir.Close() })
	serving := false
	defer func() {
		if err = errors.Join(err, stack.Close()); serving {
			log.Info("serve has stopped / 清算服务已停止")
		}
	}()
	stack.Push("word of the start", func(context.Context) error { return observe.RemoveRunning(dir.Path) })
	if err := (observe.Running{Doing: "reading the registry's files", Long: true}).Write(dir.Path); err != nil {
		return err
	}

	in, err := s.readInputs(dir.Path, log)
	if err != nil {
		return err
	}
	if err := s.checkPorts(ctx); err != nil {
		return err
	}
	if err := (observe.Running{Doing: "opening the message log and the database"}).Write(dir.Path); err != nil {
		return err
	}
	base, err := lay(ctx, s, dir, time.Now(), stack, log)
	if err != nil {
		return err
	}
	if err := (observe.Running{Doing: in.founds(), Long: true}).Write(dir.Path); err != nil {
		return err
	}
	ops := service.NewOps("citycard", log)
	c, err := base.open(ctx, s, dir.Path, in, ops, stack, log)
	if err != nil {
		return err
	}
	if err := c.show(ctx, ops, s.ops, stack); err != nil {
		return err
	}
	word := observe.Running{Database: c.books.url, Kafka: c.kafka, Access: c.asks, API: c.apiURL, Pages: ops.Addr()}
	if err := word.Write(dir.Path); err != nil {
		return err
	}
	stack.Push("running.json", func(context.Context) error { return observe.RemoveRunning(dir.Path) })
	serving = true
	log.Info("serving", "kafka", c.kafka, "api", c.apiURL, "ops", ops.Addr(), "registry", c.registry.Version())
	service.NotifyReady(log)
	defer service.NotifyStopping(log)
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return service.Fail("clearing stopped / 清算已停止", stoppedTodo(err), err)
	}
}
