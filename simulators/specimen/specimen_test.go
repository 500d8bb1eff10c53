package specimen_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/ssc"
	"citycard/simulators/specimen"
)

// date is the day on which the specimens of these tests are looked at.
func date() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) }

func made(t *testing.T, kind specimen.Kind, seed uint64) *chip.Chip {
	t.Helper()
	c, err := specimen.New(t.Context(), kind, seed, date())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The same kind, seed and date give the same bytes; another seed gives another person.
func TestSameSeedSameCard(t *testing.T) {
	for _, kind := range specimen.Kinds() {
		var images [][]byte
		for _, seed := range []uint64{5, 5, 6} {
			image, err := made(t, kind, seed).Image()
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, image)
		}
		if !bytes.Equal(images[0], images[1]) || bytes.Equal(images[0], images[2]) {
			t.Errorf("%s: images do not follow from the seed", kind)
		}
		if !made(t, kind, 5).Describe().Personalised {
			t.Errorf("%s is not personalised", kind)
		}
	}
	if _, err := specimen.New(t.Context(), "plastic", 1, date()); err == nil || specimen.Known("plastic") {
		t.Error("a card of plastic was made")
	}
}

// Ten log records, thirty journeys; each payment in the log is a journey with the same
// terminal, time and amount, and the balances follow from each other, loads included.
func TestTransitFilesAgree(t *testing.T) {
	for seed := range uint64(20) {
		d := made(t, specimen.Transit, seed).Describe().Transit
		if len(d.Log) != 10 || len(d.Journeys) != 30 || d.HolderName != "" || len(d.Number) != 20 || d.City != "4910" {
			t.Fatalf("seed %d: %d log records, %d journeys, holder %q, number %q", seed, len(d.Log), len(d.Journeys), d.HolderName, d.Number)
		}
		balance, next := uint32(d.BalanceFen), 0
		for _, l := range d.Log {
			if l.Type == 2 {
				balance -= l.AmountFen
				continue
			}
			j := d.Journeys[next]
			next++
			if l.Type != 9 || j.Terminal != "0000"+l.Terminal || j.Time != l.Time || j.AmountFen != l.AmountFen || j.BalanceFen != balance {
				t.Fatalf("seed %d: log %+v does not agree with journey %+v at balance %d", seed, l, j, balance)
			}
			balance += l.AmountFen
		}
		for i := 1; i < len(d.Journeys); i++ {
			if d.Journeys[i].Time >= d.Journeys[i-1].Time {
				t.Fatalf("seed %d: journeys are not in order of time", seed)
			}
		}
		if last := d.Journeys[0].Time; last[:8] != "20261120" {
			t.Errorf("seed %d: last journey at %s", seed, last)
		}
		if len(d.Tickets) != 1 || d.Tickets[0].First != "20261101" || d.Tickets[0].Last != "20261130" {
			t.Errorf("seed %d: tickets %+v", seed, d.Tickets)
		}
	}
}

// Every file that is known by tag and length is filled completely.
func TestSocialSecurityIsFilled(t *testing.T) {
	for kind, version := range map[specimen.Kind]string{
		specimen.SocialV1: "1.00", specimen.SocialV2: "2.00", specimen.SocialV3: "3.00", specimen.Dual: "3.00",
	} {
		card := made(t, kind, 3)
		d := card.Describe().SocialSecurity
		if d.Version != version || d.Name == "" || len(d.SecurityNumber) != 18 || d.Region != "410100" || d.Birthday == "00000000" {
			t.Errorf("%s: %+v", kind, d)
		}
		records := map[string]int{}
		for _, f := range d.Files {
			records[f.Directory+f.File] = len(f.Records)
		}
		for _, folder := range ssc.Folders(version) {
			for _, table := range folder.Tables {
				want := len(table.Columns)
				if table.Shape == ssc.Cyclic {
					want = table.Rows
				}
				name := hexName(folder.ID) + hexName(table.ID)
				if table.Shape != ssc.Transparent && records[name] != want {
					t.Errorf("%s: file %s has %d records, want %d", kind, name, records[name], want)
				}
			}
		}
		if sum := checked(d.SecurityNumber); !sum {
			t.Errorf("%s: number %s has a wrong check character", kind, d.SecurityNumber)
		}
	}
}

func hexName(id uint16) string {
	return string(bytes.ToUpper([]byte(hex.EncodeToString([]byte{byte(id >> 8), byte(id)}))))
}

// checked is GB 11643's check with the standard's own weights.
func checked(number string) bool {
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += w * int(number[i]-'0')
	}
	return "10X98765432"[sum%11] == number[17]
}

// A specimen of version 3 keeps its holder to itself, one of version 2 does not.
func TestGuard(t *testing.T) {
	name, _ := ssc.FieldOf(ssc.TagName)
	for kind, guarded := range map[specimen.Kind]bool{specimen.SocialV1: false, specimen.SocialV2: false, specimen.SocialV3: true} {
		card := made(t, kind, 3)
		card.PowerOn()
		if _, err := apdu.Exchange(t.Context(), card, ssc.Select()); err != nil {
			t.Fatal(err)
		}
		if _, err := apdu.Exchange(t.Context(), card, ssc.Read(name, ssc.ByTagAndFile)); apdu.IsSecurity(err) != guarded {
			t.Errorf("%s: reading the name: %v", kind, err)
		}
	}
}

// A dual card is one chip through both interfaces. Its purse is an ordinary one, without a
// holder.
func TestDual(t *testing.T) {
	card := made(t, specimen.Dual, 8)
	d := card.Describe()
	if d.Transit == nil || d.SocialSecurity == nil || d.Transit.HolderName != "" || d.SocialSecurity.Name == "" || d.ContactATR == "" || d.ATR == d.ContactATR {
		t.Fatalf("%+v", d)
	}
	if err := card.Use(chip.Contact); err != nil {
		t.Fatal(err)
	}
	if got := card.PowerOn(); hex.EncodeToString(got) != d.ContactATR || !reflect.DeepEqual(card.Describe(), d) {
		t.Error("the card is another one through its contacts")
	}
}
