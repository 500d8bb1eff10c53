package main

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/simulators/city"
)

// settings are what issue and city have in common.
type settings struct {
	service.Common
	seed  uint64
	cards int
	keys  string
	day   string
	zone  string

	passphrase string // the file of it
}

func (s *settings) register(flags *flag.FlagSet) {
	s.Data = "cardsim-data"
	s.Register(flags)
	flags.Uint64Var(&s.seed, "seed", 1, "`NUMBER` that the whole city follows from / 随机种子")
	flags.IntVar(&s.cards, "cards", 10_000, "`NUMBER` of cards, four of five for transit / 卡片总数")
	flags.StringVar(&s.keys, "keys", "", "key `FILE` of the issuer's masters / 主密钥文件")
	service.RegisterPassphrase(flags, &s.passphrase)
	flags.StringVar(&s.day, "day", "", "the simulated day, `YYYYMMDD`; today where empty / 模拟日期")
	flags.StringVar(&s.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city / 时区")
}

// midnight is the beginning of the simulated day.
func (s *settings) midnight(now time.Time) (time.Time, error) {
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		return time.Time{}, service.Exit(service.ExitUsage, service.Fail("unknown time zone "+s.zone+" / 未知时区", "give --zone a name like Asia/Shanghai", err))
	}
	if s.day == "" {
		y, m, d := now.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone), nil
	}
	day, err := time.ParseInLocation("20060102", s.day, zone)
	if err != nil {
		return time.Time{}, service.Exit(service.ExitUsage, service.Fail(fmt.Sprintf("--day %s is no date / 日期有误", s.day), "give it as YYYYMMDD", nil))
	}
	return day, nil
}

func (s *settings) store() (*keys.Store, error) {
	if s.keys == "" {
		return nil, service.Exit(service.ExitUsage, service.Fail("no key file / 没有密钥文件", "give the issuer's key file with --keys", nil))
	}
	passphrase, err := service.Passphrase(s.passphrase)
	if err != nil {
		return nil, err
	}
	store, err := keys.Open(s.keys, passphrase)
	if errors.Is(err, keys.ErrPassphrase) {
		return nil, service.Fail("wrong passphrase for "+s.keys+" / 密钥库口令有误", "correct "+service.PassphraseVariable+" or --keys-passphrase-file", nil)
	}
	if err != nil {
		return nil, service.Fail("key file not usable / 密钥文件不可用", "correct --keys", err)
	}
	return store, nil
}

// dataPurpose marks the data directories of cardsim. A directory of citycard's, whether it runs
// or not, is none: what cardsim writes there would pass for what citycard was given.
const dataPurpose = "cardsim"

// directory takes the data directory, which is made where it is missing.
func (s *settings) directory() (*service.DataDir, error) {
	return service.OpenClosedDir(s.Data, dataPurpose)
}

// state is the city that the flags describe.
func (s *settings) state(day time.Time) city.State {
	return city.State{Seed: s.seed, Cards: s.cards, Day: day.Format("20060102")}
}

// issued finds out what the directory holds, and refuses one that holds another
// city.
func (s *settings) issued(day time.Time) (state city.State, ok bool, err error) {
	want := s.state(day)
	state, ok, err = city.ReadState(s.Data)
	if err != nil {
		return state, false, service.Fail("data directory not usable / 数据目录不可用", "give another one with --data", err)
	}
	if !ok {
		return want, false, nil
	}
	if state.Seed != want.Seed || state.Cards != want.Cards {
		return state, false, service.Fail(
			fmt.Sprintf("%s holds a city of %d cards with seed %d / 目录中是另一座城市", s.Data, state.Cards, state.Seed),
			fmt.Sprintf("give --seed %d --cards %d, or another --data", state.Seed, state.Cards), nil)
	}
	return state, true, nil
}
