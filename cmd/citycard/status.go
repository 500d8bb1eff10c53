package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"citycard/clearing/docket"
	"citycard/cmd/service"
	"citycard/ledger"
)

// statusHTML is the page for a person who looks in.
const statusHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>citycard</title><meta http-equiv="refresh" content="5">
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020}.good{color:#006b3c}</style></head><body>
<h1>citycard</h1>
<p class="{{if .Fault}}bad{{else}}good{{end}}">{{if .Fault}}not ready / 未就绪: {{.Fault}}{{else}}ready / 就绪{{end}}</p>
{{if .Test}}<p class="bad">{{.Test}}</p>
{{end}}<p>registry / 登记表 {{.Registry}}, Kafka {{.Kafka}}, {{.Database}}</p>
{{range .Days}}<h2>clearing day / 清算日 {{.Day}}: {{.State}}</h2><table><tr><th>verdict / 结果</th><th>reason / 原因</th><th>purpose / 用途</th><th>count / 笔数</th><th>yuan / 元</th></tr>
{{range .Lines}}<tr><td>{{.Verdict}}</td><td>{{.Reason}}</td><td>{{.Purpose}}</td><td class="n">{{.Count}}</td><td class="n">{{yuan .Fen}}</td></tr>{{end}}
</table>{{end}}<p><a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> · <a href="/readyz">readyz</a></p></body></html>
`

// statusDays is how many days the status page shows, the latest first.
const statusDays = 3

// shownDay is a day as its committed batches tell it.
type shownDay struct {
	ledger.DayStatus
	Lines []docket.Line
}

// statusPage shows the latest days.
func (c *center) statusPage() (http.Handler, error) {
	shown, err := template.New("status").Funcs(template.FuncMap{"yuan": yuan}).Parse(statusHTML)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		page := struct {
			Registry, Kafka, Database string
			Test                      string
			Fault                     error
			Days                      []shownDay
		}{Registry: c.registry.Version(), Kafka: c.kafka, Database: c.books.description, Fault: c.intake.Ready(r.Context())}
		if c.keys.Store().Test() {
			page.Test = testMasters
		}
		var err error
		if page.Days, err = c.latestDays(r.Context()); err != nil {
			page.Fault = err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The page is gone from the browser or it is not; there is nobody to tell.
		_ = shown.Execute(w, page)
	}), nil
}

func (c *center) latestDays(ctx context.Context) ([]shownDay, error) {
	days, err := c.books.Days(ctx)
	if err != nil {
		return nil, err
	}
	var shown []shownDay
	for _, day := range slices.Backward(days[max(0, len(days)-statusDays):]) {
		var sums docket.Sums
		err := c.books.Notes(ctx, day.Day, func(data []byte) error {
			var note docket.Note
			if err := json.Unmarshal(data, &note); err != nil {
				return fmt.Errorf("batch note: %w", err)
			}
			sums.Add(note.Tally)
			return nil
		})
		if err != nil {
			return nil, err
		}
		shown = append(shown, shownDay{day, sums.Lines()})
	}
	return shown, nil
}

// show starts the metrics, health and status pages.
func (c *center) show(ctx context.Context, ops *service.Ops, addr string, stack *service.Stack) error {
	page, err := c.statusPage()
	if err != nil {
		return err
	}
	ops.Handle("/", page)
	if err := ops.Start(ctx, addr); err != nil {
		return service.Fail("cannot listen on "+addr+" / 监控地址不可用", "choose another --ops", err)
	}
	stack.Push("ops", ops.Close)
	return nil
}
