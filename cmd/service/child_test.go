package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestChildLines(t *testing.T) {
	type report struct{ Done, Total int }
	var got []report
	c, err := StartChild(t.Context(), ChildSpec{
		Program: "sh", Args: []string{"-c", `read line; echo "$line"; printf '{"done":2,"total":2}'`}, Log: quiet(),
		Line: JSONLines(func(r report) error { got = append(got, r); return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send([]byte(`{"done":1,"total":2}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := []report{{1, 2}, {2, 2}}; !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
}

func TestChildEnds(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name, script string
		line         func([]byte) error
		want         string
		is           error
	}{
		{"well", "exit 0", nil, "", nil},
		{"badly, with a last word", "echo first >&2; echo no reader >&2; exit 4", nil, "sh ended: exit status 4: no reader", nil},
		{"badly, in silence", "exit 4", nil, "sh ended: exit status 4", nil},
		{"what it says is refused", "echo x; exec sleep 60", func([]byte) error { return refused }, "output of sh: refused", refused},
		{"what it says is no JSON", "echo x; exec sleep 60", JSONLines(func(int) error { return nil }), `output of sh: expected a line of JSON, got "x"`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := StartChild(t.Context(), ChildSpec{Program: "sh", Args: []string{"-c", test.script}, Log: quiet(), Line: test.line})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Wait()
			switch {
			case test.want == "" && err == nil:
				return
			case err == nil || test.want == "" || !strings.HasPrefix(err.Error(), test.want):
				t.Errorf("ended with %v, want %s", err, test.want)
			case test.is != nil && !errors.Is(err, test.is):
				t.Errorf("%v does not unwrap to %v", err, test.is)
			}
			if exit, ok := errors.AsType[*exec.ExitError](err); strings.Contains(test.want, "status 4") && (!ok || exit.ExitCode() != 4) {
				t.Errorf("%v does not unwrap to exit code 4", err)
			}
		})
	}
}

// TestChildStop: a child that ends when told to, one that must be killed, and one whose context
// ends.
func TestChildStop(t *testing.T) {
	begin := func(ctx context.Context, t *testing.T, script string) *Child {
		ready := make(chan struct{})
		c, err := StartChild(ctx, ChildSpec{
			Program: "sh", Args: []string{"-c", script}, Log: quiet(),
			Line: func([]byte) error { close(ready); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		<-ready
		return c
	}
	const polite = `trap 'exit 0' TERM; echo ready; while :; do read x || exit 9; done`
	const deaf = `trap '' TERM; echo ready; while :; do read x || exit 9; done`

	if err := begin(t.Context(), t, polite).Stop(t.Context()); err != nil {
		t.Errorf("polite child: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := begin(t.Context(), t, deaf).Stop(done); err != nil {
		t.Errorf("deaf child: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := begin(ctx, t, polite)
	cancel()
	if err := c.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("child whose context ended: %v", err)
	}
}

func TestChildMissing(t *testing.T) {
	_, err := StartChild(t.Context(), ChildSpec{Program: "no-such-program", Log: quiet()})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot find the program no-such-program: ") {
		t.Errorf("%v", err)
	}
}

func TestLines(t *testing.T) {
	var got []string
	each := func(line []byte) error { got = append(got, string(line)); return nil }

	l := &lines{max: 8, each: each}
	for _, piece := range []string{"a", "b\nc\r\n", "", "\n12345678", "\n", "end"} {
		if _, err := io.WriteString(l, piece); err != nil {
			t.Fatal(err)
		}
	}
	l.flush()
	if want := []string{"ab", "c", "", "12345678", "end"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := io.WriteString(l, "123456789"); err == nil || err.Error() != "a line of more than 8 bytes" {
		t.Errorf("long line: %v", err)
	}

	got = nil
	l = &lines{max: 8, split: true, each: each}
	if _, err := io.WriteString(l, "123456789"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"123456789"}; !slices.Equal(got, want) {
		t.Errorf("split: got %q, want %q", got, want)
	}
}
