package service

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"citycard/language"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Progress shows the progress of the phases of a long command: bars on a terminal,
// plain lines elsewhere (one at every tenth of a phase). It is an io.Writer for
// log lines, which appear above the bars.
type Progress struct {
	bars *mpb.Progress // nil: plain lines

	language language.Language

	mu     sync.Mutex
	out    io.Writer
	phases []*Phase
}

// NewProgress shows progress on out in a language, with bars where out is a terminal.
func NewProgress(out *os.File, l language.Language) *Progress {
	if term.IsTerminal(int(out.Fd())) {
		return &Progress{language: l, out: out, bars: mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh())}
	}
	return newPlainProgress(out, l)
}

func newPlainProgress(out io.Writer, l language.Language) *Progress {
	return &Progress{language: l, out: out}
}

// Write puts whole lines above the bars.
func (p *Progress) Write(line []byte) (int, error) {
	if p.bars != nil {
		return p.bars.Write(line)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(line)
}

// Phase begins a phase of total steps; 0 where the number is not known yet.
func (p *Progress) Phase(title string, total int64) *Phase {
	phase := &Phase{progress: p, title: p.language.Of(title), total: total, began: time.Now()}
	p.mu.Lock()
	p.phases = append(p.phases, phase)
	p.mu.Unlock()
	if p.bars != nil {
		phase.bar = p.bars.AddBar(total,
			mpb.PrependDecorators(decor.Name(phase.title, decor.WCSyncSpaceR), decor.CountersNoUnit("%d/%d", decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 7})))
		return phase
	}
	p.line(language.Textf("%s: begins", phase.title))
	return phase
}

// Close ends the display: bars of phases that are not done stop where they are.
func (p *Progress) Close() {
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	phases := p.phases
	p.mu.Unlock()
	for _, phase := range phases {
		phase.bar.Abort(false) // no effect on a bar that is complete
	}
	p.bars.Wait()
}

func (p *Progress) line(text *language.Text) {
	fmt.Fprintln(p, text.In(p.language)) // an output that was closed is no error
}

// Phase is one phase of a Progress. Its methods may be called from any goroutine.
type Phase struct {
	progress *Progress
	bar      *mpb.Bar
	title    string
	began    time.Time

	mu          sync.Mutex
	done, total int64
	tenth       int64
	ended       bool
}

// Add counts n more steps.
func (p *Phase) Add(n int64) { p.update(func() { p.done += n }) }

// Set puts the count at done of total, as a child process reports them.
func (p *Phase) Set(done, total int64) { p.update(func() { p.done, p.total = done, total }) }

func (p *Phase) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	change()
	if p.bar != nil {
		p.bar.SetTotal(p.total, false)
		// A bar that reaches its total is closed for good; Done does that.
		p.bar.SetCurrent(min(p.done, max(p.total-1, 0)))
		return
	}
	if p.total <= 0 {
		return
	}
	if tenth := p.done * 10 / p.total; tenth > p.tenth && tenth < 10 {
		p.tenth = tenth
		p.progress.line(language.Textf("%s: %d of %d (%d %%)", p.title, p.done, p.total, p.done*100/p.total))
	}
}

// Done ends the phase and returns how long it took. A second call does nothing.
func (p *Phase) Done() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(p.began)
	if p.ended {
		return took
	}
	p.ended = true
	if p.bar != nil {
		p.bar.SetTotal(max(p.done, 1), true)
		return took
	}
	p.progress.line(language.Textf("%s: done, %d in %.1f s", p.title, p.done, took.Seconds()))
	return took
}
