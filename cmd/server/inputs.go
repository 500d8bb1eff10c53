package server

import (
	"context"
	"log/slog"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/clearing/transit"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/cmd/books"
)

// Inputs are the data that clearing gets from outside: the masters, the registry and the rules.
type Inputs struct {
	Registry *registry.Registry
	Rules    *rules.Shelf

	tacs     *keys.TACs // with the keys that clearing holds
	loads    load.KeyService
	founding *registry.Draft // read early if the registry can only be founded
	first    *rules.Set      // the same for the rules
}

// ReadInputs reads all of them that are files, so that a mistake is found before anything starts.
func (s *Settings) ReadInputs(ctx context.Context, dir string, log *slog.Logger) (*Inputs, error) {
	in := &Inputs{}
	if err := in.openKeys(ctx, s, dir, log); err != nil {
		return nil, err
	}
	if err := in.readRules(s, dir); err != nil {
		return nil, err
	}
	return in, in.readFounding(s, dir)
}

// TapWindow is how far a signed date may be from the clearing day before a person has to check it.
// It is the operator's choice, not a rule of a city.
func TapWindow() transit.Plausible { return transit.Plausible{DaysBack: 60, DaysAhead: 1} }

// Rules says how the records of each input topic are processed.
func Rules(ctx context.Context, b *books.Books, in *Inputs, zone *time.Location) (map[string]func() intake.Rules, error) {
	accounts, err := b.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	taps := &transit.Judge{Registry: in.Registry, Accounts: accounts, TACs: in.tacs, Rules: in.Rules.Transit, Dates: TapWindow(), Zone: zone}
	loads := &load.Judge{TACs: in.tacs, Paid: b.Amounts, Written: load.WrittenIn(b.Ledger), Rules: in.Rules.Loads}
	codes := &unconfirmed.Codes{Ledger: b.Ledger}
	return map[string]func() intake.Rules{
		message.TopicTaps: func() intake.Rules {
			return intake.Taps(taps, codes, in.tacs.Held().CardTokens()).While(in.Rules.Fresh)
		},
		message.TopicTapsUnconfirmed: func() intake.Rules { return intake.UnconfirmedTaps(&unconfirmed.Judge{Registry: in.Registry}) },
		message.TopicExitTickets:     func() intake.Rules { return intake.ExitTickets(&exits.Judge{Registry: in.Registry}) },
		message.TopicLoads:           func() intake.Rules { return intake.Loads(loads, in.tacs.Held().CardTokens()).While(in.Rules.Fresh) },
		message.TopicMedicalRequests: func() intake.Rules {
			return intake.MedicalRequests(&medical.Judge{People: in.Registry, Rules: in.Rules.Medical, Holdings: b.Ledger.Holdings})
		},
		message.TopicPensionBatches: func() intake.Rules {
			return intake.PensionBatches(&pension.Judge{People: in.Registry, Rules: in.Rules.Pension, Booked: b.Amounts})
		},
		message.TopicPensionResults: func() intake.Rules {
			return intake.PensionResults(&pension.Judge{People: in.Registry, Booked: b.Amounts})
		},
	}, nil
}
