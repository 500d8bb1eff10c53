package main

import (
	"crypto/ed25519"
	"flag"
	"log/slog"
	"os"

	"citycard/cmd/service"
	"citycard/terminals/downlink"
)

// followFlags say whose publications the lanes follow.
type followFlags struct {
	publisher string
	unsigned  bool
}

func (f *followFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.publisher, "publisher", "", "`FILE` with the city's public publishing key, as citycard publish-key show prints it; gates and validators")
	flags.BoolVar(&f.unsigned, "unsigned", false, "follow fares and hotlist that nobody has signed, for a trial")
}

// key is the key that the agent is given; nil with --unsigned.
func (f *followFlags) key() (ed25519.PublicKey, error) {
	switch {
	case f.unsigned && f.publisher == "":
		return nil, nil
	case f.unsigned || f.publisher == "":
		return nil, service.Exit(service.ExitUsage, service.Fail("it is not said whose fares and hotlist are followed").
			Todo("give --publisher FILE with what citycard publish-key show prints, or --unsigned for a trial"))
	}
	text, err := os.ReadFile(f.publisher)
	if err != nil {
		return nil, service.Fail("cannot read the publishing key").Todo("check --publisher").Because(err)
	}
	key, err := downlink.ParseKey(string(text))
	if err != nil {
		return nil, service.Fail("%s is no publishing key", f.publisher).Todo("put in it what citycard publish-key show prints").Because(err)
	}
	return key, nil
}

// openTrust opens the file in which the agent keeps whom it follows.
func openTrust(path string, publisher ed25519.PublicKey, log *slog.Logger) (*downlink.Trust, error) {
	if publisher == nil {
		log.Warn("fares and hotlist are followed whoever has written them (--unsigned)")
		return nil, nil
	}
	trust, err := downlink.OpenTrust(path, publisher)
	if err != nil {
		return nil, service.Fail("%s cannot be used", path).Todo("remove it: the agent follows the key of --publisher then").Because(err)
	}
	return trust, nil
}
