package main

import (
	"errors"
	"testing"

	"citycard/language"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/tariff"
)

// TestPassengersAreTold: each reason why a card is not served has an outcome of its own and words
// in both languages; what could not be read may be tried again.
func TestPassengersAreTold(t *testing.T) {
	for _, test := range []struct {
		err     error
		outcome string
		sound   int
		english string
		chinese string
	}{
		{card.ErrInsufficient, "short", 3, "the balance does not suffice: please load the card", "余额不足，请充值"},
		{card.ErrExpired, "expired", 3, "this card is not valid today: please go to the service desk", "此卡今日不在有效期内，请到客服中心"},
		{card.ErrBlocked, "blocked", 3, "this card is blocked: please go to the service desk", "此卡已停用，请到客服中心"},
		{&hotlist.ListedError{Reason: "lost"}, "listed", 3, "this card is blocked: please go to the service desk", "此卡已停用，请到客服中心"},
		{card.ErrAlgorithm, "algorithm", 3, "this kind of card cannot be read here: please go to the service desk", "此类卡无法在此处理，请到客服中心"},
		{card.ErrNotTransit, "not_transit", 3, "this is not a transit card", "这不是交通卡"},
		{capp.ErrNotEnabled, "not_enabled", 3, "this card is not in use yet: please go to the service desk", "此卡尚未启用，请到客服中心"},
		{capp.ErrElsewhere, "elsewhere", 3, "this card is not valid here", "此卡不能在本地使用"},
		{capp.ErrIssuer, "elsewhere", 3, "this card is not valid here", "此卡不能在本地使用"},
		{tariff.ErrNoFare, "no_fare", 3, "there is no fare for this card here: please go to the service desk", "此卡在本地没有票价，请到客服中心"},
		{gate.ErrInside, "inside", 3, "this card has entered already: please go to the service desk", "此卡已进站，请到客服中心"},
		{gate.ErrNotInside, "not_inside", 3, "this card has no entry: please go to the service desk", "此卡无进站记录，请到客服中心"},
		{&card.UnknownError{Err: errors.New("gone")}, "unknown", 4, "hold the same card to the reader again", "请再刷一次同一张卡"},
		{errors.New("no answer"), "refused", 4, "hold the card again; if that does not help, please go to the service desk", "请重新刷卡；如仍不行，请到客服中心"},
	} {
		line := shown{}
		line.Outcome, line.Sound = refusal(errors.Join(test.err))
		words := line.words()
		if line.Outcome != test.outcome || line.Sound != test.sound || words == nil {
			t.Errorf("%v: %s, sound %d", test.err, line.Outcome, line.Sound)
			continue
		}
		if words.Error() != test.english || words.In(language.Chinese()) != test.chinese {
			t.Errorf("%s: %q, %q", test.outcome, words.Error(), words.In(language.Chinese()))
		}
	}
}
