package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// verification is what citycard verify --json prints.
type verification struct {
	Books   verify.Summary `json:"books"`
	Faults  []verify.Fault `json:"faults"`
	Truth   *report        `json:"truth,omitempty"`
	Seconds float64        `json:"seconds"`
	Holds   bool           `json:"holds"`
}

func verifyCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard verify", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	database := flags.String("db", "", "`URL` of the database; empty: the data directory's / 数据库地址")
	asJSON := flags.Bool("json", false, "print for machines / 输出 JSON")
	truthDir := flags.String("truth", "", "`directory` of a simulated city's truth to compare with / 模拟城市真值目录")
	exported := flags.String("export", "", "an export `file` to replay instead of the database, - for standard input / 导出文件")
	proof := flags.String("proof", "", "the `file` of a transfer's proof to check instead / 单笔证明文件")
	signer := flags.String("signer", "", "public key in `hex` by which days must be sealed; empty: the data directory's, if any / 封账公钥")
	return &ffcli.Command{
		Name:       "verify",
		ShortUsage: "citycard verify [flags]",
		ShortHelp:  "replay the books and name every fault / 复核账簿",
		LongHelp: "Checks every row's hash, every batch's root and link, every balance, limit and seal. Exit code 3 where\n" +
			"anything does not hold. Seals must be by the data directory's key, where there is one. With --export or\n" +
			"--proof no database is needed.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			switch {
			case *proof != "":
				return readProof(*proof, *signer)
			case *exported != "":
				return verifyExport(*exported, *signer, *asJSON)
			}
			key, err := parseSigner(*signer)
			if err != nil {
				return err
			}
			if key == nil {
				if key, err = sealSigner(common.Data); err != nil {
					return err
				}
			}
			b, done, err := booksOf(ctx, *database, common.Data, common.Logger())
			if err != nil {
				return err
			}
			v, err := verifyBooks(ctx, b.Ledger, key, *truthDir)
			if err := errors.Join(err, done()); err != nil {
				return err
			}
			return v.print(*asJSON)
		},
	}
}

// sealSigner is the public half of the data directory's seal key, nil without.
func sealSigner(dir string) (ed25519.PublicKey, error) {
	if _, err := os.Stat(filepath.Join(dir, "seal.key")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	private, err := sealKey(dir)
	if err != nil {
		return nil, err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return public, nil
}

// parseSigner reads a public key in hex; none is nil.
func parseSigner(text string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 0 && len(key) != ed25519.PublicKeySize {
		return nil, service.Exit(service.ExitUsage, fmt.Errorf("--signer %q: want %d hex digits", text, 2*ed25519.PublicKeySize))
	}
	if len(key) == 0 {
		return nil, nil
	}
	return key, nil
}

func verifyExport(path, signer string, asJSON bool) error {
	key, err := parseSigner(signer)
	if err != nil {
		return err
	}
	file := os.Stdin
	if path != "-" {
		if file, err = os.Open(path); err != nil {
			return service.Fail("cannot read the export / 无法读取导出文件", "correct --export", err)
		}
	}
	started := time.Now()
	v := &verification{Faults: []verify.Fault{}}
	v.Books, err = verify.Export(file, key, v.note)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	v.Holds, v.Seconds = v.Books.Faults == 0, time.Since(started).Seconds()
	return v.print(asJSON)
}

// note keeps a fault, so long as there are not too many.
func (v *verification) note(f verify.Fault) {
	const limit = 1000
	if len(v.Faults) < limit {
		v.Faults = append(v.Faults, f)
	}
}

func verifyBooks(ctx context.Context, l *ledger.Ledger, signer ed25519.PublicKey, truthDir string) (*verification, error) {
	started := time.Now()
	v := &verification{Faults: []verify.Fault{}}
	var err error
	v.Books, err = verify.Books(ctx, l, signer, v.note)
	if err != nil {
		return nil, err
	}
	v.Holds = v.Books.Faults == 0
	if truthDir != "" {
		days, err := l.Days(ctx)
		if err != nil {
			return nil, err
		}
		v.Truth = newReport(days[len(days)-1].Day)
		for _, d := range days {
			if err := v.Truth.readDay(ctx, l, d.Day); err != nil {
				return nil, err
			}
		}
		if err := v.Truth.readTrial(ctx, l, days[len(days)-1].Day); err != nil {
			return nil, err
		}
		if err := v.Truth.compareTruth(ctx, l, truthDir); err != nil {
			return nil, err
		}
		v.Holds = v.Holds && v.Truth.holds()
	}
	v.Seconds = time.Since(started).Seconds()
	return v, nil
}

func (v *verification) print(asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(v); err != nil {
			return err
		}
	} else if err := v.printText(); err != nil {
		return err
	}
	if !v.Holds {
		return service.Exit(service.ExitFindings, nil)
	}
	return nil
}

func (v *verification) printText() error {
	for _, f := range v.Faults {
		fmt.Printf("%s: %s: %s\n", f.Kind, f.Where, f.Detail)
	}
	s := v.Books
	fmt.Printf("%d streams, %d batches, %d transfers, %d memos, %d accounts, %d sealed days checked in %.1f s: %d faults / 复核完成,差错 %d 处\n",
		s.Streams, s.Batches, s.Transfers, s.Memos, s.Accounts, s.SealedDays, v.Seconds, s.Faults, s.Faults)
	if v.Truth != nil {
		fmt.Printf("against the truth: %d sent, %d lost, %d doubled, %d wrong, %d purse mismatches / 与真值核对\n",
			v.Truth.Sent, v.Truth.Lost, v.Truth.Doubled, v.Truth.Wrong, v.Truth.PurseMismatches)
		for _, fault := range v.Truth.Faults {
			fmt.Println("  ! " + fault)
		}
	}
	if v.Holds {
		fmt.Println("THE BOOKS HOLD / 账目相符")
	} else {
		fmt.Println("THE BOOKS DO NOT HOLD / 账目不符")
	}
	return nil
}
