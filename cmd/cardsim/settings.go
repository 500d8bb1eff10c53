package main

import (
	"cmp"
	"errors"
	"flag"
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

	cityFile string
	rules    string // the folder of the documents

	// of issue and city alone
	mode   mode
	riders int
	slots  int
}

func (s *settings) register(flags *flag.FlagSet) {
	s.Data = "cardsim-data"
	s.Register(flags)
	flags.Uint64Var(&s.seed, "seed", 1, "`NUMBER` that the whole city follows from")
	flags.IntVar(&s.cards, "cards", 10_000, "`NUMBER` of cards, four of five for transit")
	flags.StringVar(&s.keys, "keys", "", "key `FILE` of the issuer's masters")
	service.RegisterPassphrase(flags, &s.passphrase)
	flags.StringVar(&s.day, "day", "", "the simulated day, `YYYYMMDD`; today where empty")
	flags.StringVar(&s.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	flags.StringVar(&s.cityFile, "city", "", "`FILE` of a city of your own, from cardsim template; empty: the one that was issued, or the built-in city")
	flags.StringVar(&s.rules, "rules", "", "`DIR` of its rule documents; empty: those with which it was issued, or the examples")
}

// registerDirect gives the flags of a city of millions.
func (s *settings) registerDirect(flags *flag.FlagSet) {
	flags.Var(&s.mode, "direct", "no chips: taps from compact state, for millions of cards; auto: above 200000 cards")
	flags.IntVar(&s.riders, "riders", 0, "direct: `NUMBER` of cards that ride, 0 for all; the others only stand in the registry")
}

func (s *settings) direct() bool { return s.mode.direct || !s.mode.set && s.cards > directFrom }

// midnight is the beginning of the simulated day.
func (s *settings) midnight(now time.Time) (time.Time, error) {
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		return time.Time{}, service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", s.zone).Todo("give --zone a name like Asia/Shanghai").Because(err))
	}
	if s.day == "" {
		y, m, d := now.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone), nil
	}
	day, err := time.ParseInLocation("20060102", s.day, zone)
	if err != nil {
		return time.Time{}, service.Exit(service.ExitUsage, service.Fail("--day %s is no date", s.day).Todo("give it as YYYYMMDD"))
	}
	return day, nil
}

func (s *settings) store() (*keys.Store, error) {
	if s.keys == "" {
		return nil, service.Exit(service.ExitUsage, service.Fail("no key file").Todo("give the issuer's key file with --keys"))
	}
	passphrase, err := service.Passphrase(s.passphrase)
	if err != nil {
		return nil, err
	}
	store, err := keys.Open(s.keys, passphrase)
	if errors.Is(err, keys.ErrPassphrase) {
		return nil, service.Fail("wrong passphrase for %s", s.keys).Todo("correct %s or --keys-passphrase-file", service.PassphraseVariable)
	}
	if err != nil {
		return nil, service.Fail("key file not usable").Todo("correct --keys").Because(err)
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
func (s *settings) city(day time.Time, t *plan.Town) plan.City {
	c := plan.City{Seed: s.seed, Cards: s.cards, Day: plan.DayNumber(day), Purse: t.Rules.LeastPurse(), Slots: s.slots}
	if s.direct() {
		c.Riders = cmp.Or(s.riders, s.cards)
	}
	return c
}

// issued reads which city the directory holds, and refuses a directory with another city.
func (s *settings) issued(day time.Time, t *plan.Town) (c plan.City, ok bool, err error) {
	want := s.city(day, t)
	have, ok, err := plan.Read(s.Data)
	switch {
	case err != nil:
		return have, false, service.Fail("data directory not usable").Todo("give another one with --data").Because(err)
	case !ok:
		return want, false, nil
	case have.Direct() && !want.Direct():
		return have, false, service.Refuse("%s holds a city without chips", s.Data).Todo("give --direct, or another directory with --data")
	case want.Direct() && !have.Direct():
		return have, false, service.Refuse("%s holds a city with chips", s.Data).Todo("give another directory with --data, or leave out --direct")
	}
	// A city may be played on other days than its first, under other rules, without its readers.
	want.Day, want.Purse, want.Slots = have.Day, have.Purse, have.Slots
	if have == want {
		return have, true, nil
	}
	if have.Direct() {
		return have, false, service.Fail("%s holds a city of %d cards, %d of them riders, with seed %d", s.Data, have.Cards, have.Riders, have.Seed).
			Todo("give --seed %d --cards %d --riders %d, or another --data", have.Seed, have.Cards, have.Riders)
	}
	return have, false, service.Fail("%s holds a city of %d cards with seed %d", s.Data, have.Cards, have.Seed).
		Todo("give --seed %d --cards %d, or another --data", have.Seed, have.Cards)
}
