package service

import (
	"flag"
	"math"
	"strconv"

	"citycard/language"
)

// Whole adds a flag that takes a whole number from least to most; a most of 0 means no upper limit.
func Whole(flags *flag.FlagSet, to *int, name string, least, most int, usage string) {
	if most == 0 {
		most = math.MaxInt32
	}
	flags.Var(&wholeValue{to, least, most}, name, usage)
}

type wholeValue struct {
	to          *int
	least, most int
}

func (w *wholeValue) String() string {
	if w.to == nil {
		return ""
	}
	return strconv.Itoa(*w.to)
}

func (w *wholeValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case (err != nil || n < w.least || n > w.most) && w.most == math.MaxInt32:
		return language.Textf("want a whole number from %d on", w.least)
	case err != nil || n < w.least || n > w.most:
		return language.Textf("want a whole number from %d to %d", w.least, w.most)
	}
	*w.to = n
	return nil
}
