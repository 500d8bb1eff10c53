package server

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"citycard/clearing/docket"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// statusHTML is the status page for people.
const statusHTML = `<!doctype html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><title>citycard</title><meta http-equiv="refresh" content="5">
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020}.good{color:#006b3c}</style></head><body>
<h1>citycard</h1>
<p class="{{if .Fault}}bad{{else}}good{{end}}">{{.Ready}}</p>
{{if .Test}}<p class="bad">{{.Test}}</p>
{{end}}{{if .Calendar}}<p class="bad">{{.Calendar}}</p>
{{end}}{{if .Hotlist}}<p class="bad">{{.Hotlist}}</p>
{{end}}<p>{{.Parts}}</p>
{{range .Days}}<h2>{{.Title}}</h2><table><tr>{{range $.Heads}}<th>{{.}}</th>{{end}}</tr>
{{range .Lines}}<tr>{{range .Words}}<td>{{.}}</td>{{end}}{{range .Numbers}}<td class="n">{{.}}</td>{{end}}</tr>{{end}}
</table>{{end}}<p{{if .Old}} class="bad"{{end}}>{{.Read}}</p>
<p><a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> · <a href="/readyz">readyz</a></p></body></html>
`

// shownDay is a day according to its committed batches.
type shownDay struct {
	ledger.DayStatus
	Lines []docket.Line
}

// statusHead is what the page says above the days.
type statusHead struct {
	Registry, Kafka string
	Database        *language.Text
	Test            bool           // TEST masters are in use
	Calendar        *language.Text // that it ends soon; nil where it does not
	Hotlist         *language.Text // that it is not published; nil where it is
	Fault           error
}

func (c *Server) statusHead(ctx context.Context) statusHead {
	head := statusHead{
		Registry: c.Registry.Version(), Kafka: c.Kafka, Database: c.Books.Description,
		Fault: c.intake.Ready(ctx), Test: c.tacs.Held().Test(), Calendar: c.calendarNotice(time.Now()),
	}
	if refused := c.intake.RefusedHotlist(); refused != nil {
		head.Hotlist = refused.Text()
	}
	return head
}

// statusText is what the page says, in one language.
type statusText struct {
	Language                                    string // as HTML names it
	Fault, Old                                  bool
	Ready, Test, Calendar, Hotlist, Parts, Read string
	Heads                                       []string
	Days                                        []dayText
}

// dayText is what the page says of a day.
type dayText struct {
	Title string
	Lines []struct{ Words, Numbers []string }
}

func newStatusText(head statusHead, v view, now time.Time, l language.Language) statusText {
	page := statusText{
		Language: l.Choose("en", "zh-CN"), Fault: head.Fault != nil, Ready: l.Of("ready"),
		Parts: language.Textf("registry %s, Kafka %s, %s", head.Registry, head.Kafka, head.Database).In(l),
		Heads: []string{l.Of("verdict"), l.Of("reason"), l.Of("purpose"), l.Of("count"), l.Of("yuan")},
		Read:  language.Textf("books read %s", v.read.Format(time.DateTime)).In(l), Old: now.Sub(v.read) > time.Minute,
	}
	if head.Fault != nil {
		page.Ready = language.Textf("not ready: %w", head.Fault).In(l)
	}
	if head.Test {
		page.Test = l.Of(testMasters)
	}
	if head.Calendar != nil {
		page.Calendar = head.Calendar.In(l)
	}
	if head.Hotlist != nil {
		page.Hotlist = head.Hotlist.In(l)
	}
	for _, d := range v.days {
		day := dayText{Title: language.Textf("clearing day %s: %s", d.Day, StateIn(l, d.State)).In(l)}
		for _, line := range d.Lines {
			day.Lines = append(day.Lines, struct{ Words, Numbers []string }{
				[]string{verdictIn(l, line.Verdict), line.Reason.In(l), purposeIn(l, line.Purpose)},
				[]string{strconv.FormatInt(line.Count, 10), line.Fen.String()},
			})
		}
		page.Days = append(page.Days, day)
	}
	return page
}

// statusPage shows the latest days, as they were read last, in the language that the browser asks
// for.
func statusPage(read func(context.Context) statusHead, g *glance) (http.Handler, error) {
	shown, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return nil, language.Textf("status page: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Vary", "Accept-Language")
		page := newStatusText(read(r.Context()), g.view(), g.now(), language.Accepted(r.Header.Get("Accept-Language")))
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
