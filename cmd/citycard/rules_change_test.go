package main

import (
	"testing"

	"citycard/clearing/transit/fare"
	"citycard/language"
)

// TestChangesOfPricesInWords reads what the first and the second person are told. A change that has
// to be accepted is always among it.
func TestChangesOfPricesInWords(t *testing.T) {
	dearer := fare.Change{Price: fare.Price{CardType: 2, Line: 501}, Before: 100, After: 200, From: "2027-01-01T00:01", Limit: "0.3", Large: true, Over: true}
	both := dearer
	both.Prices = 2
	little := dearer
	little.Prices, little.After, little.Large, little.Over = 1, 120, false, false
	for _, c := range []struct {
		change           fare.Change
		english, chinese string
	}{
		{
			both, "2 prices change; against the table before or the fares in force most of all card type 2 on bus line 501 from 1.00 to 2.00 yuan, by more than 0.3 of it, from 2027-01-01T00:01 on",
			"2 个票价变动；与前一票价表或现行票价相比，变动最大的是卡种 2 乘公交线路 501，由 1.00 元变为 2.00 元，超过原价的 0.3，自 2027-01-01T00:01 起",
		},
		{
			little, "1 prices change, none of them by more than 0.3 of it; against the table before or the fares in force most of all card type 2 on bus line 501 from 1.00 to 1.20 yuan, from 2027-01-01T00:01 on",
			"1 个票价变动，均不超过原价的 0.3；与前一票价表或现行票价相比，变动最大的是卡种 2 乘公交线路 501，由 1.00 元变为 1.20 元，自 2027-01-01T00:01 起",
		},
		{
			dearer, "against the fares in force most of all card type 2 on bus line 501 changes, from 1.00 to 2.00 yuan, from 2027-01-01T00:01 on; more than 0.3 of it needs to be accepted",
			"与现行票价相比变动最大的是卡种 2 乘公交线路 501，由 1.00 元变为 2.00 元，自 2027-01-01T00:01 起；超过原价的 0.3 须经确认",
		},
		{
			fare.Change{Limit: "0.3", Over: true, Minutes: fare.Turn[uint32]{Before: 180, After: 1, From: "20270101"}},
			"no price of before changes; the time limit of a trip goes from 180 to 1 minutes, from 20270101 on",
			"原有票价均不变；行程时限由 180 分钟改为 1 分钟，自 20270101 起",
		},
		{
			fare.Change{Limit: "0.3", Over: true, Share: fare.Turn[string]{Before: "0.3", After: "1", From: "20270101"}},
			"no price of before changes; the share by which later fares may change a price without --accept-change goes from 0.3 to 1, from 20270101 on",
			"原有票价均不变；以后票价无须 --accept-change 即可变动的比例由 0.3 改为 1，自 20270101 起",
		},
	} {
		text := changeText(c.change)
		if got := text.In(language.Language{}); got != c.english {
			t.Errorf("%+v: %s\nwant %s", c.change, got, c.english)
		}
		if got := text.In(language.Chinese()); got != c.chinese {
			t.Errorf("%+v: %s\nwant %s", c.change, got, c.chinese)
		}
	}
}
