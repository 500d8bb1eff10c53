package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	"citycard/clearing/people/api"
	beside "citycard/clearing/verify"
	"citycard/cmd/books"
	"citycard/cmd/check"
	"citycard/cmd/demostaff"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/verify"
	"citycard/simulators/pcscd"
)

// settings are the flags of the demonstration.
type settings struct {
	server.Settings
	cards  int
	seed   uint64
	noPCSC bool
	pcsc   int
	taps   int
	serve  bool
	json   string
	keep   bool // the directory that is made if none is given
}

// The money in the funds at the start of the day: enough for any day that the city plays. It is the
// demonstration's own figure.
const demoFundFen ledger.Fen = 50_000_000_00

// Command is "citycard demo".
func Command() *ffcli.Command {
	flags := flag.NewFlagSet("citycard demo", flag.ContinueOnError)
	s := &settings{Settings: server.Settings{Ops: "127.0.0.1:0", API: server.APISettings{Address: "127.0.0.1:0"}, Demo: true}}
	s.RegisterServing(flags)
	flags.IntVar(&s.cards, "cards", 10_000, "cards in the city")
	flags.Uint64Var(&s.seed, "seed", 20260101, "`number` that everything random comes from")
	flags.BoolVar(&s.noPCSC, "no-pcsc", false, "leave out the leg through pcscd and virtual readers")
	flags.IntVar(&s.pcsc, "pcsc-cards", 24, "cards personalised through PC/SC, at least 20")
	flags.IntVar(&s.taps, "pcsc-taps", 200, "taps at terminals behind readers; fewer where there are not sixteen readers")
	flags.BoolVar(&s.serve, "serve", false, "leave metrics and the status page up at the end")
	flags.BoolVar(&s.keep, "keep", false, "keep the data directory that is made where no --data is given")
	flags.StringVar(&s.json, "json", "", "write the report to `file` as JSON")
	return &ffcli.Command{
		Name:       "demo",
		ShortUsage: "citycard demo [flags]",
		ShortHelp:  "a whole city day, end to end",
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
			return run(ctx, s)
		},
	}
}

func (s *settings) check() error {
	switch {
	case s.cards < 100 || s.cards > 1_000_000:
		return language.Textf("--cards %d: want 100 to 1000000", s.cards)
	case !s.noPCSC && (s.pcsc < 20 || s.pcsc > s.cards):
		return language.Textf("--pcsc-cards %d: want 20 to %d", s.pcsc, s.cards)
	case s.taps < 0 || s.taps > 10_000:
		return language.Textf("--pcsc-taps %d: want 0 to 10000", s.taps)
	}
	return nil
}

// demo is one run of the demonstration.
type demo struct {
	*settings
	dir       *service.DataDir
	field     string // cardsim's data directory
	day       ledger.Day
	log       *slog.Logger
	progress  *service.Progress
	stack     *service.Stack
	report    *check.Report
	base      *server.Base
	server    *server.Server
	made      bool              // the data directory, for this run alone
	signer    ed25519.PublicKey // of the demonstration's own seal key
	publisher ed25519.PublicKey // of its own publishing key
	daemon    *pcscd.Daemon     // of the readers, nil without
	terminals []*agent          // behind them
	desk      *desk             // among them, nil without
	tills     *tills            // in their places before
	staff     *demostaff.Staff
	ops       *service.Ops
	result    *dayclose.Result
	seal      chain.Seal
}

// Titles of the steps.
const (
	starting = "start database and broker"
	issuing  = "issue the cards"
	opening  = "open accounts"
	playing  = "play the day"
	draining = "clear what is left"
	closing  = "close and settle the day"
	checking = "verify the books"
)

// step is one part of the demonstration.
type step struct {
	name  string // in the report
	title *language.Text
	run   func(*demo, context.Context) error
}

func steps() []step {
	return []step{
		{"start", language.Textf(starting), (*demo).start},
		{"issue", language.Textf(issuing), (*demo).issue},
		{"open", language.Textf(opening), (*demo).open},
		{"day", language.Textf(playing), (*demo).play},
		{"drain", language.Textf(draining), (*demo).drain},
		{"close", language.Textf(closing), (*demo).close},
		{"verify", language.Textf(checking), (*demo).verify},
	}
}

func run(ctx context.Context, s *settings) (err error) {
	d := &demo{settings: s, progress: service.NewProgress(os.Stderr, s.Language)}
	defer d.progress.Close()
	d.log = s.LoggerTo(d.progress)
	d.stack = service.NewStack(d.log, server.StopLimit)
	defer func() {
		failed := err != nil && (ctx.Err() == nil || d.report != nil && !d.report.Holds())
		err = errors.Join(err, d.stack.Close())
		err = errors.Join(err, d.leave(failed))
	}()
	if err := d.prepare(); err != nil {
		return err
	}
	if err := d.CheckPorts(ctx); err != nil {
		return err
	}
	started := time.Now()
	for _, step := range steps() {
		begun := time.Now()
		if err := step.run(d, ctx); err != nil {
			return service.Fail("%w", step.title).Because(err)
		}
		d.report.Seconds[step.name] = time.Since(begun).Seconds()
	}
	d.report.Seconds["total"] = time.Since(started).Seconds()
	return d.finish(ctx)
}

// prepare takes the data directory and makes the keys.
func (d *demo) prepare() error {
	if d.Data == "" {
		temp, err := os.MkdirTemp("", "citycard-demo-")
		if err != nil {
			return language.Textf("make a data directory: %w", err)
		}
		d.Data, d.made = temp, true
	}
	dir, err := service.NewDataDir(d.Data, books.DataPurpose)
	if err != nil {
		return err
	}
	d.stack.Push("data directory", func(context.Context) error { return dir.Close() })
	d.dir, d.field = dir, dir.Join("field")
	d.Registry, d.Examples = filepath.Join(d.field, "registry"), true
	d.day = d.FirstDay(time.Now())
	d.report = check.NewReport(d.day)
	if d.signer, err = server.MakeSealKey(dir.Path, false); err != nil {
		return err
	}
	if d.publisher, err = server.MakePublishKey(dir.Path, false); err != nil {
		return err
	}
	passphrase, random := rand.Text(), true
	if d.Passphrase != "" || d.Keys != "" || os.Getenv(service.PassphraseVariable) != "" {
		if passphrase, err = service.Passphrase(d.Passphrase); err != nil {
			return err
		}
		random = false
	}
	// For the children as well.
	if err := os.Setenv(service.PassphraseVariable, passphrase); err != nil || d.Keys != "" {
		return err
	}
	path := d.KeyPath(dir.Path)
	if random {
		return makeQuickKeys(path, d.seed, passphrase)
	}
	return server.MakeKeys(path, d.seed, passphrase, false)
}

// makeQuickKeys writes the key store under a random passphrase. Nobody guesses 128 bits, however
// little work a guess is, and eight processes open the store.
func makeQuickKeys(path string, seed uint64, passphrase string) error {
	const workFactor = 4
	if err := keys.GenerateTest(seed).WithWorkFactor(workFactor).Create(path, passphrase); err != nil {
		return server.CannotWriteKeys(path, err)
	}
	return nil
}

// leave removes a data directory that was made for this run. If the directory is kept instead, as
// after a failure that somebody may want to examine, it prints where it is.
func (d *demo) leave(failed bool) error {
	switch {
	case !d.made:
		return nil
	case d.keep, failed && d.base != nil:
		d.progress.Close()
		d.Say("the demonstration's data is kept in %s", d.Data)
		return nil
	}
	if err := os.RemoveAll(d.Data); err != nil {
		return service.Fail("the demonstration's data is not removed").Todo("remove %s", d.Data).Because(err)
	}
	return nil
}

// staffKeys is the folder in the data directory for the keys of the demonstration's people.
const staffKeys = "people"

// start brings up the books and the broker, and enrols the demonstration's people.
func (d *demo) start(ctx context.Context) (err error) {
	phase := d.progress.Phase(starting, 1)
	if d.base, err = server.OpenBase(ctx, &d.Settings, d.dir, time.Now(), d.stack, d.log); err != nil {
		return err
	}
	if err := d.base.Unused(ctx); err != nil {
		return err
	}
	if err := d.enrol(ctx); err != nil {
		return err
	}
	pin := dayclose.PinRequest{Key: hex.EncodeToString(d.signer)}
	if err := demostaff.Two(ctx, d.staff, demostaff.Kim, demostaff.Lee, chain.ActPinSealKey, pin, "the demonstration's own key"); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// enrol enrols the demonstration's people, as a command does where nothing serves.
func (d *demo) enrol(ctx context.Context) error {
	l := d.base.Books.Ledger
	socket, stop, err := server.ServeAlone(ctx, d.Settings.Alone(l, d.log))
	if err != nil {
		return err
	}
	client := api.AtSocket(socket, d.Language)
	keys, err := demostaff.Enrol(ctx, client, d.dir.Join(staffKeys))
	client.Close()
	if err = errors.Join(err, stop(ctx)); err != nil {
		return err
	}
	d.staff, err = demostaff.New(ctx, l, keys)
	return err
}

// issue personalises the cards: some through PC/SC, the rest in memory.
func (d *demo) issue(ctx context.Context) error {
	if err := durable.MkdirAll(d.field); err != nil {
		return err
	}
	args := []string{
		"issue", "--direct=false", "--data", d.field, "--cards", strconv.Itoa(d.cards), "--seed", d.seedText(),
		"--keys", d.KeyPath(d.dir.Path), "--day", d.day.String(), "--zone", d.Zone.String(),
	}
	if !d.noPCSC {
		images := d.dir.Join("pcsc")
		if err := d.issuePCSC(ctx, images); err != nil {
			return err
		}
		args = append(args, "--images", images, "--slots", strconv.Itoa(len(d.daemon.Slots)))
	}
	return d.cardsim(ctx, args, nil)
}

func (d *demo) seedText() string { return strconv.FormatUint(d.seed, 10) }

// childLanguage is the language of a child's last words, which are part of the error if it fails.
func (d *demo) childLanguage() string {
	if d.LogFormat == service.LogJSON {
		return "en"
	}
	return d.Language.String()
}

// open starts clearing and books the money that the funds begin with.
func (d *demo) open(ctx context.Context) (err error) {
	phase := d.progress.Phase(opening, 1)
	in, err := d.ReadInputs(ctx, d.dir.Path, d.log)
	if err != nil {
		return err
	}
	d.ops = service.NewOps("citycard", d.log)
	if d.server, err = d.base.Start(ctx, &d.Settings, d.dir.Path, in, d.ops, d.stack, d.log); err != nil {
		return err
	}
	if err := d.receive(ctx, chart.PensionFund, demoFundFen, "demo pension"); err != nil {
		return err
	}
	for _, insurance := range chart.Insurances() {
		if err := d.receive(ctx, chart.Fund(insurance), demoFundFen, "demo "+insurance); err != nil {
			return err
		}
	}
	if err := d.letIn(ctx); err != nil {
		return err
	}
	if err := d.server.Show(ctx, d.ops, d.Ops, d.stack); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// drain waits until everything that was sent is in the books.
func (d *demo) drain(ctx context.Context) error {
	phase := d.progress.Phase(draining, 0)
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-d.server.Failed():
			cancel(err)
		case <-waiting.Done():
		}
	}()
	if err := intake.Await(waiting, d.base.Admin, d.base.Books.Ledger, func(t intake.Through) { phase.Set(t.Done, t.Total) }); err != nil {
		return errors.Join(err, context.Cause(waiting))
	}
	phase.Done()
	return nil
}

// close books what the channels' banks remit and closes the day.
func (d *demo) close(ctx context.Context) (err error) {
	phase := d.progress.Phase(closing, 1)
	if err := d.remit(ctx); err != nil {
		return err
	}
	c, err := server.NewCloser(ctx, d.base.Books.Ledger, d.dir.Path)
	if err != nil {
		return err
	}
	if d.result, err = c.Close(ctx, d.day, d.day.Next()); err != nil {
		return err
	}
	if d.seal, err = c.SealWith(ctx, d.dir.Path, d.day); err != nil {
		return err
	}
	phase.Add(1)
	phase.Done()
	return nil
}

// verify replays the books and compares them with the city's own truth.
func (d *demo) verify(ctx context.Context) error {
	phase := d.progress.Phase(checking, 3)
	l := d.base.Books.Ledger
	summary, err := verify.Books(ctx, l, d.signer, func(f verify.Fault) { d.report.Fault("%s: %s: %s", f.Kind, f.Where, f.Detail) }, beside.Tables)
	if err != nil {
		return err
	}
	phase.Add(1)
	if err := errors.Join(d.report.ReadDay(ctx, l, d.day), d.report.ReadTrial(ctx, l, d.day)); err != nil {
		return err
	}
	if d.report.Reserve.DepositsFen != d.tills.deposits {
		d.report.Fault("the counters hold deposits of %s yuan, the books have %s", d.tills.deposits, d.report.Reserve.DepositsFen)
	}
	phase.Add(1)
	truthDir := filepath.Join(d.field, "truth")
	d.report.Findings = d.result.Counters.Found
	if err := d.report.Compare(ctx, l, truthDir); err != nil {
		return err
	}
	for _, p := range d.result.Positions {
		d.report.NetPositions[p.Participant.Code] = ledger.Fen(p.Fen)
	}
	d.report.Seal = fmt.Sprintf("%x", d.seal.Root)
	phase.Add(1)
	phase.Done()
	d.log.Debug("books verified", "batches", summary.Batches, "transfers", summary.Transfers, "memos", summary.Memos)
	return nil
}

// finish prints the report and, where asked, stays up.
func (d *demo) finish(ctx context.Context) error {
	cleared := d.report.Seconds["day"] + d.report.Seconds["drain"]
	if cleared > 0 {
		d.report.ClearedPerSecond = float64(d.report.Cleared) / cleared
	}
	d.progress.Close()
	if err := writeText(os.Stdout, d.report, d.Language); err != nil {
		return err
	}
	d.sayWhere()
	d.Print("sealed by the demonstration's own key: %x", []byte(d.signer))
	d.Print("money and access were signed by %s, people of this demonstration alone", strings.Join(demostaff.IDs(), ", "))
	if d.json != "" {
		if err := writeJSON(d.json, d.report); err != nil {
			return err
		}
	}
	if d.serve {
		d.Print("status page and metrics: http://%s/  (Ctrl-C to stop)", d.ops.Addr())
		<-ctx.Done()
	}
	if !d.report.Holds() {
		return service.Exit(service.ExitFindings, language.Textf("the books do not hold"))
	}
	return d.Printed()
}

// sayWhere says where the data is, and whether it stays there.
func (d *demo) sayWhere() {
	d.Print("")
	if !d.made || d.keep || d.serve {
		d.Print("settlement files: %s", d.result.Files)
	}
	if d.made && !d.keep && d.report.Holds() {
		d.Print("data in %s, which is removed at the end; --keep or --data DIR keeps it", d.Data)
	}
}
