package counter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/terminals/counter"
)

// A card that is torn at any command of its personalisation is finished, takes the same order
// again, or takes nothing more; it is never called finished before its end.
func TestTornPersonalisation(t *testing.T) {
	for name, o := range map[string]counter.Order{"transit": transitOrder(), "ssc": socialOrder("2.00")} {
		for at, whole := 0, false; !whole; at++ {
			for _, moment := range []chip.Moment{chip.BeforeCommit, chip.AfterCommit} {
				held := chip.NewTransit(1)
				if o.Kind == counter.SocialSecurity {
					held = chip.NewSocialSecurity(1)
				}
				leaves := &cut{Chip: held, at: at, moment: moment}
				_, err := counter.Personalise(t.Context(), leaves, held.PowerOn(), store, o)
				if whole = leaves.n <= at; whole {
					must(t, err)
				}
				atr := held.PowerOn()
				_, finished, err := counter.Finished(t.Context(), held, atr, o)
				must(t, err)
				if finished != held.Describe().Personalised {
					t.Errorf("%s, command %d, moment %v: finished %t, the card says otherwise", name, at, moment, finished)
				}
				if finished {
					continue
				}
				if _, err := counter.Personalise(t.Context(), held, atr, store, o); (err == nil) != held.Describe().Personalised {
					t.Errorf("%s, command %d: %v", name, at, err)
				}
			}
			if at > 200 {
				t.Fatal("the dialogue never ends")
			}
		}
	}
}

// Both formats of a job make the same orders.
func TestParseJob(t *testing.T) {
	today := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	line, err := json.Marshal(transitOrder())
	must(t, err)
	csv := "\uFEFFkind,number,issuer,start,expiry,card_type,province,city,interoperable,holder_name,holder_id,pin,region\n" +
		"transit,03105070200000000012,99994910ffffffff,20260101,20401231,3,4900,4910,true,李四,410101195001010017,123456,\n"
	for _, text := range []string{string(line) + "\n\n", csv} {
		orders, faults, err := counter.ParseJob(strings.NewReader(text), today)
		if err != nil || len(faults) > 0 || len(orders) != 1 {
			t.Fatalf("%v, %v, %v", orders, faults, err)
		}
		got, err := json.Marshal(orders[0].Order)
		must(t, err)
		if string(got) != string(line) || orders[0].ID() != "03105070200000000012" {
			t.Errorf("%s\nwant %s", got, line)
		}
	}
	social, err := json.Marshal(socialOrder("3.00"))
	must(t, err)
	if orders, faults, err := counter.ParseJob(strings.NewReader(string(social)), today); err != nil || len(faults) > 0 || orders[0].ID() != "A00000019" {
		t.Errorf("%v, %v, %v", orders, faults, err)
	}
}
