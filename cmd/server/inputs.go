package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
	"citycard/cmd/books"
	"citycard/cmd/service"
)

// Inputs are the data that clearing gets from outside: the masters, the registry and the fares of
// the network.
type Inputs struct {
	Registry *registry.Registry

	keys     *keys.Keyring
	founding *registry.Draft // read early if the registry can only be founded
	fares    *fare.Tables
	purses   *load.Rules
}

// ReadInputs reads all of them but the registry, so that a mistake is found before anything starts.
func (s *Settings) ReadInputs(dir string, log *slog.Logger) (*Inputs, error) {
	ring, err := OpenKeys(s.KeyPath(dir), s.Passphrase, s.Demo, log)
	if err != nil {
		return nil, err
	}
	in := &Inputs{keys: ring}
	if err := in.readFounding(s, dir); err != nil {
		return nil, err
	}
	return in, in.load(s.registryPath(dir))
}

// TapWindow is how far a signed date may be from the clearing day before a person has to check it.
// It is the operator's choice, not a rule of a city.
func TapWindow() transit.Plausible { return transit.Plausible{DaysBack: 60, DaysAhead: 1} }

// load builds the fare tables of the network file, which is in the same folder as the registry's
// files.
func (in *Inputs) load(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "network.json"))
	if err != nil {
		return service.Fail("the network cannot be read").Todo("put network.json beside the registry's files").Because(err)
	}
	network, err := fare.LoadNetwork(data)
	if err != nil {
		return service.Fail("network.json cannot be used").Todo("correct it").Because(err)
	}
	rules, err := fare.LoadRules(fare.ExampleJSON())
	if err != nil {
		return err
	}
	if in.purses, err = load.LoadRules(load.ExampleJSON()); err != nil {
		return err
	}
	if in.fares, err = fare.Build(rules, network, in.purses.PurseMaximum); err != nil {
		return service.Fail("the fares of the network cannot be used").Todo("correct the fare rules or network.json").Because(err)
	}
	return nil
}

// Rules says how the records of each input topic are processed.
func Rules(ctx context.Context, b *books.Books, in *Inputs, zone *time.Location) (map[string]func() intake.Rules, error) {
	accounts, err := b.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	taps := &transit.Judge{Registry: in.Registry, Accounts: accounts, TACs: in.keys, Fares: in.fares, Purses: in.purses, Dates: TapWindow(), Zone: zone}
	loads := &load.Judge{TACs: in.keys, Paid: b.Amounts, Written: load.WrittenIn(b.Ledger), Rules: in.purses}
	medicalRules, err := medical.LoadRules(medical.ExampleJSON())
	if err != nil {
		return nil, err
	}
	pensionRules, err := pension.LoadRules(pension.ExampleJSON())
	if err != nil {
		return nil, err
	}
	return map[string]func() intake.Rules{
		message.TopicTaps:  func() intake.Rules { return intake.Taps(taps, in.keys.Store().CardTokens()) },
		message.TopicLoads: func() intake.Rules { return intake.Loads(loads, in.Registry, in.keys.Store().CardTokens()) },
		message.TopicMedicalRequests: func() intake.Rules {
			return intake.MedicalRequests(&medical.Judge{People: in.Registry, Rules: medicalRules, Holdings: b.Ledger.Holdings})
		},
		message.TopicPensionBatches: func() intake.Rules {
			return intake.PensionBatches(&pension.Judge{People: in.Registry, Rules: pensionRules, Booked: b.Amounts})
		},
		message.TopicPensionResults: func() intake.Rules {
			return intake.PensionResults(&pension.Judge{People: in.Registry, Booked: b.Amounts})
		},
	}, nil
}
