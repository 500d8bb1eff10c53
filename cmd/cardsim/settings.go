package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/simulators/plan"
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

	// of issue and city alone
	mode   mode
	riders int
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

// registerDirect gives the flags of a city of millions.
func (s *settings) registerDirect(flags *flag.FlagSet) {
	flags.Var(&s.mode, "direct", "no chips: taps from compact state, for millions of cards; auto: above "+strconv.Itoa(directFrom)+" cards / 直接生成交易")
	flags.IntVar(&s.riders, "riders", 0, "direct: `NUMBER` of cards that ride, 0 for all; the others only stand in the registry / 乘车卡数")
}

func (s *settings) direct() bool { return s.mode.direct || !s.mode.set && s.cards > directFrom }

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

// dataPurpose marks the data directories of cardsim. A directory of citycard is not one, whether or
// not citycard runs: files that cardsim wrote there would be taken for citycard's own input.
const dataPurpose = "cardsim"

// directory takes the data directory and creates it if it is missing.
func (s *settings) directory() (*service.DataDir, error) {
	return service.OpenClosedDir(s.Data, dataPurpose)
}

// city is the city that the flags describe.
func (s *settings) city(day time.Time) plan.City {
	c := plan.City{Seed: s.seed, Cards: s.cards, Day: plan.DayNumber(day)}
	if s.direct() {
		c.Riders = cmp.Or(s.riders, s.cards)
	}
	return c
}

// issued reads which city the directory holds, and refuses a directory with another city.
func (s *settings) issued(day time.Time) (c plan.City, ok bool, err error) {
	want := s.city(day)
	have, ok, err := plan.Read(s.Data)
	switch {
	case err != nil:
		return have, false, service.Fail("data directory not usable / 数据目录不可用", "give another one with --data", err)
	case !ok:
		return want, false, nil
	case have.Direct() && !want.Direct():
		return have, false, service.Refuse(s.Data+" holds a city without chips / 目录中是无卡片的城市", "give --direct, or another directory with --data", nil)
	case want.Direct() && !have.Direct():
		return have, false, service.Refuse(s.Data+" holds a city with chips / 目录中是有卡片的城市", "give another directory with --data, or leave out --direct", nil)
	}
	want.Day = have.Day // a city may be played on other days than its first
	if have == want {
		return have, true, nil
	}
	what, give := fmt.Sprintf("%s holds a city of %d cards", s.Data, have.Cards), fmt.Sprintf("give --seed %d --cards %d", have.Seed, have.Cards)
	if have.Direct() {
		what, give = what+fmt.Sprintf(", %d of them riders,", have.Riders), give+fmt.Sprintf(" --riders %d", have.Riders)
	}
	return have, false, service.Fail(what+fmt.Sprintf(" with seed %d / 目录中是另一座城市", have.Seed), give+", or another --data", nil)
}
