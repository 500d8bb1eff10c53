package main

import (
	"strings"
	"testing"

	"citycard/language"
	"citycard/terminals/contents"
)

// The page of a card is in one language, and its columns are aligned.
func TestShow(t *testing.T) {
	transit := contents.Contents{ATR: "3b00", Transit: &contents.Transit{
		Number: "03105070200000000012", Start: "20200101", Expiry: "20991231", City: "4910", CardType: 3,
		HolderName: "李*", BalanceFen: 2755,
		Log: []contents.Entry{
			{Sequence: 1069, Type: 0x09, AmountFen: 200, Terminal: "491010000001", Time: "20261124080102"},
			{Sequence: 7, Type: 0x02, AmountFen: 123400, Terminal: "300089000340", Time: "20261123080102"},
			{Sequence: 6, Type: 0x11, Terminal: "300089000340", Time: "20261123080102"},
		},
		Journeys: []contents.Journey{{Type: 0x04, Line: 1, Station: 12, AmountFen: 200, Time: "20261124080102"}},
	}}
	social := contents.SocialSecurity{
		Identification: "4101", Version: "2.00", Issued: "20200101", Expiry: "20991231", Name: "张*", SecurityNumber: "111111***********0",
	}
	guarded := social
	guarded.Guarded, guarded.Version = true, "3.00"
	for _, c := range []struct {
		language language.Language
		card     contents.Contents
		want     string
	}{
		{language.Language{}, transit, `ATR          3b00
card         transit card
card number  03105070200000000012
valid        20200101 to 20991231
city         4910
card type    3
holder       李*
balance      27.55 yuan

transaction              sequence      yuan  terminal      time
09 (composite purchase)  1069          2.00  491010000001  20261124080102
02 (load)                7         1,234.00  300089000340  20261123080102
11                       6             0.00  300089000340  20261123080102

journey    line  station  yuan  time
04 (exit)  1     12       2.00  20261124080102
`},
		{language.Chinese(), transit, `ATR     3b00
卡片    交通卡
卡号    03105070200000000012
有效期  20200101 至 20991231
城市    4910
卡种    3
持卡人  李*
余额    27.55 元

交易                交易序号        元  终端          时间
09（复合应用消费）  1069          2.00  491010000001  20261124080102
02（圈存）          7         1,234.00  300089000340  20261123080102
11                  6             0.00  300089000340  20261123080102

行程        线路  车站    元  时间
04（出站）  1     12    2.00  20261124080102
`},
		{language.Language{}, contents.Contents{ATR: "3b00", SocialSecurity: &social}, `ATR             3b00
card            social-security card, version 2.00
identification  4101
valid           20200101 to 20991231
holder          张*  111111***********0
`},
		{language.Chinese(), contents.Contents{ATR: "3b00", SocialSecurity: &guarded}, `ATR       3b00
卡片      社会保障卡，版本 3.00
卡识别码  4101
有效期    20200101 至 20991231
持卡人    须经 PSAM 认证才能读取
`},
	} {
		var got strings.Builder
		must(t, show(&got, c.card, c.language))
		if got.String() != c.want {
			t.Errorf("in %s:\n%s\nwant\n%s", c.language.String(), got.String(), c.want)
		}
	}
}

// TestHelp compares what --help says of the program's own flags, in both languages.
func TestHelp(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string // lines
	}{
		{[]string{"trace", "--help"}, []string{
			"show the dialogue with a card, explained, as it goes on",
			"stands how many bytes were hidden.",
			"  --once               end after one card",
			"  --reader NAME        NAME of the reader, or a part of it; the first one where empty",
			"  --wait DURATION      wait for a card for DURATION, 0 for ever (default 0s)",
		}},
		{[]string{"trace", "--help", "--language", "zh"}, []string{
			"实时显示与卡片的对话并加以说明",
			"隐去的字节数。",
			"  --once             读一张卡后结束",
			"  --reader 名称      读卡器的名称或其一部分；空则用第一个",
		}},
	} {
		lines := "\n" + string(output(t, c.args...))
		for _, want := range c.want {
			if !strings.Contains(lines, "\n"+want+"\n") {
				t.Errorf("%v lacks %q:\n%s", c.args, want, lines)
			}
		}
	}
}
