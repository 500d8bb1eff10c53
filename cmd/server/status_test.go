package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citycard/clearing/docket"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
)

// TestStatusLanguage asks for the status page as browsers of both languages do.
func TestStatusLanguage(t *testing.T) {
	moment := time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC)
	g := newGlance(nil, func() time.Time { return moment }, nil)
	g.seen.days = []shownDay{{
		DayStatus: ledger.DayStatus{Day: 20260105, State: ledger.DayClosing},
		Lines: []docket.Line{
			{Verdict: "cleared", Purpose: "metro_exit", Count: 2, Fen: 380},
			{Verdict: "suspended", Reason: verdict.UnknownTerminal, Purpose: "bus", Count: 1, Fen: 200},
		},
	}}
	head := statusHead{
		Registry: "7-abc", Kafka: "10.0.0.5:9092", Database: language.Textf("private PostgreSQL in %s", "/var/cc"), Test: true,
		Fault: language.Textf("database: %w", errors.New("away")), Calendar: calendarEnds(20261231, 20261201),
	}
	page, err := statusPage(func(context.Context) statusHead { return head }, g)
	if err != nil {
		t.Fatal(err)
	}
	for accepts, want := range map[string][]string{
		"": {
			`<html lang="en">`, `<p class="bad">not ready: database: away</p>`, `<p class="bad">TEST masters are in use: anybody can`,
			`<p class="bad">the calendar ends with 20261231: propose a calendar.csv with the year 2027; without it`,
			"<p>registry 7-abc, Kafka 10.0.0.5:9092, private PostgreSQL in /var/cc</p>",
			"<h2>clearing day 20260105: closing</h2><table><tr><th>verdict</th><th>reason</th><th>purpose</th><th>count</th><th>yuan</th></tr>",
			`<tr><td>cleared</td><td></td><td>metro_exit</td><td class="n">2</td><td class="n">3.80</td></tr>`,
			`<tr><td>suspended</td><td>unknown_terminal (the terminal is not registered on that day)</td><td>bus</td><td class="n">1</td><td class="n">2.00</td></tr>`,
			"<p>books read 2026-01-06 12:00:00</p>",
		},
		"zh-CN,zh;q=0.9,en;q=0.8": {
			`<html lang="zh-CN">`, `<p class="bad">未就绪：数据库：away</p>`, `<p class="bad">正在使用测试主密钥：任何人都能`,
			`<p class="bad">工作日历截至 20261231：请提交含 2027 年的 calendar.csv；否则`,
			"<p>登记库 7-abc，Kafka 10.0.0.5:9092，/var/cc 中的私有 PostgreSQL</p>",
			"<h2>清算日 20260105：closing（日切中）</h2><table><tr><th>结果</th><th>原因</th><th>用途</th><th>笔数</th><th>元</th></tr>",
			`<tr><td>cleared（已清算）</td><td></td><td>metro_exit（地铁出站）</td><td class="n">2</td><td class="n">3.80</td></tr>`,
			`<tr><td>suspended（挂账）</td><td>unknown_terminal（终端当日未登记）</td><td>bus（公交）</td><td class="n">1</td><td class="n">2.00</td></tr>`,
			"<p>账簿读取于 2026-01-06 12:00:00</p>",
		},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.Header.Set("Accept-Language", accepts)
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, request)
		for _, text := range want {
			if !strings.Contains(answer.Body.String(), text) {
				t.Errorf("%q: the page does not say %q:\n%s", accepts, text, answer.Body)
			}
		}
		if vary := answer.Header().Get("Vary"); vary != "Accept-Language" {
			t.Errorf("%q: the answer varies by %q", accepts, vary)
		}
	}
}

// TestCalendarEnds warns thirty days before the calendar ends, and after that.
func TestCalendarEnds(t *testing.T) {
	for today, want := range map[ledger.Day]bool{20261129: false, 20261130: false, 20261201: true, 20261231: true, 20270101: true, 20280101: true} {
		if got := calendarEnds(20261231, today) != nil; got != want {
			t.Errorf("on %s it warns: %v, want %v", today, got, want)
		}
	}
}
