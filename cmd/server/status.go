package server

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"citycard/clearing/docket"
	"citycard/cmd/service"
	"citycard/ledger"
)

// statusHTML is the status page for people.
const statusHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>citycard</title><meta http-equiv="refresh" content="5">
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020}.good{color:#006b3c}</style></head><body>
<h1>citycard</h1>
<p class="{{if .Fault}}bad{{else}}good{{end}}">{{if .Fault}}not ready / 未就绪: {{.Fault}}{{else}}ready / 就绪{{end}}</p>
{{if .Test}}<p class="bad">{{.Test}}</p>
{{end}}<p>registry / 登记库 {{.Registry}}, Kafka {{.Kafka}}, {{.Database}}</p>
{{range .Days}}<h2>clearing day / 清算日 {{.Day}}: {{.State}}</h2><table><tr><th>verdict / 结果</th><th>reason / 原因</th><th>purpose / 用途</th><th>count / 笔数</th><th>yuan / 元</th></tr>
{{range .Lines}}<tr><td>{{.Verdict}}</td><td>{{.Reason}}</td><td>{{.Purpose}}</td><td class="n">{{.Count}}</td><td class="n">{{.Fen}}</td></tr>{{end}}
</table>{{end}}<p{{if .Old}} class="bad"{{end}}>books read / 账簿读取于 {{.Read}}</p>
<p><a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> · <a href="/readyz">readyz</a></p></body></html>
`

// shownDay is a day according to its committed batches.
type shownDay struct {
	ledger.DayStatus
	Lines []docket.Line
}

// statusHead is what the page says above the days.
type statusHead struct {
	Registry, Kafka, Database string
	Test                      string
	Fault                     error
}

func (c *Server) statusHead(ctx context.Context) statusHead {
	head := statusHead{Registry: c.Registry.Version(), Kafka: c.Kafka, Database: c.Books.Description, Fault: c.intake.Ready(ctx)}
	if c.keys.Store().Test() {
		head.Test = testMasters
	}
	return head
}

// statusPage shows the latest days, as they were read last.
func statusPage(head func(context.Context) statusHead, g *glance) (http.Handler, error) {
	shown, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		v := g.view()
		page := struct {
			statusHead
			Read string
			Old  bool
			Days []shownDay
		}{head(r.Context()), v.read.Format(time.DateTime), g.now().Sub(v.read) > time.Minute, v.days}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// If the browser has gone, there is nobody to report the error to.
		_ = shown.Execute(w, page)
	}), nil
}

// Show starts the metrics, health and status pages.
func (c *Server) Show(ctx context.Context, ops *service.Ops, addr string, stack *service.Stack) error {
	page, err := statusPage(c.statusHead, c.glance)
	if err != nil {
		return err
	}
	ops.Handle("/", page)
	if err := ops.Start(ctx, addr, c.fail); err != nil {
		return err
	}
	stack.Push("ops", ops.Close)
	return nil
}
