package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	beside "citycard/clearing/verify"
	"citycard/cmd/observe"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// demoSettings are the flags of the demonstration.
type demoSettings struct {
	settings
	cards  int
	seed   uint64
	noPCSC bool
	pcsc   int
	serve  bool
	json   string
	keep   bool // of the directory that is made where none is given
}

// How much the funds hold when the day begins: enough for any day that the city
// plays. It is the demonstration's own figure.
const demoFundFen ledger.Fen = 50_000_000_00

func demoCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard demo", flag.ContinueOnError)
	s := &demoSettings{settings: settings{ops: "127.0.0.1:0", api: "127.0.0.1:0", demo: true}}
	s.register(flags)
	flags.IntVar(&s.cards, "cards", 10_000, "cards in the city / 卡片数")
	flags.Uint64Var(&s.seed, "seed", 20260101, "`number` that everything random comes from / 随机种子")
	flags.BoolVar(&s.noPCSC, "no-pcsc", false, "leave out the leg through pcscd and virtual readers / 不经 PC/SC")
	flags.IntVar(&s.pcsc, "pcsc-cards", 24, "cards personalised through PC/SC, at least 20 / 经 PC/SC 发卡数")
	flags.BoolVar(&s.serve, "serve", false, "leave metrics and the status page up at the end / 结束后保留状态页")
	flags.BoolVar(&s.keep, "keep", false, "keep the data directory that is made where no --data is given / 保留演示数据")
	flags.StringVar(&s.json, "json", "", "write the report to `file` as JSON / 报告文件")
	return &ffcli.Command{
		Name:       "demo",
		ShortUsage: "citycard demo [flags]",
		ShortHelp:  "a whole city day, end to end / 演示完整的一天",
		LongHelp: "Issues cards, plays a day of buses, metro, top-ups, hospitals and a pension payday, clears it, closes the\n" +
			"day, writes settlement files, and verifies the books. Exit code 3 where they do not hold. Without --data all of it\n" +
			"is in a directory of its own, which is removed at the end; --keep keeps it, and so does a day that fails.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			return demo(ctx, s)
		},
	}
}

func (s *demoSettings) check() error {
	switch {
	case s.cards < 100 || s.cards > 1_000_000:
		return fmt.Errorf("--cards %d: want 100 to 1000000", s.cards)
	case !s.noPCSC && (s.pcsc < 20 || s.pcsc > s.cards):
		return fmt.Errorf("--pcsc-cards %d: want 20 to %d", s.pcsc, s.cards)
	}
	return nil
}

// performance is one run of the demonstration.
type performance struct {
	*demoSettings
	dir      *service.DataDir
	field    string // cardsim's data directory
	day      ledger.Day
	log      *slog.Logger
	progress *service.Progress
	stack    *service.Stack
	report   *report
	base     *foundation
	center   *center
	made     bool              // the data directory, for this run alone
	signer   ed25519.PublicKey // of the demonstration's own seal key
	ops      *service.Ops
	result   *dayclose.Result
	seal     ledger.Seal
}

func demo(ctx context.Context, s *demoSettings) (err error) {
	p := &performance{demoSettings: s, progress: service.NewProgress(os.Stderr)}
	defer p.progress.Close()
	p.log = s.LoggerTo(p.progress)
	p.stack = service.NewStack(p.log, stopLimit)
	defer func() {
		failed := err != nil && (ctx.Err() == nil || p.report != nil && !p.report.holds())
		err = errors.Join(err, p.stack.Close())
		err = errors.Join(err, p.leave(failed))
	}()
	if err := p.prepare(); err != nil {
		return err
	}
	if err := p.checkPorts(ctx); err != nil {
		return err
	}
	started := time.Now()
	for _, act := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"start", p.start}, {"issue", p.issue}, {"open", p.open}, {"day", p.play}, {"drain", p.drain}, {"close", p.close}, {"verify", p.verify},
	} {
		begun := time.Now()
		if err := act.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.name, err)
		}
		p.report.Seconds[act.name] = time.Since(begun).Seconds()
	}
	p.report.Seconds["total"] = time.Since(started).Seconds()
	return p.finish(ctx)
}

// prepare takes the data directory and makes the keys.
func (p *performance) prepare() error {
	if p.Data == "" {
		temp, err := os.MkdirTemp("", "citycard-demo-")
		if err != nil {
			return fmt.Errorf("make a data directory: %w", err)
		}
		p.Data, p.made = temp, true
	}
	dir, err := service.NewDataDir(p.Data, observe.DataPurpose)
	if err != nil {
		return err
	}
	p.stack.Push("data directory", func(context.Context) error { return dir.Close() })
	p.dir, p.field = dir, dir.Join("field")
	p.settings.registry = filepath.Join(p.field, "registry")
	p.day = p.firstDay(time.Now())
	p.report = newReport(p.day)
	if p.signer, err = makeSealKey(dir.Path); err != nil {
		return err
	}
	passphrase := rand.Text()
	if p.passphrase != "" || p.keyFile != "" || os.Getenv(service.PassphraseVariable) != "" {
		if passphrase, err = service.Passphrase(p.passphrase); err != nil {
			return err
		}
	}
	// For the children as well.
	if err := os.Setenv(service.PassphraseVariable, passphrase); err != nil || p.keyFile != "" {
		return err
	}
	return makeKeys(p.keyPath(dir.Path), p.seed, passphrase)
}

// leave removes the data directory where it was made for this run, and says where it is where
// it stays: what failed is looked into.
func (p *performance) leave(failed bool) error {
	switch {
	case !p.made:
		return nil
	case p.keep, failed && p.base != nil:
		p.progress.Close()
		p.Say("the demonstration's data is kept in " + p.Data + " / 演示数据保留于此")
		return nil
	}
	if err := os.RemoveAll(p.Data); err != nil {
		return service.Fail("the demonstration's data is not removed / 演示数据未能删除", "remove "+p.Data, err)
	}
	return nil
}

// start brings up the books and the broker.
func (p *performance) start(ctx context.Context) (err error) {
	phase := p.progress.Phase("start database and broker", "启动数据库与消息服务", 1)
	if p.base, err = lay(ctx, &p.settings, p.dir, time.Now(), p.stack, p.log); err != nil {
		return err
	}
	if err := p.base.unused(ctx); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// issue personalises the cards: some through PC/SC, the rest in memory.
func (p *performance) issue(ctx context.Context) error {
	if err := os.MkdirAll(p.field, 0o700); err != nil {
		return err
	}
	args := []string{
		"issue", "--direct=false", "--data", p.field, "--cards", strconv.Itoa(p.cards), "--seed", p.seedText(),
		"--keys", p.keyPath(p.dir.Path), "--day", p.day.String(), "--zone", p.zone.String(),
	}
	if !p.noPCSC {
		images := p.dir.Join("pcsc")
		if err := p.issuePCSC(ctx, images); err != nil {
			return err
		}
		args = append(args, "--images", images)
	}
	return p.cardsim(ctx, args)
}

func (p *performance) seedText() string { return strconv.FormatUint(p.seed, 10) }

// step is a line of progress from a child.
type step struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// cardsim runs a cardsim command to its end and shows its progress.
func (p *performance) cardsim(ctx context.Context, args []string) error {
	phases := map[string]*service.Phase{}
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardsim", Name: "cardsim " + args[0], Args: args, Log: p.log,
		Line: service.JSONLines(func(s step) error {
			phase := phases[s.Phase]
			if phase == nil {
				phase = p.progress.Phase(s.Phase, phaseInChinese(s.Phase), s.Total)
				phases[s.Phase] = phase
			}
			phase.Set(s.Done, s.Total)
			if s.Done == s.Total {
				phase.Done()
			}
			return nil
		}),
	})
	if err != nil {
		return service.Fail("cannot start cardsim / 无法启动 cardsim", "build all three programs: make build", err)
	}
	return child.Wait()
}

// open starts clearing and books the money that the funds begin with.
func (p *performance) open(ctx context.Context) (err error) {
	phase := p.progress.Phase("open accounts", "开立账户", 1)
	in, err := p.readInputs(p.dir.Path, p.log)
	if err != nil {
		return err
	}
	p.ops = service.NewOps("citycard", p.log)
	if p.center, err = p.base.open(ctx, &p.settings, p.dir.Path, in, p.ops, p.stack, p.log); err != nil {
		return err
	}
	receipts := []receipt{{account: chart.PensionFund, bank: chart.BankPension, fen: demoFundFen, reference: "demo pension"}}
	for _, insurance := range chart.Insurances() {
		receipts = append(receipts, receipt{account: chart.Fund(insurance), bank: chart.BankMedical, fen: demoFundFen, reference: "demo " + insurance})
	}
	if _, err := p.base.receive(ctx, p.center.owner, receipts...); err != nil {
		return err
	}
	if err := p.center.show(ctx, p.ops, p.settings.ops, p.stack); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// play lets the city live through its day.
func (p *performance) play(ctx context.Context) error {
	err := p.cardsim(ctx, []string{
		"city", "--direct=false", "--data", p.field, "--kafka", p.base.kafka,
		"--kafka-tls-ca", p.base.asks.CAFile, "--kafka-user", p.base.asks.User, "--kafka-password-file", p.base.asks.PasswordFile, "--api", p.center.apiURL,
		"--channel-tokens", p.dir.Join(channelTokens), "--keys", p.keyPath(p.dir.Path),
		"--cards", strconv.Itoa(p.cards), "--seed", p.seedText(), "--day", p.day.String(), "--zone", p.zone.String(),
	})
	return errors.Join(err, p.center.failure())
}

// drain waits until everything that was sent is in the books.
func (p *performance) drain(ctx context.Context) error {
	phase := p.progress.Phase("clear what is left", "清算剩余交易", 0)
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-p.center.failed:
			cancel(err)
		case <-waiting.Done():
		}
	}()
	if err := intake.Await(waiting, p.base.admin, p.base.books.Ledger, func(t intake.Through) { phase.Set(t.Done, t.Total) }); err != nil {
		return errors.Join(err, context.Cause(waiting))
	}
	phase.Done()
	return nil
}

// close books what the channels' banks remit and closes the day.
func (p *performance) close(ctx context.Context) (err error) {
	phase := p.progress.Phase("close and settle the day", "日终清算", 1)
	if err := p.remit(ctx); err != nil {
		return err
	}
	c, err := newCloser(p.base.books.Ledger, p.dir.Path)
	if err != nil {
		return err
	}
	if p.result, err = c.Close(ctx, p.day, p.day.Next()); err != nil {
		return err
	}
	if p.seal, err = c.seal(ctx, p.dir.Path, p.day); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// remit books the channels' money as arrived: their banks pay on the day.
func (p *performance) remit(ctx context.Context) error {
	var receipts []receipt
	for _, channel := range p.center.registry.Current().Channels() {
		code := chart.Channel(channel.ID)
		sums, err := p.base.books.Balance(ctx, code)
		if err != nil {
			return err
		}
		if owed := sums.Debits - sums.Credits; owed > 0 {
			receipts = append(receipts, receipt{account: code, bank: chart.Reserve, fen: owed, reference: channel.ID + " " + p.day.String()})
		}
	}
	if len(receipts) == 0 {
		return nil
	}
	_, err := p.base.receive(ctx, p.center.owner, receipts...)
	return err
}

// verify replays the books and compares them with the city's own truth.
func (p *performance) verify(ctx context.Context) error {
	phase := p.progress.Phase("verify the books", "核验账簿", 3)
	l := p.base.books.Ledger
	summary, err := verify.Books(ctx, l, p.signer, func(f verify.Fault) { p.report.fault("%s: %s: %s", f.Kind, f.Where, f.Detail) }, beside.Tables)
	if err != nil {
		return err
	}
	phase.Add(1)
	if err := errors.Join(p.report.readDay(ctx, l, p.day), p.report.readTrial(ctx, l, p.day)); err != nil {
		return err
	}
	phase.Add(1)
	truthDir := filepath.Join(p.field, "truth")
	if err := p.report.compareTruth(ctx, l, truthDir); err != nil {
		return err
	}
	p.report.positions(p.result.Positions)
	p.report.Findings = p.result.History.Found
	p.report.Seal = fmt.Sprintf("%x", p.seal.Root)
	phase.Add(1)
	phase.Done()
	p.log.Debug("books verified", "batches", summary.Batches, "transfers", summary.Transfers, "memos", summary.Memos)
	return nil
}

// finish prints the report and, where asked, stays up.
func (p *performance) finish(ctx context.Context) error {
	cleared := p.report.Seconds["day"] + p.report.Seconds["drain"]
	if cleared > 0 {
		p.report.ClearedPerSecond = float64(p.report.Cleared) / cleared
	}
	p.progress.Close()
	if err := p.report.writeText(os.Stdout); err != nil {
		return err
	}
	p.sayWhere()
	fmt.Printf("sealed by the demonstration's own key / 封账公钥: %x\n", []byte(p.signer))
	if p.json != "" {
		if err := p.report.writeJSON(p.json); err != nil {
			return err
		}
	}
	if p.serve {
		fmt.Printf("status page and metrics / 状态页与监控: http://%s/  (Ctrl-C to stop / 按 Ctrl-C 结束)\n", p.ops.Addr())
		<-ctx.Done()
	}
	if !p.report.holds() {
		return service.Exit(service.ExitFindings, errBooks)
	}
	return nil
}

// sayWhere says where the data is, and whether it stays there.
func (p *performance) sayWhere() {
	fmt.Println()
	if !p.made || p.keep || p.serve {
		fmt.Printf("settlement files / 结算文件: %s\n", p.result.Files)
	}
	if p.made && !p.keep && p.report.holds() {
		fmt.Printf("data in %s, which is removed at the end; --keep or --data DIR keeps it / 演示数据,结束后删除\n", p.Data)
	}
}

func phaseInChinese(phase string) string {
	switch phase {
	case "issue":
		return "发卡"
	case "day":
		return "一天的交易"
	case "send":
		return "发送"
	}
	return phase
}
