package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestOps(t *testing.T) {
	away := false
	ops := NewOps("station", quiet())
	taps := prometheus.NewCounter(prometheus.CounterOpts{Name: "citycard_taps_total", Help: "Taps."})
	ops.Registry().MustRegister(taps)
	taps.Add(3)
	ops.Check("consumer", func(context.Context) error { return nil })
	ops.Check("database", func(context.Context) error {
		if away {
			return errors.New("connection refused")
		}
		return nil
	})
	ops.Handle("GET /day", http.RedirectHandler("/healthz", http.StatusSeeOther))
	if err := ops.Start(t.Context(), "127.0.0.1:0", unasked(t)); err != nil {
		t.Fatal(err)
	}
	url := "http://" + ops.Addr()

	metrics := func(lines ...string) {
		t.Helper()
		code, body := get(t, url+"/metrics")
		for _, line := range lines {
			if code != http.StatusOK || !strings.Contains(body, "\n"+line) {
				t.Errorf("/metrics: %d without %s\n%s", code, line, body)
			}
		}
	}
	metrics("citycard_taps_total 3\n", "go_goroutines ", `station_build_info{commit="`, "station_ready 1\n",
		"station_ready_check{check=\"consumer\"} 1\n", "station_ready_check{check=\"database\"} 1\n")
	for _, page := range []string{"/healthz", "/day"} {
		if code, body := get(t, url+page); code != http.StatusOK || body != "{\"status\":\"ok\"}\n" {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
	if code, body := get(t, url+"/readyz"); code != http.StatusOK || body != "{\"ready\":true,\"checks\":{\"consumer\":\"ok\",\"database\":\"ok\"}}\n" {
		t.Errorf("/readyz: %d %s", code, body)
	}
	ops.Notice(func() string { return "TEST masters are in use" })
	ops.Notice(func() string { return "" })
	if code, body := get(t, url+"/readyz"); code != http.StatusOK || !strings.Contains(body, `"ready":true`) || !strings.Contains(body, `"notices":["TEST masters are in use"]`) {
		t.Errorf("/readyz with a notice: %d %s", code, body)
	}
	away = true
	if code, body := get(t, url+"/readyz"); code != http.StatusServiceUnavailable || body != "{\"ready\":false,\"checks\":{\"consumer\":\"ok\",\"database\":\"connection refused\"},\"notices\":[\"TEST masters are in use\"]}\n" {
		t.Errorf("/readyz without a database: %d %s", code, body)
	}
	metrics("station_ready 0\n", "station_ready_check{check=\"consumer\"} 1\n", "station_ready_check{check=\"database\"} 0\n")

	taken := NewOps("station", quiet())
	if err := taken.Start(t.Context(), ops.Addr(), unasked(t)); err == nil || !strings.HasPrefix(err.Error(), "cannot listen on "+ops.Addr()) {
		t.Errorf("a taken address: %v", err)
	}
	if err := ops.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := taken.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// unasked fails the test if the pages end.
func unasked(t *testing.T) func(error) { return func(err error) { t.Error(err) } }

// TestOpsEnd takes the address away from the pages: the process must notice it, since nobody else
// would.
func TestOpsEnd(t *testing.T) {
	ended := make(chan error, 1)
	ops := NewOps("station", quiet())
	if err := ops.Start(t.Context(), "127.0.0.1:0", func(err error) { ended <- err }); err != nil {
		t.Fatal(err)
	}
	if err := ops.listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "metrics and health pages") {
			t.Errorf("they ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody heard that the pages ended")
	}
	if err := ops.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReadinessOfStuckCheck: a check that never answers fails the page in time
// and does not hide the others.
func TestReadinessOfStuckCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := NewOps("station", quiet())
		release := make(chan struct{})
		defer close(release)
		ops.Check("stuck", func(context.Context) error { <-release; return nil })
		ops.Check("fine", func(context.Context) error { return nil })
		got := ops.readiness(t.Context())
		want := map[string]string{"stuck": "no answer in time", "fine": "ok"}
		if got.Ready || !maps.Equal(got.Checks, want) {
			t.Errorf("%+v, want %v", got, want)
		}
	})
}

// TestOpsLetsGo: unused connections are closed, and answers that are not read are ended.
func TestOpsLetsGo(t *testing.T) {
	ops := NewOps("station", quiet())
	ops.idle, ops.answer = 50*time.Millisecond, 200*time.Millisecond
	ops.Handle("GET /endless", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 1<<16); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	if err := ops.Start(t.Context(), "127.0.0.1:0", unasked(t)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/endless"} {
		conn, err := net.Dial("tcp", ops.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: here\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays", path)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := ops.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
